//! Real servers for tests: nats-server and Postgres on free ports, and waiting for conditions.
