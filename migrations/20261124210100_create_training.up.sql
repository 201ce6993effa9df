-- What happened while runs were trained.
CREATE TABLE run_metrics (
    -- Stream sequence of `training.progressed`.
    id bigint PRIMARY KEY,
    run_id uuid NOT NULL,
    updates bigint NOT NULL,
    timestep bigint NOT NULL,
    robot_steps bigint NOT NULL,
    episodes_completed bigint NOT NULL,
    elapsed_seconds double precision NOT NULL,
    steps_per_second double precision NOT NULL,
    robot_steps_per_second double precision NOT NULL,
    mean_return double precision,
    mean_reward double precision NOT NULL,
    mean_threat double precision NOT NULL,
    coverage double precision NOT NULL,
    worst_idleness double precision NOT NULL,
    exploration_score double precision NOT NULL,
    best_mean_threat double precision,
    loss double precision NOT NULL,
    diagnostics jsonb NOT NULL,
    recorded_at timestamptz NOT NULL
);
CREATE INDEX run_metrics_of_run ON run_metrics (run_id, id);

CREATE TABLE episodes (
    run_id uuid NOT NULL,
    episode_index bigint NOT NULL,
    -- Stream sequence of the first `training.episode_completed` about it; a resumed trainer repeats episodes bit for bit.
    id bigint NOT NULL,
    env_index integer NOT NULL,
    timestep bigint NOT NULL,
    length integer NOT NULL,
    terminated boolean NOT NULL,
    truncated boolean NOT NULL,
    episode_return double precision NOT NULL,
    mean_threat double precision NOT NULL,
    final_threat double precision NOT NULL,
    average_idleness double precision NOT NULL,
    worst_idleness double precision NOT NULL,
    coverage double precision NOT NULL,
    steps_to_full_coverage integer,
    interferences integer NOT NULL,
    objects_spawned integer NOT NULL,
    objects_removed integer NOT NULL,
    response_p50 double precision,
    response_p95 double precision,
    completed_at timestamptz NOT NULL,
    PRIMARY KEY (run_id, episode_index)
);

CREATE TABLE checkpoints (
    checkpoint_id uuid PRIMARY KEY,
    -- Stream sequence of the newest `training.checkpoint_created` about it.
    id bigint NOT NULL UNIQUE,
    run_id uuid NOT NULL,
    updates bigint NOT NULL,
    timestep bigint NOT NULL,
    episodes_completed bigint NOT NULL,
    policy_uri text NOT NULL,
    policy_sha256 text NOT NULL,
    policy_bytes bigint NOT NULL,
    resume_uri text NOT NULL,
    resume_sha256 text NOT NULL,
    resume_bytes bigint NOT NULL,
    digest text NOT NULL,
    next_segment bigint NOT NULL,
    mean_threat double precision,
    is_last boolean NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX checkpoints_of_run ON checkpoints (run_id, updates);
CREATE INDEX checkpoints_by_digest ON checkpoints (digest);
