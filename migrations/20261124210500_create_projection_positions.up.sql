-- How far the tables follow the log; written in the same transaction as their rows.
CREATE TABLE projection_positions (
    projection text PRIMARY KEY,
    -- Creation time of the stream, RFC 3339 with nanoseconds: another value is another history.
    stream_identity text NOT NULL,
    last_sequence bigint NOT NULL,
    -- Absent when the event at this sequence has no readable envelope.
    last_event_id uuid,
    last_event_at timestamptz
);
