use crate::world::{PATIENCE, World};
use anyhow::{Context, Result};
use contracts::events::RunPaused;
use contracts::{Envelope, Event, EventId};
use event_log::{ExpectedVersion, NewEvent};
use futures::StreamExt;
use reqwest::{Method, StatusCode};
use serde_json::json;
use service_runtime::{Clock, SystemClock};
use test_support::wait_for;

#[tokio::test]
async fn any_command_can_be_sent_and_asked_about() -> Result<()> {
    let world = World::start().await?;
    let (status, report) = world.post("/api/v1/commands/run/start?wait=true", json!({"total_timesteps": 1000})).await?;
    assert_eq!((status, &report["status"]), (StatusCode::ACCEPTED, &json!("done")), "{report:#}");
    assert_eq!(report["outcomes"][0]["type"], "patrol.run.requested.v1");
    let command = report["command_id"].as_str().context("an id")?;
    assert_eq!(world.found(&format!("/api/v1/commands/{command}")).await?, report);

    let unknown = world.post("/api/v1/commands/run/fly", json!({})).await?;
    assert_eq!(unknown.0, StatusCode::NOT_FOUND);
    let wrong = world.post("/api/v1/commands/run/start", json!({"total_timesteps": 0})).await?;
    assert_eq!(wrong.0, StatusCode::UNPROCESSABLE_ENTITY);
    let large = json!({"total_timesteps": 1000, "name": "x".repeat(300 << 10)});
    let large = world.request(Method::POST, "/api/v1/commands/run/start").json(&large).send().await?;
    assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(large.headers()["content-type"], "application/problem+json");
    let never = "/api/v1/commands/00000000-0000-4000-8000-00000000dead";
    // A command leaves its stream a moment after its effects are known.
    wait_for("nothing that waits", PATIENCE, async || match world.get(never).await {
        Ok((StatusCode::NOT_FOUND, _)) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await?;
    // As the second of two that delete a file at once learns it.
    let gone = json!({"file_id": "00000000-0000-4000-8000-000000000002"});
    let refused = world.post("/api/v1/commands/archive/delete_model?wait=true", gone).await?;
    assert_eq!(refused.0, StatusCode::NOT_FOUND, "{:#}", refused.1);
    let nobody = json!({"run_id": "00000000-0000-4000-8000-000000000001"});
    let refused = world.post("/api/v1/commands/run/pause?wait=true", nobody).await?;
    assert_eq!(refused.0, StatusCode::NOT_FOUND, "{:#}", refused.1);
    Ok(())
}

#[tokio::test]
async fn a_page_of_events_goes_past_what_is_none() -> Result<()> {
    let world = World::start().await?;
    let (number, run) = world.start_session("with a stray message").await?;
    world.stop_projecting().await?;
    world.nats.client().await?.request(format!("patrol.evt.run.{run}.stray"), "{}".into()).await?;
    let paused = Event::RunPaused(RunPaused { run_id: run, timestep: 0, checkpoint: None });
    let envelope = Envelope::for_event(&paused, EventId(run.derive("paused")), "test", SystemClock.now());
    world.log.append(&NewEvent::new(&paused, envelope)?, &ExpectedVersion::Any).await?;
    let page = world.found(&format!("/api/v1/training/{number}/events?limit=2")).await?;
    let types: Vec<_> = page["events"].as_array().into_iter().flatten().map(|event| &event["type"]).collect();
    assert_eq!(types, ["patrol.run.requested.v1", "patrol.run.paused.v1"]);
    assert_eq!(page["next"], page["events"][1]["sequence"], "{page:#}");
    for (query, field) in [("page=2", "page"), ("page_size=2", "page_size"), ("limit=0", "limit")] {
        let (status, problem) = world.get(&format!("/api/v1/training/{number}/events?{query}")).await?;
        assert_eq!((status, &problem["detail"][0]["loc"][1]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(field)));
    }
    Ok(())
}

#[tokio::test]
async fn events_are_streamed_from_where_the_client_was() -> Result<()> {
    let world = World::start().await?;
    let (number, _) = world.start_session("streamed").await?;
    for (header, value) in [("last-event-id", (number - 1).to_string()), ("accept", "text/event-stream".to_owned())] {
        let path = format!("/api/v1/events?after={}", number - 1);
        let answer = world.request(Method::GET, &path).header(header, value).send().await?;
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let first = tokio::time::timeout(PATIENCE, answer.bytes_stream().next()).await?.context("an event")??;
        let text = String::from_utf8(first.to_vec())?;
        assert!(text.contains(&format!("id: {number}")) && text.contains("event: patrol.run.requested.v1"), "{text}");
    }
    // A stream goes on where it was when the server of the log comes back.
    let mut events = world.request(Method::GET, "/api/v1/events").send().await?.bytes_stream();
    world.nats.restart().await?;
    let later = wait_for("a session that is started afterwards", PATIENCE, async || {
        world.start_session("later").await.map_err(|error| format!("{error:#}"))
    });
    let (mark, mut text) = (format!("id: {}\n", later.await?.0), String::new());
    while !text.contains(&mark) {
        let more =
            tokio::time::timeout(PATIENCE, events.next()).await.with_context(|| format!("no {mark} in {text}"))?;
        text.push_str(std::str::from_utf8(&more.context("the stream ended")??)?);
    }
    let page = world.request(Method::GET, "/docs").send().await?;
    assert!(page.headers()["content-security-policy"].to_str()?.contains("script-src 'unsafe-inline'"));
    assert!(!page.text().await?.contains("https://"));
    Ok(())
}
