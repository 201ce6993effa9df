//! Watching a session over a WebSocket.

use crate::api::{Api, Operation};
use crate::app::App;
use crate::error::{Error, Result};
use crate::extract::{Path, RunKey};
use crate::live::{Channel, ConnectionAck, Newest};
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::response::Response;
use read_models::RunRow;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

/// A client that says nothing for so many heartbeats, not even a pong, is gone.
const SILENT_HEARTBEATS: u32 = 3;
/// A client that does not take a message for this long is gone.
const SEND_WITHIN: Duration = Duration::from_secs(10);
/// How long the other side has to answer a farewell.
const FAREWELL: Duration = Duration::from_secs(1);
/// Clients say little.
const LARGEST_MESSAGE: usize = 16 * 1024;
/// The default of 128 KiB would be most of an idle socket's memory.
const BUFFER: usize = 4 * 1024;
/// Subprotocol to offer beside `bearer.<token>`, so that there is one to choose.
const PROTOCOL: &str = "patrol";
const UNKNOWN_SESSION: u16 = 4404;
const GOING_AWAY: u16 = 1001;
const PROTOCOL_ERROR: u16 = 1002;
const MESSAGE_TOO_BIG: u16 = 1009;
const INTERNAL_ERROR: u16 = 1011;

pub fn routes(api: Api) -> Api {
    api.get("/api/v1/ws/training/{id}", watch, described).get("/ws/training/{id}", watch, described)
}

fn described(operation: Operation) -> Operation {
    operation
        .says("live", "Watch a session over a WebSocket")
        .explains(
            "JSON text frames with a `type`: `connection_ack`, then the present `training_status` and \
             `training_progress`, then what changes, `training_error`, and `environment_update` for the live map. `ping` \
             comes every 30 s; a client's `ping` is answered by `pong`. A slow client skips to the newest state. An \
             unknown session closes with 4404, and so does one that is deleted. Browsers show a token as the \
             subprotocol `bearer.<token>`, offered beside `patrol`, or as `?token=`.",
        )
        .gives_nothing(101, "The socket is open")
        .fails(&[403, 422, 426, 429])
}

#[derive(Deserialize)]
struct ClientMessage {
    #[serde(rename = "type")]
    kind: String,
}

