//! What every service needs to run: configuration, telemetry, shutdown, health, metrics, the real clock and ids.
//!
//! A service is `async fn run(config: Config, lifecycle: Lifecycle) -> Result<(), Error>`; the executable wires:
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use service_runtime::{EnvironmentReader, Health, Lifecycle, Metrics, health, telemetry};
//! use std::time::Duration;
//!
//! let mut variables = EnvironmentReader::from_process();
//! let log = telemetry::Options::read(&mut variables, &["ingest"]);
//! let bind: std::net::SocketAddr = variables.or_default("INGEST_HEALTH_BIND", "127.0.0.1:0");
//! variables.finish()?; // every mistake at once, one line each; the executable then exits with 2
//!
//! let _telemetry = telemetry::init(log)?;
//! let (lifecycle, health, metrics) = (Lifecycle::new(), Health::new(), Metrics::new("ingest"));
//! let listener = tokio::net::TcpListener::bind(bind).await?;
//! lifecycle.spawn("health", health::serve(listener, health, metrics, lifecycle.draining()));
//! let service = lifecycle.within(tracing::info_span!("ingest"));
//! let draining = service.draining();
//! service.spawn("consumer", async move { draining.cancelled().await; Ok::<_, std::io::Error>(()) });
//! lifecycle.run(Duration::from_secs(20)).await?;
//! # Ok(()) }
//! ```

pub mod health;
pub mod metrics;
pub mod telemetry;

mod background;
mod clock;
mod configuration;
mod lifecycle;
mod trace_context;

pub use background::Background;
pub use clock::{Clock, IdSource, ManualClock, RandomIds, SequentialIds, SystemClock};
pub use configuration::{ConfigurationError, EnvironmentReader, Secret};
pub use health::Health;
pub use lifecycle::{Lifecycle, TaskFailure};
pub use metrics::Metrics;
pub use trace_context::{TraceContext, TraceContextError};
