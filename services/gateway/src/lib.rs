//! The gateway service: HTTP and WebSocket in front of commands, read models and the archive.
//!
//! Reading asks the read models; writing sends a command like any other client and answers when the read models show its
//! outcome. [`api::routes`] is the single list of what is served: the router and the OpenAPI document both come from it.

pub mod api;

mod admission;
mod app;
mod archive;
mod byte_ranges;
mod commanding;
mod config;
mod error;
mod excerpts;
mod extract;
mod frame_ids;
mod frames;
mod interactive;
mod limits;
mod live;
mod middleware;
mod origins;
mod rate_limit;
mod repeats;
mod request_body;
mod routes;
mod scripted;
mod server;
mod upload;

pub use config::Config;
pub use error::StartError;
pub use limits::Limits;

use app::App;
use service_runtime::{Clock, Health, IdSource, Lifecycle, Metrics};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// How long clients on WebSockets have to take their farewell.
const FAREWELL: Duration = Duration::from_secs(2);

/// What the service needs from outside: time, ids, health and metrics.
#[derive(Clone)]
pub struct Surroundings {
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
    pub health: Health,
    pub metrics: Metrics,
}

/// Serves on `config.bind` until the lifecycle drains; requests in progress are then finished.
///
/// # Errors
/// When the address is taken, or the log, the database or the object store cannot be reached at the start.
pub async fn run(config: Config, surroundings: Surroundings, lifecycle: Lifecycle) -> Result<(), StartError> {
    let bind = config.bind;
    let listener = TcpListener::bind(bind).await.map_err(|source| StartError::Bind { bind, source })?;
    serve(listener, config, surroundings, lifecycle).await
}

/// As [`run`] on a listener that is already bound, for example to port 0.
///
/// # Errors
/// As [`run`].
pub async fn serve(
    listener: TcpListener,
    config: Config,
    surroundings: Surroundings,
    lifecycle: Lifecycle,
) -> Result<(), StartError> {
    let health = surroundings.health.clone();
    health.expect("gateway");
    let address = listener.local_addr().map_err(StartError::Serve)?;
    let app = App::connect(&config, surroundings, lifecycle.draining()).await?;
    let router = middleware::around(api::router(), &app, &config).with_state(app.clone());
    health.ready("gateway", format!("listening on http://{address}"));
    tracing::info!(server.address = %address, "listening");
    server::serve(listener, router, &config.limits, lifecycle.draining()).await;
    if tokio::time::timeout(FAREWELL, app.all_sockets_closed()).await.is_err() {
        tracing::info!("some clients did not close their sockets in time");
    }
    Ok(())
}
