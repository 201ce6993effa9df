ALTER TABLE runs
    DROP COLUMN best_checkpoint_id,
    DROP COLUMN best_checkpoint_mean_threat;
