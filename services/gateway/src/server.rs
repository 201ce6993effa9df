//! Connections: how many there are, how large and how slow the head of a request may be, and how they end.
//!
//! hyper directly, because `axum::serve` has no setting for any of these.

use crate::limits::Limits;
use axum::Router;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Largest head of a request, bytes: request line and headers. More is answered by 431.
const LARGEST_HEAD: usize = 16 * 1024;
/// Most headers of a request. More are answered by 431.
const MOST_HEADERS: usize = 64;
/// What is read ahead of a request, bytes.
const BUFFER: usize = 64 * 1024;
/// After an error that is not the client's, such as too many open files.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves until `draining`; then takes no further connection, finishes the requests that have begun, and returns.
pub async fn serve(listener: TcpListener, router: Router, limits: &Limits, draining: CancellationToken) {
    let connections = TaskTracker::new();
    let places = Arc::new(Semaphore::new(limits.connections));
    let head_within = limits.head_within;
    let accepting = async {
        loop {
            // Never closed.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let (stream, peer) = accept(&listener).await;
            let connection = connection(stream, peer, router.clone(), head_within, draining.clone());
            connections.spawn(async move {
                connection.await;
                drop(place);
            });
        }
    };
    tokio::select! {
        () = accepting => {}
        () = draining.cancelled() => {}
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_client(&error) => {}
            Err(error) => {
                tracing::warn!("cannot accept connections: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// The client left before it was served.
fn is_of_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    head_within: Duration,
    draining: CancellationToken,
) {
    // Small answers should not wait for more; without it they only come later.
    let _ = stream.set_nodelay(true);
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.call(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head_within);
    http.max_headers(MOST_HEADERS).max_header_size(LARGEST_HEAD).max_buf_size(BUFFER);
    let mut served = pin!(http.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = draining.cancelled() => {
            // The request that has begun is answered, with `Connection: close`.
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(client.address = %peer, "a connection broke: {error}");
    }
}
