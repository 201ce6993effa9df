//! The event log on NATS JetStream: append, consume, replay, drift check.
