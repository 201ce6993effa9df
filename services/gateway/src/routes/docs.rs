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
}

async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}