/// How a socket ends.
enum End {
    /// The client went away or never was there.
    Gone,
    Closed(u16, &'static str),
}

async fn watch(
    State(app): State<App>,
    key: Result<Path<RunKey>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response> {
    // Browsers let any page open a socket anywhere: only pages that may call us may watch.
    app.origins.check(&headers)?;
    let (key, upgrade) = match (key, upgrade) {
        (key, Ok(upgrade)) => (key, upgrade),
        (key, Err(_)) => return Err(key.err().unwrap_or(Error::UpgradeRequired)),
    };
    let permit = app.socket()?;
    let run = match key {
        Ok(Path(key)) => app.run(key).await,
        // No session has such a number: to a watcher it is as unknown as any other.
        Err(_) => Err(Error::NotFound("there is no such session".to_owned())),
    };
    let upgrade = upgrade
        .protocols([PROTOCOL])
        .max_message_size(LARGEST_MESSAGE)
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER);
    Ok(upgrade.on_upgrade(move |socket| serve(app, run, socket, permit)))
}

async fn serve(app: App, run: Result<RunRow>, mut socket: WebSocket, _permit: OwnedSemaphorePermit) {
    let end = match run {
        Ok(run) => {
            let channel = app.hub.channel(&app.log, &app.models, run.run_id.into(), run.id);
            talk(&app, run.id, &channel, &mut socket).await
        }
        Err(Error::NotFound(_)) => End::Closed(UNKNOWN_SESSION, "there is no such session"),
        Err(error) => {
            tracing::warn!("a client could not watch: {error}");
            End::Closed(INTERNAL_ERROR, "try again later")
        }
    };
    if let End::Closed(code, reason) = end {
        let close = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
        // The client may be gone already.
        let _ = timeout(SEND_WITHIN, socket.send(close)).await;
    }
    // Receiving also sends the answer to the client's farewell; and a connection that is dropped with something unread in
    // it may take the farewell with it.
    let _ = timeout(FAREWELL, async { while let Some(Ok(_)) = socket.recv().await {} }).await;
}

async fn talk(app: &App, session_id: i64, channel: &Arc<Channel>, socket: &mut WebSocket) -> End {
    let acknowledgement =
        ConnectionAck { client_id: app.ids.next_id(), message: "watching", timestamp: app.clock.now(), session_id };
    let Ok(acknowledgement) = serde_json::to_string(&acknowledgement) else { return End::Gone };
    if !send(socket, Message::text(acknowledgement)).await {
        return End::Gone;
    }
    let [mut status, mut progress, mut frame, mut error] =
        [&channel.status, &channel.progress, &channel.frame, &channel.error].map(|sender| present(sender.subscribe()));
    let (every, silence) = (app.heartbeat, app.heartbeat * SILENT_HEARTBEATS);
    let mut heartbeat = interval_at(Instant::now() + every, every);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    loop {
        // The senders live as long as the channel that we hold: `changed` cannot fail.
        // In this order, so that a client hears of its status first and of frames when there is nothing else to say.
        let message = tokio::select! {
            biased;
            () = app.draining.cancelled() => return End::Closed(GOING_AWAY, "the gateway is stopping"),
            () = channel.deleted.cancelled() => return End::Closed(UNKNOWN_SESSION, "the session was deleted"),
            _ = heartbeat.tick() => {
                if heard.elapsed() > silence || !send(socket, Message::Ping(Default::default())).await {
                    return End::Gone;
                }
                Some(Message::text(r#"{"type":"ping"}"#))
            }
            received = socket.recv() => {
                heard = Instant::now();
                match received {
                    Some(Ok(Message::Text(text))) => answer(&text),
                    Some(Ok(Message::Close(_))) | None => return End::Gone,
                    Some(Err(error)) => return unreadable(&error),
                    Some(Ok(_)) => None,
                }
            }
            _ = status.changed() => newest(&mut status),
            _ = error.changed() => newest(&mut error),
            _ = progress.changed() => newest(&mut progress),
            _ = frame.changed() => newest(&mut frame),
        };
        if let Some(message) = message
            && !send(socket, message).await
        {
            return End::Gone;
        }
    }
}

/// A receiver to which the present message is news.
fn present(mut receiver: Newest) -> Newest {
    receiver.mark_changed();
    receiver
}

fn newest(receiver: &mut Newest) -> Option<Message> {
    receiver.borrow_and_update().clone().map(Message::Text)
}

/// What a client says is only ever a heartbeat; anything else is ignored.
fn answer(text: &str) -> Option<Message> {
    let message: ClientMessage = serde_json::from_str(text).ok()?;
    (message.kind == "ping").then(|| Message::text(r#"{"type":"pong"}"#))
}

/// The library tells sizes from the rest in words only.
fn unreadable(error: &axum::Error) -> End {
    match error.to_string().contains("too long") {
        true => End::Closed(MESSAGE_TOO_BIG, "a message may have 16 KiB"),
        false => End::Closed(PROTOCOL_ERROR, "that was no message"),
    }
}

async fn send(socket: &mut WebSocket, message: Message) -> bool {
    matches!(timeout(SEND_WITHIN, socket.send(message)).await, Ok(Ok(())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::extract::ws::Utf8Bytes;
    use tokio::sync::watch;

    #[test]
    fn clients_share_a_message_that_is_built_once() {
        let sender = watch::Sender::new(Some(Utf8Bytes::from("{}".repeat(100))));
        let [one, two] = [(); 2].map(|()| newest(&mut present(sender.subscribe())).map(Message::into_data));
        let address = |message: &Option<bytes::Bytes>| message.as_ref().map(|bytes| bytes.as_ptr());
        assert!(one.is_some() && address(&one) == address(&two));
    }
}
