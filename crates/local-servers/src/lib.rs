//! A nats-server, a Postgres and the dashboard as supervised child processes on loopback.
//!
//! This is the embedded default of the product and the real servers of its tests. Each server has one thread that
//! spawns it, waits until it answers, restarts it with back-off when it dies and stops it on request. A child dies
//! with its parent: Linux signals it when the thread that spawned it ends, so that thread outlives every runtime.
//!
//! ```no_run
//! # async fn example() -> Result<(), local_servers::StartError> {
//! use local_servers::{NatsOptions, NatsServer, PostgresOptions, PostgresServer, find_nats_server, find_postgres};
//! use std::path::Path;
//!
//! let nats = NatsServer::start(NatsOptions::new(find_nats_server(Path::new("var/tools"))?, "var/nats")).await?;
//! let bin_dir = find_postgres(Path::new("var/postgres"))?;
//! let postgres = PostgresServer::start(PostgresOptions::new(bin_dir, "var/postgres")).await?;
//! println!("{} {}", nats.url(), postgres.url());
//! nats.stop().await;
//! postgres.stop().await;
//! # Ok(()) }
//! ```

mod binaries;
mod dashboard;
mod error;
mod lock;
mod nats;
mod port;
mod postgres;
mod predecessor;
mod process;
mod supervisor;

pub use binaries::{find_nats_server, find_postgres, postgres_major_version};
pub use dashboard::{DashboardOptions, DashboardServer, find_dashboard};
pub use error::StartError;
pub use lock::InstanceLock;
pub use nats::{NatsOptions, NatsServer};
pub use port::{free_port, free_port_or};
pub use postgres::{Durability, PostgresOptions, PostgresServer};
pub use supervisor::ServerState;
