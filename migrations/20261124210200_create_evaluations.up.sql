-- Policies on held-out seeds, and the scripted agents in the same worlds.
CREATE TABLE evaluations (
    evaluation_id uuid PRIMARY KEY,
    -- Stream sequence of the first event about it.
    id bigint NOT NULL UNIQUE,
    run_id uuid NOT NULL,
    checkpoint_id uuid,
    status text NOT NULL CHECK (status IN ('requested', 'completed', 'failed')),
    timestep bigint,
    episodes integer,
    world_hash text,
    rules_version integer,
    first_seed bigint,
    sampled_mean_threat double precision,
    argmax_mean_threat double precision,
    -- Complete scores with their intervals.
    sampled jsonb,
    argmax jsonb,
    is_last boolean NOT NULL,
    duration_seconds double precision,
    failure_code text,
    failure_message text,
    requested_at timestamptz,
    completed_at timestamptz
);
CREATE INDEX evaluations_of_run ON evaluations (run_id, id);

CREATE TABLE baselines (
    -- Equal world hashes are comparable, whatever run they come from.
    world_hash text NOT NULL,
    agent text NOT NULL,
    id bigint NOT NULL,
    run_id uuid NOT NULL,
    rules_version integer NOT NULL,
    episodes integer NOT NULL,
    first_seed bigint NOT NULL,
    mean_threat double precision NOT NULL,
    score jsonb NOT NULL,
    completed_at timestamptz NOT NULL,
    PRIMARY KEY (world_hash, agent)
);
CREATE INDEX baselines_of_run ON baselines (run_id);
