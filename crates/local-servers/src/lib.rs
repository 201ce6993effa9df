//! A nats-server and a Postgres as supervised child processes on loopback.
