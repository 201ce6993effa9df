//! The least that could answer the same questions: axum, one statement, JSON.

use anyhow::Result;
use axum::extract::{Path, Query, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use std::net::SocketAddr;
use test_support::{BareQueries, BareRun};
use tokio::net::TcpListener;

#[derive(Deserialize)]
struct Count {
    count: i64,
}

/// Serves on a free port until the process ends.
pub async fn serve(queries: BareQueries) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/runs", get(list))
        .route("/runs/{id}", get(one))
        .with_state(queries);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

async fn list(State(queries): State<BareQueries>, Query(query): Query<Count>) -> Json<Vec<BareRun>> {
    Json(queries.newest(query.count).await.unwrap_or_default())
}

async fn one(State(queries): State<BareQueries>, Path(id): Path<i64>) -> Json<Option<BareRun>> {
    Json(queries.one(id).await.unwrap_or_default())
}
