//! A client that watches a session.

use crate::world::{PATIENCE, World};
use anyhow::{Context, Result};
use futures::StreamExt;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

pub struct Watcher(pub WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Watcher {
    pub async fn open(world: &World, path: &str) -> Result<Self> {
        Ok(Self(connect_async(format!("ws://{}{path}", world.address)).await?.0))
    }

    pub async fn next(&mut self) -> Result<Message> {
        let message = tokio::time::timeout(PATIENCE, self.0.next()).await.context("no message in time")?;
        Ok(message.context("the socket ended")??)
    }

    /// The next message of this type.
    pub async fn wait_for(&mut self, kind: &str) -> Result<Value> {
        let found = tokio::time::timeout(PATIENCE, self.find(kind)).await;
        found.with_context(|| format!("no {kind} in time"))?
    }

    /// Code and reason with which the gateway closes.
    pub async fn farewell(&mut self) -> Result<(u16, String)> {
        loop {
            if let Message::Close(close) = self.next().await? {
                let close = close.context("a farewell without a code")?;
                return Ok((close.code.into(), close.reason.to_string()));
            }
        }
    }

    async fn find(&mut self, kind: &str) -> Result<Value> {
        loop {
            if let Message::Text(text) = self.next().await? {
                let message: Value = serde_json::from_str(&text)?;
                if message["type"] == kind {
                    return Ok(message);
                }
            }
        }
    }
}
