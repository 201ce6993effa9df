-- What lies in the object store.
CREATE TABLE trajectory_files (
    file_id uuid PRIMARY KEY,
    -- Stream sequence of `archive.file_written`.
    id bigint NOT NULL UNIQUE,
    run_id uuid NOT NULL,
    split text NOT NULL,
    table_name text NOT NULL,
    uri text NOT NULL,
    sha256 text NOT NULL,
    bytes bigint NOT NULL,
    rows bigint NOT NULL,
    producer text NOT NULL,
    first_segment bigint NOT NULL,
    last_segment bigint NOT NULL,
    first_episode bigint,
    last_episode bigint,
    first_step integer,
    last_step integer,
    written_at timestamptz NOT NULL
);
CREATE INDEX trajectory_files_of_run ON trajectory_files (run_id, split, table_name, first_episode);

CREATE TABLE models (
    file_id uuid PRIMARY KEY,
    -- Stream sequence of `archive.model_registered`.
    id bigint NOT NULL UNIQUE,
    run_id uuid,
    original_filename text NOT NULL,
    uri text NOT NULL,
    sha256 text NOT NULL,
    bytes bigint NOT NULL,
    description text,
    metadata jsonb,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz
);
