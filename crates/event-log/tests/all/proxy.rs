//! A TCP proxy in front of nats-server that loses what the server says, as a failing network does.

use anyhow::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

pub struct Proxy {
    port: u16,
    muted: Arc<AtomicBool>,
    cut: broadcast::Sender<()>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Forwards to the server on `upstream`.
    pub async fn start(upstream: u16) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let muted = Arc::new(AtomicBool::new(false));
        let (cut, _) = broadcast::channel(1);
        let accepting = tokio::spawn(accept(listener, upstream, muted.clone(), cut.clone()));
        Ok(Self { port, muted, cut, accepting })
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// From now on nothing that the server says arrives.
    pub fn mute(&self) {
        self.muted.store(true, Ordering::SeqCst);
    }

    /// Cuts every connection; new ones work again.
    pub fn cut(&self) {
        let _ = self.cut.send(());
        self.muted.store(false, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, upstream: u16, muted: Arc<AtomicBool>, cut: broadcast::Sender<()>) {
    while let Ok((client, _)) = listener.accept().await {
        let Ok(server) = TcpStream::connect(("127.0.0.1", upstream)).await else { continue };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let never = Arc::new(AtomicBool::new(false));
        tokio::spawn(forward(from_client, to_server, never, cut.subscribe()));
        tokio::spawn(forward(from_server, to_client, muted.clone(), cut.subscribe()));
    }
}

/// Copies until either end closes or the cut; drops what it reads while `muted`.
async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    muted: Arc<AtomicBool>,
    mut cut: broadcast::Receiver<()>,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read.unwrap_or(0),
            _ = cut.recv() => 0,
        };
        if read == 0 {
            return;
        }
        if !muted.load(Ordering::SeqCst) && to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
