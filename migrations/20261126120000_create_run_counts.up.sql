-- How long the lists of a run are: counting their rows would cost more than reading a page of them.
CREATE TABLE run_counts (
    run_id uuid PRIMARY KEY,
    -- Rows of `run_metrics`.
    metrics bigint NOT NULL DEFAULT 0,
    -- Rows of `episodes`.
    episodes bigint NOT NULL DEFAULT 0
);

INSERT INTO run_counts (run_id, metrics)
SELECT run_id, count(*) FROM run_metrics GROUP BY run_id;

INSERT INTO run_counts AS counts (run_id, episodes)
SELECT run_id, count(*) FROM episodes GROUP BY run_id
ON CONFLICT (run_id) DO UPDATE SET episodes = excluded.episodes;
