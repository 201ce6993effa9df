//! Is the process alive, and can it do its work? Plus the metrics, on one small HTTP server per service.

use crate::Metrics;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What the service depends on, and how that is doing; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Health {
    components: Arc<RwLock<BTreeMap<&'static str, Component>>>,
}

/// One thing that the service depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Component {
    pub ready: bool,
    /// Why it is not ready, or how it is doing.
    pub detail: String,
}

/// All components; ready when every one is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    pub ready: bool,
    pub components: BTreeMap<&'static str, Component>,
}

impl Health {
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares a component before it is known how it is doing; until then the service is not ready.
    pub fn expect(&self, component: &'static str) {
        self.set(component, false, "starting");
    }

    pub fn ready(&self, component: &'static str, detail: impl Into<String>) {
        self.set(component, true, detail);
    }

    pub fn unready(&self, component: &'static str, reason: impl Into<String>) {
        self.set(component, false, reason);
    }

    pub fn report(&self) -> Report {
        let components = self.components.read().unwrap_or_else(PoisonError::into_inner).clone();
        Report { ready: components.values().all(|component| component.ready), components }
    }

    fn set(&self, name: &'static str, ready: bool, detail: impl Into<String>) {
        let component = Component { ready, detail: detail.into() };
        self.components.write().unwrap_or_else(PoisonError::into_inner).insert(name, component);
    }
}

/// `/livez` (the process turns), `/readyz` (503 while a component is not ready), `/metrics`.
pub fn router(health: Health, metrics: Metrics) -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz).with_state(health))
        .route("/metrics", get(scrape).with_state(metrics))
}

/// Serves [`router`] until draining; a task for [`Lifecycle::spawn`](crate::Lifecycle::spawn).
pub async fn serve(
    listener: TcpListener,
    health: Health,
    metrics: Metrics,
    draining: CancellationToken,
) -> std::io::Result<()> {
    let draining = draining.cancelled_owned();
    axum::serve(listener, router(health, metrics)).with_graceful_shutdown(draining).await
}

async fn readyz(State(health): State<Health>) -> impl IntoResponse {
    let report = health.report();
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report))
}

async fn scrape(State(metrics): State<Metrics>) -> impl IntoResponse {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, OPEN_METRICS)], metrics.to_text())
}
