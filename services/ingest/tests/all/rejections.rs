//! Commands that have no effect, and say why.

use crate::world::*;
use anyhow::Result;
use contracts::events::CommandRejected;
use contracts::{Event, subjects};

/// The single rejection that a bare publish leads to.
async fn rejected(world: &World, subject: &str, payload: &str) -> Result<CommandRejected> {
    world.publish_bare(subject, payload).await?;
    match world.wait_for_events("patrol.evt.command.>", 1).await?.remove(0).event()? {
        Event::CommandRejected(rejected) => Ok(rejected),
        other => anyhow::bail!("{other:?}"),
    }
}

fn named(rejected: &CommandRejected) -> Vec<(&str, &str)> {
    let mut named: Vec<_> = rejected.reasons.iter().map(|it| (it.field.as_str(), it.code.as_str())).collect();
    named.sort_unstable();
    named
}

#[tokio::test]
async fn every_wrong_field_is_named() -> Result<()> {
    let (world, _ingest) = World::with_ingest().await?;
    let payload =
        r#"{"total_timesteps": 0, "env_width": 99, "wings": 2, "algorithm": "dqn", "config": {"gamma": 7, "x": 1}}"#;
    let rejected = rejected(&world, "patrol.cmd.run.start", payload).await?;
    let expected = [
        ("/algorithm", "invalid"),
        ("/config/gamma", "invalid"),
        ("/config/x", "unknown_field"),
        ("/env_width", "invalid"),
        ("/total_timesteps", "invalid"),
        ("/wings", "unknown_field"),
    ];
    assert_eq!(named(&rejected), expected);
    assert_eq!((rejected.command.as_str(), rejected.run_id), ("run.start", None));
    assert_eq!(world.events("patrol.evt.run.>").await?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn fields_that_cannot_work_together_are_named() -> Result<()> {
    let (world, _ingest) = World::with_ingest().await?;
    let payload = r#"{"total_timesteps": 10, "env_width": 4, "env_height": 4, "num_robots": 9,
        "config": {"map_config": {"map_type": "maze"}, "recording_sample_every": 5}}"#;
    let rejected = rejected(&world, "patrol.cmd.run.start", payload).await?;
    let expected = [
        ("/config/map_config/map_type", "invalid"),
        ("/config/recording_sample_every", "invalid"),
        ("/num_robots", "invalid"),
    ];
    assert_eq!(named(&rejected), expected);
    Ok(())
}

#[tokio::test]
async fn what_is_no_command_is_rejected_and_removed() -> Result<()> {
    let (world, _ingest) = World::with_ingest().await?;
    let large = format!(r#"{{"total_timesteps": 1, "name": "{}"}}"#, "x".repeat(70_000));
    let poison = [
        ("patrol.cmd.run.start", "{", "not_json"),
        ("patrol.cmd.run.start", "", "not_json"),
        ("patrol.cmd.run.start", large.as_str(), "too_large"),
        ("patrol.cmd.run.fly", "{}", "unknown_command"),
        ("patrol.cmd.run.start.now", "{}", "unknown_command"),
        ("patrol.cmd.x", "{}", "unknown_command"),
    ];
    for (subject, payload, _) in &poison {
        world.publish_bare(subject, payload).await?;
    }
    let events = world.wait_for_events("patrol.evt.command.none.rejected", poison.len()).await?;
    for (event, (subject, _, code)) in events.iter().zip(&poison) {
        let Event::CommandRejected(rejected) = event.event()? else { anyhow::bail!("{event:?}") };
        assert_eq!(rejected.reasons[0].code, *code, "{subject}: {rejected:?}");
        assert_eq!(event.envelope.causation_id, Some(rejected.command_id.0));
    }
    world.wait_until_settled().await
}

#[tokio::test]
async fn only_runs_that_exist_are_named_by_subjects() -> Result<()> {
    let (world, _ingest) = World::with_ingest().await?;
    let id = world.send(1, &pause(run(1))).await?;
    let unknown = world.rejection(id).await?;
    assert_eq!((named(&unknown), unknown.run_id), (vec![("/run_id", "not_found")], None));
    let id = world.send(2, &start(run(1))).await?;
    world.outcome(id).await?;
    let id = world.send(3, &start(run(1))).await?;
    let twice = world.rejection(id).await?;
    assert_eq!((named(&twice), twice.run_id), (vec![("", "conflict")], Some(run(1))));
    assert_eq!(world.events(&format!("patrol.evt.command.{}.rejected", run(1))).await?.len(), 1);
    assert_eq!(world.events(&subjects::run_lifecycle(run(1))).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_history_that_cannot_be_read_is_a_reason_and_does_not_stop_ingest() -> Result<()> {
    let (world, _ingest) = World::with_ingest().await?;
    let client = world.nats.client().await?;
    client.request(format!("patrol.evt.run.{}.started", run(1)), "{}".into()).await?;
    client.request(format!("patrol.evt.training.{}.checkpoint_created", run(2)), "{}".into()).await?;
    world.send(1, &start(run(1))).await?;
    world.send(2, &start(run(2))).await?;
    for recorded in world.wait_for_events("patrol.evt.command.>", 2).await? {
        let Event::CommandRejected(rejected) = recorded.event()? else { anyhow::bail!("{recorded:?}") };
        assert_eq!(named(&rejected), [("", "unreadable_history")]);
    }
    world.send(3, &start(run(3))).await?;
    world.wait_for_events(&subjects::run_lifecycle(run(3)), 1).await?;
    Ok(())
}
