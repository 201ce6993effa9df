//! The list of what is served: one table makes both the router and the OpenAPI document.

mod document;
mod operation;

pub use operation::Operation;

use crate::app::App;
use crate::error::Error;
use crate::routes;
use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, on};
use serde_json::Value;

/// Routes with their descriptions.
pub struct Api {
    router: Router<App>,
    operations: Vec<Operation>,
}

/// Everything that is served.
pub fn routes() -> Api {
    let api = Api { router: Router::new(), operations: Vec::new() };
    let api = routes::health::routes(api);
    let api = routes::training::routes(api);
    let api = routes::fork::routes(api);
    let api = routes::run_metrics::routes(api);
    let api = routes::checkpoints::routes(api);
    let api = routes::evaluations::routes(api);
    let api = routes::episodes::routes(api);
    let api = routes::run_events::routes(api);
    let api = routes::playback::routes(api);
    let api = routes::template_agents::routes(api);
    let api = routes::websocket::routes(api);
    let api = routes::commands::routes(api);
    let api = routes::events::routes(api);
    let api = routes::environment::routes(api);
    let api = routes::files::routes(api);
    let api = routes::download::routes(api);
    routes::docs::routes(api)
}

/// The router of [`routes`].
pub fn router() -> Router<App> {
    let unknown = || async { Error::NotFound("there is nothing at this address; see /docs".to_owned()) };
    let not_allowed = || async { Error::MethodNotAllowed };
    routes().router.fallback(unknown).method_not_allowed_fallback(not_allowed)
}

/// The OpenAPI 3.1 document of [`routes`].
pub fn document() -> Value {
    document::of(&routes().operations)
}

impl Api {
    #[must_use]
    pub fn get<T, H>(self, path: &'static str, handler: H, describe: impl FnOnce(Operation) -> Operation) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.add(Method::GET, MethodFilter::GET, path, handler, describe)
    }

    #[must_use]
    pub fn post<T, H>(self, path: &'static str, handler: H, describe: impl FnOnce(Operation) -> Operation) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.add(Method::POST, MethodFilter::POST, path, handler, describe)
    }

    #[must_use]
    pub fn delete<T, H>(self, path: &'static str, handler: H, describe: impl FnOnce(Operation) -> Operation) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.add(Method::DELETE, MethodFilter::DELETE, path, handler, describe)
    }

    fn add<T, H>(
        mut self,
        method: Method,
        filter: MethodFilter,
        path: &'static str,
        handler: H,
        describe: impl FnOnce(Operation) -> Operation,
    ) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        // Clients differ in whether they end a path with a slash.
        let other = match path.strip_suffix('/') {
            Some(bare) => bare.to_owned(),
            None => format!("{path}/"),
        };
        let method_router = on(filter, handler);
        self.router = self.router.route(path, method_router.clone()).route(&other, method_router);
        self.operations.push(describe(Operation::new(method, path)));
        self
    }
}
