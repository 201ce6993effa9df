-- What became of commands, and what could not be processed.
CREATE TABLE command_outcomes (
    -- Stream sequence of an event that a command directly caused.
    id bigint PRIMARY KEY,
    command_id uuid NOT NULL,
    event_id uuid NOT NULL,
    event_type text NOT NULL,
    run_id uuid,
    occurred_at timestamptz NOT NULL
);
CREATE INDEX command_outcomes_of_command ON command_outcomes (command_id, id);

CREATE TABLE rejected_commands (
    -- Stream sequence of `command.rejected`.
    id bigint PRIMARY KEY,
    command_id uuid NOT NULL,
    command text NOT NULL,
    run_id uuid,
    reasons jsonb NOT NULL,
    rejected_at timestamptz NOT NULL
);
CREATE INDEX rejected_commands_of_command ON rejected_commands (command_id);

CREATE TABLE dead_letters (
    -- Stream sequence of `archive.message_dead_lettered`, or of the event that could not be understood.
    id bigint PRIMARY KEY,
    run_id uuid,
    -- Where the message itself is.
    stream text NOT NULL,
    sequence bigint NOT NULL,
    subject text NOT NULL,
    reason text NOT NULL,
    -- Absent when the message has no readable envelope.
    recorded_at timestamptz
);
