//! Postgres read models: migrations, the projections' SQL and queries.
