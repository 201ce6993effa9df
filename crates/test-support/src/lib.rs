//! Real servers for tests: nats-server and Postgres on free ports, waiting for conditions, given/when/then.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! let nats = test_support::TestNats::start().await?; // private to this test: streams have fixed names
//! let postgres = test_support::TestPostgres::shared().await?; // one server per test process
//! let database = postgres.fresh_database().await?; // migrated, private to this test
//! println!("{} {}", nats.url(), database.url());
//! # Ok(()) }
//! ```
//!
//! Everything lives in one temporary directory per server, which goes away with it (also after a killed test run: the
//! next one sweeps). The servers' logs stay under `target/tmp/test-logs`.

mod bare_queries;
mod directory;
mod given;
mod nats;
mod postgres;
mod python;
mod s3;
mod template;
mod wait;

pub use bare_queries::{BareQueries, BareRun};
pub use directory::{TestDirectory, workspace_root};
pub use given::{Given, Outcome, given};
pub use local_servers::NatsServer;
pub use nats::{TestCluster, TestNats};
pub use postgres::{TestDatabase, TestPostgres};
pub use python::{python, python_code, run_to_end};
pub use s3::TestS3;
pub use wait::wait_for;

/// Both servers, for tests of whole services.
#[derive(Debug)]
pub struct TestServers {
    pub nats: TestNats,
    pub postgres: std::sync::Arc<TestPostgres>,
}

impl TestServers {
    /// A private nats-server and the Postgres of this test process.
    pub async fn start() -> anyhow::Result<Self> {
        Ok(Self { nats: TestNats::start().await?, postgres: TestPostgres::shared().await? })
    }
}
