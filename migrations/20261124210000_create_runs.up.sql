-- One row per run: what people list and filter, folded from its lifecycle and progress.
-- Every time comes from an event's envelope, so that a rebuild gives the same rows.
CREATE TABLE runs (
    -- Stream sequence of `run.requested`: the run's number for people.
    id bigint PRIMARY KEY,
    run_id uuid NOT NULL UNIQUE,
    name text NOT NULL,
    algorithm text NOT NULL,
    policy_type text NOT NULL,
    environment_type text NOT NULL,
    map_type text NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    num_robots integer NOT NULL,
    total_timesteps bigint NOT NULL,
    seed bigint NOT NULL,
    -- The complete configuration, as accepted.
    config jsonb NOT NULL,
    parent_run_id uuid,
    init_from text,
    command_id uuid,
    status text NOT NULL CHECK (status IN ('created', 'queued', 'running', 'paused', 'completed', 'failed')),
    -- What a client asked for and the trainer has not answered yet.
    pending_action text CHECK (pending_action IN ('pause', 'stop')),
    trainer_id text,
    binary_sha256 text,
    cpu_features text,
    threads integer,
    updates bigint NOT NULL,
    timestep bigint NOT NULL,
    robot_steps bigint NOT NULL,
    episodes_completed bigint NOT NULL,
    elapsed_seconds double precision NOT NULL,
    steps_per_second double precision,
    robot_steps_per_second double precision,
    mean_return double precision,
    mean_threat double precision,
    best_mean_threat double precision,
    coverage double precision,
    loss double precision,
    recording_level text NOT NULL,
    last_checkpoint_id uuid,
    -- Key of the newest policy below the object store's root.
    model_uri text,
    digest text,
    outcome text,
    failure_code text,
    failure_message text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    started_at timestamptz,
    completed_at timestamptz,
    deleted_at timestamptz
);
CREATE INDEX runs_visible ON runs (id DESC) WHERE deleted_at IS NULL;
CREATE INDEX runs_visible_by_status ON runs (status, id DESC) WHERE deleted_at IS NULL;
