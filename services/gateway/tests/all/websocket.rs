use crate::samples::{failed, progressed, started};
use crate::watcher::Watcher;
use crate::world::{PATIENCE, World};
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use futures::SinkExt;
use reqwest::StatusCode;
use serde_json::json;
use std::time::Duration;
use test_support::wait_for;
use tokio::io::AsyncReadExt;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

#[tokio::test]
async fn a_late_client_sees_the_present_and_then_what_changes() -> Result<()> {
    let world = World::start().await?;
    let (number, run) = world.start_session("watched").await?;
    world.append(vec![started(run, None), progressed(run, 1)]).await?;
    let mut watcher = Watcher::open(&world, &format!("/api/v1/ws/training/{number}")).await?;
    let acknowledged = watcher.wait_for("connection_ack").await?;
    assert_eq!(acknowledged["session_id"], number);
    assert_eq!(watcher.wait_for("training_status").await?["status"], "running");
    assert_eq!(watcher.wait_for("training_progress").await?["timestep"], 100);

    world.append(vec![progressed(run, 2)]).await?;
    assert_eq!(watcher.wait_for("training_progress").await?["timestep"], 200);
    watcher.0.send(Message::text(r#"{"type":"ping"}"#)).await?;
    watcher.wait_for("pong").await?;
    for garbage in ["", "{", "[]", r#"{"type":7}"#, "\u{0}"] {
        watcher.0.send(Message::text(garbage)).await?;
    }
    world.nats.restart().await?;
    world.postgres.restart().await?;
    world.append(vec![progressed(run, 3)]).await?;
    assert_eq!(watcher.wait_for("training_progress").await?["timestep"], 300);
    // Who comes back after a while sees what became of it meanwhile, and no more.
    drop(watcher);
    world.append(vec![progressed(run, 4), progressed(run, 5)]).await?;
    // A connection to Postgres that its restart broke may still turn one away with 1011: clients come again.
    let (mut watcher, progress) = wait_for("a socket", PATIENCE, async || {
        let again = async {
            let mut watcher = Watcher::open(&world, &format!("/api/v1/ws/training/{number}")).await?;
            let progress = watcher.wait_for("training_progress").await?;
            anyhow::Ok((watcher, progress))
        };
        again.await.map_err(|error| format!("{error:#}"))
    })
    .await?;
    assert_eq!(progress["timestep"], 500);
    world.append(vec![failed(run)]).await?;
    assert_eq!(watcher.wait_for("training_error").await?["error_type"], "checkpoint_unreadable");
    Ok(())
}

#[tokio::test]
async fn live_frames_reach_every_client() -> Result<()> {
    let world = World::start().await?;
    let (number, run) = world.start_session("seen").await?;
    let path = format!("/ws/training/{number}");
    let (mut one, mut two) = (Watcher::open(&world, &path).await?, Watcher::open(&world, &path).await?);
    let frame = json!({
        "run_id": run, "episode": 3, "step": 7, "grid_width": 1, "grid_height": 2, "threat_grid": [[0.5], [0.0]],
        "robots": [{"id": 0, "x": 0, "y": 1, "orientation": 2, "battery_percentage": 90.0, "is_charging": false}],
        "coverage_map": [[1], [0]], "obstacles": [[false], [false]], "suspicious_objects": [],
        "charging_stations": [{"x": 0, "y": 1}]
    });
    // Frames are not stored: one is sent until somebody listens.
    let sending = async {
        loop {
            world.log.publish_live(run, Bytes::from(frame.to_string())).await?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let seeing = async {
        let (one, two) = (one.wait_for("environment_update").await?, two.wait_for("environment_update").await?);
        assert_eq!(one, two);
        assert_eq!(
            (&one["step"], &one["threat_grid"], &one["session_id"]),
            (&json!(7), &json!([[0.5], [0.0]]), &json!(number))
        );
        assert_eq!((&one["robots"][0]["y"], &one["robot_position"]["y"]), (&json!(1), &json!(1)));
        Ok(())
    };
    tokio::select! {
        seen = seeing => seen,
        sent = sending => sent,
    }
}

#[tokio::test]
async fn heartbeats_go_both_ways_and_silent_clients_are_let_go() -> Result<()> {
    let world = World::with(|config| config.limits.heartbeat = Duration::from_millis(500)).await?;
    let (number, _) = world.start_session("watched").await?;
    let path = format!("/ws/training/{number}");
    // A client that reads answers pings by itself, and stays for as long as it likes.
    let mut watcher = Watcher::open(&world, &path).await?;
    for _ in 0..5 {
        watcher.wait_for("ping").await?;
    }
    watcher.0.send(Message::text(r#"{"type":"ping"}"#)).await?;
    watcher.wait_for("pong").await?;
    // One that does not is a connection that nobody holds any more: no farewell can reach it.
    let mut silent = crate::websocket_frames::handshake(world.address, &path).await?;
    let mut heard = Vec::new();
    tokio::time::timeout(PATIENCE, silent.read_to_end(&mut heard)).await.context("it was kept")??;
    assert!(heard.windows(15).any(|bytes| bytes == br#"{"type":"ping"}"#), "{heard:?}");
    watcher.wait_for("ping").await?;
    Ok(())
}

#[tokio::test]
async fn who_watches_a_session_that_is_deleted_is_told() -> Result<()> {
    let world = World::start().await?;
    let (number, _) = world.start_session("short-lived").await?;
    let mut watcher = Watcher::open(&world, &format!("/ws/training/{number}")).await?;
    watcher.wait_for("training_status").await?;
    assert_eq!(world.delete(&format!("/api/v1/training/{number}")).await?.0, StatusCode::NO_CONTENT);
    assert_eq!(watcher.farewell().await?, (4404, "the session was deleted".to_owned()));
    Ok(())
}

#[tokio::test]
async fn too_large_a_message_is_told_from_a_broken_one() -> Result<()> {
    let world = World::start().await?;
    let (number, _) = world.start_session("watched").await?;
    let mut watcher = Watcher::open(&world, &format!("/ws/training/{number}")).await?;
    watcher.0.send(Message::text("x".repeat(17 << 10))).await?;
    assert_eq!(watcher.farewell().await?.0, 1009);
    Ok(())
}

#[tokio::test]
async fn unknown_sessions_and_strange_origins_are_turned_away() -> Result<()> {
    let world = World::start().await?;
    for key in ["77", "abc", "99999999999999999999"] {
        let mut watcher = Watcher::open(&world, &format!("/api/v1/ws/training/{key}")).await?;
        let Message::Close(Some(close)) = watcher.next().await? else { bail!("it was not closed") };
        assert_eq!(u16::from(close.code), 4404, "{key}");
    }
    let mut request = format!("ws://{}/ws/training/77", world.address).into_client_request()?;
    request.headers_mut().insert("origin", "http://evil.example".parse()?);
    assert!(connect_async(request).await.is_err());
    Ok(())
}
