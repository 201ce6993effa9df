//! The description of all this.

use crate::api::{self, Api};
use axum::http::header;
use axum::response::IntoResponse;
use std::sync::LazyLock;

static DOCUMENT: LazyLock<String> = LazyLock::new(|| format!("{:#}\n", api::document()));

pub fn routes(api: Api) -> Api {
    api.get("/openapi.json", openapi, |it| {
        it.says("system", "This document").gives_content(200, "OpenAPI 3.1", "application/json")
    })
    .get("/docs", docs, |it| it.says("system", "This document for people").gives_content(200, "A page", "text/html"))
}

/// Everything that the page needs is in it; it only asks for the document.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; \
img-src data:; frame-ancestors 'none'";

async fn docs() -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, POLICY)];
    (headers, include_str!("../../assets/docs.html"))
}

async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}
