//! What happens around every handler: request ids, metrics, security headers, CORS, admission, time and size limits.

use crate::admission::{Admission, admitted, is_open};
use crate::app::App;
use crate::config::Config;
use crate::request_body::{read_to_the_end, within_time};
use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use service_runtime::metrics::{Counter, Family, Histogram};
use service_runtime::{IdSource, Metrics};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};
use tracing::Instrument;

/// Largest body, unless a route says otherwise.
const BODY_LIMIT: usize = 256 * 1024;
/// How long a browser remembers a preflight answer.
const PREFLIGHT_AGE: Duration = Duration::from_secs(600);
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id of a client that is kept.
const LONGEST_REQUEST_ID: usize = 64;

/// Puts everything around `router`, outermost last.
pub fn around(router: Router<App>, app: &App, config: &Config) -> Router<App> {
    router
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(config.limits.clone(), within_time))
        .layer(from_fn_with_state(app.clone(), from_known_pages))
        .layer(from_fn_with_state(Admission::new(config), admitted))
        .layer(cors(config))
        .layer(from_fn(with_security_headers))
        .layer(from_fn_with_state(Observer::new(app), observed))
        .layer(from_fn(read_to_the_end))
}

/// Ids and metrics of requests.
#[derive(Clone)]
struct Observer {
    ids: Arc<dyn IdSource>,
    metrics: RequestMetrics,
}

#[derive(Clone)]
struct RequestMetrics {
    /// `patrol_gateway_requests_total`
    requests: Family<RequestLabels, Counter>,
    /// `patrol_gateway_request_duration_seconds`
    duration: Histogram,
}

/// Names and values; all come from closed sets.
type RequestLabels = Vec<(&'static str, String)>;

impl Observer {
    fn new(app: &App) -> Self {
        Self { ids: Arc::clone(&app.ids), metrics: RequestMetrics::new(&app.metrics) }
    }
}

impl RequestMetrics {
    fn new(metrics: &Metrics) -> Self {
        let metrics = metrics.of_service("gateway");
        Self {
            requests: metrics.counters("requests", "Requests by method, route and status"),
            duration: metrics.seconds("request_duration", "Time until an answer began"),
        }
    }
}

async fn observed(State(observer): State<Observer>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers()).unwrap_or_else(|| observer.ids.next_id().to_string());
    let method = known_method(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", request.id = %id, http.method = method, http.route = %route);
    let mut response = next.run(request).instrument(span.clone()).await;
    let elapsed = started.elapsed();
    let status = response.status().as_u16();
    span.in_scope(|| {
        tracing::debug!(http.status = status, duration_ms = elapsed.as_secs_f64() * 1e3, "answered");
    });
    observer.metrics.duration.observe(elapsed.as_secs_f64());
    let labels = vec![("method", method.to_owned()), ("route", route), ("status", status.to_string())];
    observer.metrics.requests.get_or_create(&labels).inc();
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// The client's own id when it is a plain token: it ends up in logs.
fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (!id.is_empty() && id.len() <= LONGEST_REQUEST_ID && id.bytes().all(plain)).then(|| id.to_owned())
}

/// Methods are free text; labels are not.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

async fn with_security_headers(request: Request, next: Next) -> Response {
    const HEADERS: [(HeaderName, &str); 4] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ];
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        // The documentation page brings a policy of its own.
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn cors(config: &Config) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(config.allowed_origins.iter().cloned()))
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        // Those that the page asks for: what a header means here does not depend on who sends it.
        .allow_headers(AllowHeaders::mirror_request())
        // Harmless beside a closed list of origins, and some clients ask for it whatever the server uses.
        .allow_credentials(true)
        .expose_headers([
            REQUEST_ID,
            header::ACCEPT_RANGES,
            header::CONTENT_DISPOSITION,
            header::CONTENT_RANGE,
            header::ETAG,
            header::LOCATION,
            header::RETRY_AFTER,
        ])
        .max_age(PREFLIGHT_AGE)
}

/// Some requests that change something need no preflight: a form, or one without a body. Pages that may not call us may not
/// send them; nor may a page that calls this machine by a name of its own read anything.
async fn from_known_pages(State(app): State<App>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let checked = match *request.method() {
        _ if is_open(request.uri().path()) => Ok(()),
        Method::GET | Method::HEAD | Method::OPTIONS => app.origins.check_host(headers),
        _ => app.origins.check_host(headers).and_then(|()| app.origins.check(headers)),
    };
    match checked {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}
