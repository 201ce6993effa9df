//! Who may ask: as many requests as the limit allows, and with the token where one is set.

use crate::config::Config;
use crate::error::Error;
use crate::rate_limit::{Client, RateLimiter};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use service_runtime::Secret;
use std::net::SocketAddr;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use tokio::time::Instant;

/// WebSocket subprotocol that carries the token: browsers cannot set headers there.
const TOKEN_PROTOCOL: &str = "bearer.";
/// What an orchestrator asks: without a token, and answered however many requests come.
const OPEN_PATHS: [&str; 4] = ["/livez", "/readyz", "/health", "/api/v1/health"];

/// Whether this path is for orchestrators.
pub fn is_open(path: &str) -> bool {
    OPEN_PATHS.contains(&path.trim_end_matches('/'))
}

/// What a request is measured against.
#[derive(Clone)]
pub struct Admission {
    token: Option<Arc<Secret>>,
    limiter: Option<Arc<RateLimiter>>,
}

impl Admission {
    pub fn new(config: &Config) -> Self {
        let limiter = config.limits.requests_per_second.map(RateLimiter::new).map(Arc::new);
        Self { token: config.token.clone().map(Arc::new), limiter }
    }

    /// # Errors
    /// `RateLimited` or `Unauthorized`. Requests without the right token count, too: it cannot be guessed quickly.
    fn admit(&self, request: &Request) -> Result<(), Error> {
        if is_open(request.uri().path()) {
            return Ok(());
        }
        if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>() {
            self.count(Client::at(peer.ip()))?;
        }
        let Some(token) = &self.token else { return Ok(()) };
        if !shown_token(request).is_some_and(|shown| same(&shown, token.expose())) {
            return Err(Error::Unauthorized);
        }
        self.count(Client::Token)
    }

    fn count(&self, client: Client) -> Result<(), Error> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        limiter.admit(client, Instant::now()).map_err(|wait| Error::RateLimited { wait })
    }
}

pub async fn admitted(State(admission): State<Admission>, request: Request, next: Next) -> Response {
    match admission.admit(&request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// `Authorization: Bearer`, the WebSocket subprotocol `bearer.<token>`, or `?token=`, in this order.
fn shown_token(request: &Request) -> Option<String> {
    let text = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    // The scheme in any case (RFC 9110, section 11.1).
    let credentials = text(header::AUTHORIZATION).and_then(|value| value.split_once(' '));
    if let Some((_, token)) = credentials.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) {
        return Some(token.trim().to_owned());
    }
    let protocols = text(header::SEC_WEBSOCKET_PROTOCOL).unwrap_or_default();
    if let Some(token) = protocols.split(',').find_map(|protocol| protocol.trim().strip_prefix(TOKEN_PROTOCOL)) {
        return Some(token.to_owned());
    }
    #[derive(serde::Deserialize)]
    struct TokenQuery {
        token: Option<String>,
    }
    let query = axum::extract::Query::<TokenQuery>::try_from_uri(request.uri()).ok()?;
    query.0.token
}

/// Compares without telling by its duration where two tokens differ.
fn same(shown: &str, expected: &str) -> bool {
    shown.as_bytes().ct_eq(expected.as_bytes()).into()
}
