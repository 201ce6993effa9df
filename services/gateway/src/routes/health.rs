//! Is everything that the gateway needs there?

use crate::api::{Api, Operation};
use crate::app::App;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

/// A server that does not answer within this time counts as absent.
const PATIENCE: Duration = Duration::from_secs(2);
/// Events that the read models may be behind and still count as following.
const TOLERATED_LAG: u64 = 10_000;

pub fn routes(api: Api) -> Api {
    api.get("/health", health, described)
        .get("/api/v1/health/", health, described)
        .get(
            "/livez",
            || async { "alive\n" },
            |it| it.says("system", "The process turns").gives_content(200, "It does", "text/plain"),
        )
        .get("/readyz", readyz, |it| {
            it.says("system", "Every service of this process can do its work")
                .gives::<Readiness>(200, "It can")
                .gives::<Readiness>(503, "It cannot; the components say why")
        })
        .get("/metrics", metrics, |it| {
            it.says("system", "Metrics for Prometheus").gives_content(200, "OpenMetrics 1.0", OPEN_METRICS)
        })
}

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

fn described(operation: Operation) -> Operation {
    operation
        .says("system", "Health of the gateway and the servers behind it")
        .gives::<HealthReport>(200, "Everything is there")
        .gives::<HealthReport>(503, "Something is missing")
}

#[derive(Serialize, JsonSchema)]
struct HealthReport {
    status: Status,
    /// `database`, `nats`, `object_store` and `projector`.
    components: BTreeMap<&'static str, Component>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    Healthy,
    Unhealthy,
}

#[derive(Serialize, JsonSchema)]
struct Component {
    status: Status,
    detail: String,
}

/// The services of this process.
#[derive(Serialize, JsonSchema)]
struct Readiness {
    ready: bool,
    components: BTreeMap<&'static str, ServiceReadiness>,
}

#[derive(Serialize, JsonSchema)]
struct ServiceReadiness {
    ready: bool,
    detail: String,
}

async fn health(State(app): State<App>) -> impl IntoResponse {
    let (database, nats, store, projector) = tokio::join!(
        checked(async { app.models.ping().await.map(|()| "answers".to_owned()) }),
        checked(nats(&app)),
        checked(async { app.store.size("health").await.map(|_| "answers".to_owned()) }),
        checked(projector(&app)),
    );
    let components: BTreeMap<_, _> =
        [("database", database), ("nats", nats), ("object_store", store), ("projector", projector)].into();
    let healthy = components.values().all(|component| component.status == Status::Healthy);
    let (code, status) =
        if healthy { (StatusCode::OK, Status::Healthy) } else { (StatusCode::SERVICE_UNAVAILABLE, Status::Unhealthy) };
    (code, Json(HealthReport { status, components }))
}

async fn nats(app: &App) -> Result<String, &'static str> {
    if app.log.is_connected() { Ok(app.log.server_version()) } else { Err("not connected") }
}

async fn projector(app: &App) -> Result<String, String> {
    let last = app.log.last_sequence().await.map_err(|_| "the log does not answer")?;
    let position = app.models.position().await.map_err(|_| "the database does not answer")?;
    let lag = last.saturating_sub(position.map_or(0, |position| position.sequence));
    let detail = format!("{lag} events behind");
    if lag <= TOLERATED_LAG { Ok(detail) } else { Err(detail) }
}

/// What a check says; errors of servers stay in the log.
async fn checked<E: Display>(check: impl Future<Output = Result<String, E>>) -> Component {
    let unhealthy = |detail: &str| Component { status: Status::Unhealthy, detail: detail.to_owned() };
    match tokio::time::timeout(PATIENCE, check).await {
        Ok(Ok(detail)) => Component { status: Status::Healthy, detail },
        Ok(Err(error)) => {
            tracing::debug!("unhealthy: {error}");
            unhealthy("cannot be used")
        }
        Err(_) => unhealthy("does not answer"),
    }
}

async fn readyz(State(app): State<App>) -> impl IntoResponse {
    let report = app.health.report();
    let code = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let components = report.components.into_iter();
    let components = components
        .map(|(name, component)| (name, ServiceReadiness { ready: component.ready, detail: component.detail }))
        .collect();
    (code, Json(Readiness { ready: report.ready, components }))
}

async fn metrics(State(app): State<App>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, OPEN_METRICS)], app.metrics.to_text())
}
