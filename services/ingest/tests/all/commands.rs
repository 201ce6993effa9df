//! Commands that are accepted.

use crate::world::*;
use anyhow::Result;
use contracts::commands::{DeleteModel, RegisterModel, StartEvaluation};
use contracts::events::BlobRef;
use contracts::{Command, Event, FileId, subjects};
use uuid::Uuid;

#[tokio::test]
async fn a_bare_publish_starts_a_run_with_everything_filled_in() -> Result<()> {
    let (world, _ingest) = World::with_ingest().await?;
    world.publish_bare("patrol.cmd.run.start", r#"{"total_timesteps": 50000, "num_robots": 4}"#).await?;
    let recorded = world.wait_for_events("patrol.evt.run.>", 1).await?.remove(0);
    let requested = requested(recorded.event()?)?;
    assert_eq!(requested.name, "ppo 20×20 random, 4 robots");
    assert_eq!((requested.config.learning.total_timesteps, requested.config.world.num_robots), (50_000, 4));
    let envelope = recorded.envelope;
    assert_eq!(envelope.source, "/patrol/ingest");
    assert_eq!(envelope.subject, Some(requested.run_id.to_string()));
    assert!(envelope.causation_id.is_some());
    assert_eq!(envelope.correlation_id, envelope.causation_id);
    assert!(envelope.traceparent.is_some(), "a trace begins here");
    Ok(())
}

#[tokio::test]
async fn a_run_is_led_through_its_life() -> Result<()> {
    let (world, _ingest) = World::with_ingest().await?;
    let run = run(1);
    let id = world.send(1, &start(run)).await?;
    assert_eq!(requested(world.outcome(id).await?)?.run_id, run);
    world.append(&started(run)).await?;
    world.append(&checkpoint_created(run)).await?;
    let id = world.send(2, &pause(run)).await?;
    assert!(matches!(world.outcome(id).await?, Event::RunPauseRequested(_)));
    let evaluation = StartEvaluation { run_id: run, evaluation_id: None, checkpoint_id: None, episodes: None };
    let id = world.send(3, &Command::StartEvaluation(evaluation)).await?;
    assert!(matches!(world.outcome(id).await?, Event::EvaluationRequested(e) if e.episodes == 20));
    let id = world.send(4, &stop(run)).await?;
    assert!(matches!(world.outcome(id).await?, Event::RunStopRequested(_)));
    let id = world.send(5, &delete(run)).await?;
    assert_eq!(world.rejection(id).await?.reasons[0].code, "conflict");
    Ok(())
}

#[tokio::test]
async fn stopping_what_nobody_trains_keeps_the_last_checkpoint() -> Result<()> {
    let (world, _ingest) = World::with_ingest().await?;
    let run = run(1);
    let id = world.send(1, &start(run)).await?;
    world.outcome(id).await?;
    world.append(&checkpoint_created(run)).await?;
    let id = world.send(2, &stop(run)).await?;
    let Event::RunCompleted(completed) = world.outcome(id).await? else { anyhow::bail!("not completed") };
    assert_eq!((completed.timestep, completed.episodes_completed), (8192, 3));
    assert_eq!(completed.digest, Some("b".repeat(64)));
    let id = world.send(3, &delete(run)).await?;
    assert!(matches!(world.outcome(id).await?, Event::RunDeleted(_)));
    Ok(())
}

#[tokio::test]
async fn a_model_is_registered_used_and_deleted() -> Result<()> {
    let (world, _ingest) = World::with_ingest().await?;
    let file_id = FileId(Uuid::from_u128(9));
    let blob = BlobRef { uri: "models/9.safetensors".into(), sha256: "c".repeat(64), bytes: 5, rows: None };
    let original_filename = "night.safetensors".into();
    let register = RegisterModel { file_id, original_filename, blob, run_id: None, description: None, metadata: None };
    let id = world.send(1, &Command::RegisterModel(register)).await?;
    assert!(matches!(world.outcome(id).await?, Event::ModelRegistered(_)));
    let from_model = |number| {
        let Command::StartRun(mut start) = start(run(number)) else { unreachable!("a start") };
        start.init_from = Some(file_id.to_string());
        Command::StartRun(start)
    };
    let id = world.send(2, &from_model(1)).await?;
    requested(world.outcome(id).await?)?;
    let id = world.send(3, &Command::DeleteModel(DeleteModel { file_id })).await?;
    assert!(matches!(world.outcome(id).await?, Event::ModelDeleted(_)));
    let id = world.send(4, &from_model(2)).await?;
    let rejected = world.rejection(id).await?;
    assert_eq!((rejected.reasons[0].field.as_str(), rejected.reasons[0].code.as_str()), ("/init_from", "not_found"));
    Ok(())
}

#[tokio::test]
async fn weights_of_a_checkpoint_keep_their_size() -> Result<()> {
    let (world, _ingest) = World::with_ingest().await?;
    let id = world.send(1, &start(run(1))).await?;
    requested(world.outcome(id).await?)?;
    let checkpoint = checkpoint_created(run(1));
    world.append(&checkpoint).await?;
    let Event::CheckpointCreated(created) = checkpoint else { anyhow::bail!("a checkpoint") };
    let from_it = |number, hidden_size| {
        let Command::StartRun(mut start) = start(run(number)) else { unreachable!("a start") };
        start.init_from = Some(created.checkpoint_id.to_string());
        start.config.get_or_insert_default().hidden_size = hidden_size;
        Command::StartRun(start)
    };
    let id = world.send(2, &from_it(2, Some(128))).await?;
    assert_eq!(world.rejection(id).await?.reasons[0].field, "/config/hidden_size");
    let id = world.send(3, &from_it(3, None)).await?;
    assert_eq!(requested(world.outcome(id).await?)?.config.learning.hidden_size, None);
    Ok(())
}

#[tokio::test]
async fn the_trace_of_the_client_goes_on() -> Result<()> {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let (world, _ingest) = World::with_ingest().await?;
    let command = start(run(1));
    let id = contracts::CommandId(Uuid::from_u128(1));
    let mut envelope = contracts::Envelope::for_command(command.kind(), id, "test", chrono_epoch(), None);
    envelope.traceparent = Some(format!("00-{TRACE}-00f067aa0ba902b7-01"));
    envelope.correlation_id = Some(Uuid::from_u128(77));
    world.log.send_command("patrol.cmd.run.start", &envelope, command.to_json()?.into()).await?;
    world.outcome(id).await?;
    let event = world.events(&subjects::run_lifecycle(run(1))).await?.remove(0).envelope;
    let trace = event.traceparent.unwrap_or_default();
    assert!(trace.starts_with(&format!("00-{TRACE}-")) && !trace.contains("00f067aa0ba902b7"), "{trace}");
    assert_eq!(event.correlation_id, Some(Uuid::from_u128(77)));
    Ok(())
}

#[tokio::test]
async fn it_tells_how_it_is_doing_and_drains_when_asked() -> Result<()> {
    let (world, ingest) = World::with_ingest().await?;
    ingest.wait_until_ready().await?;
    let id = world.send(1, &start(run(1))).await?;
    world.outcome(id).await?;
    world.wait_until_settled().await?;
    let scraped = ingest.metrics.to_text();
    let line = r#"patrol_ingest_commands_total{aggregate="run",verb="start",outcome="accepted"} 1"#;
    assert!(scraped.contains(line), "{scraped}");
    tokio::time::timeout(PATIENCE, ingest.stop()).await?
}
