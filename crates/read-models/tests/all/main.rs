//! Projections, queries, positions and rebuilds against a real Postgres.

mod idempotence;
mod migrations;
mod paging;
mod projections;
mod queries;
mod rebuild;
mod samples;
mod waiting;
mod world;
