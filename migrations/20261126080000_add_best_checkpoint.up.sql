-- The checkpoint that did best on held-out seeds; those of the past are found as the projection would have.
ALTER TABLE runs
    ADD COLUMN best_checkpoint_id uuid,
    ADD COLUMN best_checkpoint_mean_threat double precision;

UPDATE runs
SET best_checkpoint_id = best.checkpoint_id, best_checkpoint_mean_threat = best.sampled_mean_threat
FROM (
    SELECT DISTINCT ON (run_id) run_id, checkpoint_id, sampled_mean_threat
    FROM evaluations
    WHERE status = 'completed' AND timestep > 0
    ORDER BY run_id, sampled_mean_threat, id
) AS best
WHERE best.run_id = runs.run_id;
