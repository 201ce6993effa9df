//! How far a request's body has come. Handlers read it as they like; how long it takes is the client's doing, and what
//! they leave of it lies before the next request of the connection.

use crate::error::Error;
use crate::limits::Limits;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::body::{Frame, SizeHint};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// So much that a handler did not read is read over, bytes.
const REST: usize = 256 * 1024;
/// A rest that is on its way has come by then.
const REST_WITHIN: Duration = Duration::from_millis(250);

/// A body in two hands: the handler's and that of the layers around it.
#[derive(Clone)]
struct RequestBody(Arc<Mutex<Progress>>);

struct Progress {
    body: Body,
    /// When something of it came last.
    heard: Instant,
    /// Somebody waits for more.
    is_awaited: bool,
    is_over: bool,
}

impl RequestBody {
    /// Goes between the body of `request` and its handler; none where there is no body.
    fn of(request: Request) -> (Request, Option<Self>) {
        if request.body().is_end_stream() {
            return (request, None);
        }
        let (mut parts, body) = request.into_parts();
        let progress = Progress { body, heard: Instant::now(), is_awaited: false, is_over: false };
        let shared = Self(Arc::new(Mutex::new(progress)));
        parts.extensions.insert(shared.clone());
        (Request::from_parts(parts, Body::new(shared.clone())), Some(shared))
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until when more must have come of a request that began at `begun`, or else its answer.
    fn deadline(&self, begun: Instant, limits: &Limits) -> Instant {
        let progress = self.lock();
        let next = progress.heard + limits.answer_within;
        if progress.is_over { next } else { next.min(begun + limits.body_within) }
    }

    /// Reads over what nobody read; whether nothing is left.
    async fn read_over(mut self) -> bool {
        let reading = async {
            let mut left = REST;
            while let Some(Ok(frame)) = std::future::poll_fn(|context| Pin::new(&mut self).poll_frame(context)).await {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                let Some(rest) = left.checked_sub(bytes) else { break };
                left = rest;
            }
        };
        let _ = timeout(REST_WITHIN, reading).await;
        self.lock().is_over
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let mut progress = self.lock();
        let polled = Pin::new(&mut progress.body).poll_frame(context);
        progress.is_awaited = polled.is_pending();
        if let Poll::Ready(frame) = &polled {
            progress.heard = Instant::now();
            progress.is_over = frame.is_none() || progress.body.is_end_stream();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.lock().body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.lock().body.size_hint()
    }
}

/// A connection goes on behind the body of a request, whoever answered it and however early: a small rest is read over, and
/// before a larger one the client is told that the connection ends here.
pub async fn read_to_the_end(request: Request, next: Next) -> Response {
    // Who asks whether to send a body at all has not sent it after a refusal.
    let waits = request.headers().contains_key(header::EXPECT);
    let (request, body) = RequestBody::of(request);
    let mut response = next.run(request).await;
    if let Some(body) = body
        && !body.lock().is_over
        && (waits || !body.read_over().await)
    {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A body may pause for as long as an answer may take from its end on, and may take as long as a large one needs.
pub async fn within_time(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let body = request.extensions().get::<RequestBody>().cloned();
    let begun = Instant::now();
    let deadline = || body.as_ref().map_or(begun + limits.answer_within, |body| body.deadline(begun, &limits));
    let mut answering = pin!(next.run(request));
    loop {
        if let Ok(response) = timeout_at(deadline(), answering.as_mut()).await {
            return response;
        }
        // Something may have come meanwhile.
        if deadline() <= Instant::now() {
            break;
        }
    }
    let is_of_client = body.is_some_and(|body| body.lock().is_awaited);
    if is_of_client { Error::BodyTooSlow.into_response() } else { Error::TimedOut.into_response() }
}
