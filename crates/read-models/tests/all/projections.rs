use crate::samples::*;
use crate::world::World;
use anyhow::{Context, Result};
use contracts::events::*;
use contracts::{CheckpointId, Event};
use read_models::{Order, Paging, Poison, RunFilter};
use uuid::Uuid;

fn all() -> Paging {
    Paging::new(1, 1000)
}

async fn run_after(events: Vec<Event>) -> Result<read_models::RunRow> {
    World::with(events).await?.models.run(run(1)).await?.context("the run")
}

#[tokio::test]
async fn a_requested_run_is_queued_with_its_complete_configuration() -> Result<()> {
    let row = run_after(vec![requested(run(1), "first")]).await?;
    assert_eq!((row.id, row.status.as_str(), row.name.as_str()), (1, "queued", "first"));
    assert_eq!((row.width, row.height, row.num_robots, row.total_timesteps), (20, 12, 2, 10_000));
    assert_eq!(
        (row.algorithm.as_str(), row.map_type.as_str(), row.policy_type.as_str()),
        ("ppo", "random", "MlpPolicy")
    );
    assert_eq!(row.command_id, Some(command(1).0));
    let Event::RunRequested(event) = requested(run(1), "first") else { unreachable!() };
    assert_eq!(row.config.0, event.config);
    let time = envelope(1, &requested(run(1), "first")).time;
    assert_eq!((row.created_at, row.updated_at, row.started_at), (time, time, None));
    Ok(())
}

#[tokio::test]
async fn the_status_follows_the_lifecycle() -> Result<()> {
    let id = run(1);
    let pause = Event::RunPauseRequested(RunPauseRequested { run_id: id });
    let stop = Event::RunStopRequested(RunStopRequested { run_id: id, force: false });
    let steps: Vec<(Event, &str, Option<&str>)> = vec![
        (requested(id, "x"), "queued", None),
        (started(id, None), "running", None),
        (pause, "running", Some("pause")),
        (paused(id, 3), "paused", None),
        (Event::RunResumed(RunResumed { run_id: id }), "queued", None),
        (started(id, Some(checkpoint_ref(id, 3))), "running", None),
        (stop, "running", Some("stop")),
        // A trainer that takes over still has to answer.
        (started(id, Some(checkpoint_ref(id, 3))), "running", Some("stop")),
        (completed(id, 4), "completed", None),
    ];
    let world = World::start().await?;
    for (index, (event, status, pending)) in steps.into_iter().enumerate() {
        world.apply(index as u64, vec![event.clone()]).await?;
        let row = world.models.run(id).await?.context("the run")?;
        assert_eq!((row.status.as_str(), row.pending_action.as_deref()), (status, pending), "after {event:?}");
    }
    let row = world.models.run(id).await?.context("the run")?;
    assert_eq!((row.timestep, row.episodes_completed, row.outcome.as_deref()), (400, 7, Some("finished")));
    assert_eq!(row.last_checkpoint_id, Some(CheckpointId::of(id, 4).0));
    assert_eq!(row.started_at.context("a start")?.timestamp(), 1_800_000_002);
    Ok(())
}

#[tokio::test]
async fn progress_and_checkpoints_show_in_the_run() -> Result<()> {
    let id = run(1);
    let row = run_after(vec![
        requested(id, "x"),
        started(id, None),
        progressed(id, 2),
        checkpoint(id, 2, false),
        progressed(id, 4),
    ])
    .await?;
    assert_eq!((row.timestep, row.updates, row.episodes_completed, row.robot_steps), (400, 4, 4, 800));
    assert_eq!((row.steps_per_second, row.best_mean_threat, row.loss), (Some(50.0), Some(0.75), Some(0.25)));
    assert_eq!((row.progress(), row.eta_seconds()), (0.04, Some(192.0)));
    assert_eq!(row.model_uri.as_deref(), Some("files/policy-2"));
    assert_eq!(row.updated_at.timestamp(), 1_800_000_005);
    Ok(())
}

#[tokio::test]
async fn a_failed_run_says_why_and_a_deleted_one_is_hidden() -> Result<()> {
    let id = run(1);
    let row = run_after(vec![requested(id, "x"), started(id, None), failed(id)]).await?;
    assert_eq!((row.status.as_str(), row.failure_code.as_deref()), ("failed", Some("checkpoint_unreadable")));
    assert_eq!(row.failure_message.as_deref(), Some("the checkpoint\u{fffd} is gone"));
    assert_eq!(row.eta_seconds(), None);
    let deleted = Event::RunDeleted(RunDeleted { run_id: id });
    let world = World::with(vec![requested(id, "x"), completed(id, 1), deleted]).await?;
    assert_eq!(world.models.run(id).await?, None);
    assert_eq!(world.models.run_by_number(1).await?, None);
    assert_eq!(world.models.runs(&RunFilter::default(), all()).await?.total, 0);
    Ok(())
}

#[tokio::test]
async fn events_of_a_run_that_was_never_requested_make_no_run() -> Result<()> {
    let world = World::with(vec![started(run(1), None), progressed(run(1), 1)]).await?;
    assert_eq!(world.models.run(run(1)).await?, None);
    assert_eq!(world.models.run_metrics(run(1), Order::NewestFirst, None, all()).await?.total, 1);
    Ok(())
}

#[tokio::test]
async fn metrics_keep_every_number() -> Result<()> {
    let world = World::with(vec![progressed(run(1), 1), progressed(run(1), 3)]).await?;
    let metrics = world.models.run_metrics(run(1), Order::OldestFirst, None, all()).await?.items;
    assert_eq!((metrics[0].id, metrics[0].mean_return, metrics[1].mean_return), (1, None, Some(1.0 / 3.0)));
    let Event::TrainingProgressed(event) = progressed(run(1), 3) else { unreachable!() };
    assert_eq!((metrics[1].mean_threat, &metrics[1].diagnostics.0), (event.mean_threat, &event.diagnostics));
    assert_eq!(world.models.latest_metric(run(1)).await?.as_ref(), metrics.last());
    Ok(())
}

#[tokio::test]
async fn a_repeated_episode_keeps_its_first_row() -> Result<()> {
    let world = World::with(vec![episode(run(1), 0), episode(run(1), 1), episode(run(1), 0)]).await?;
    world.apply(3, vec![episode(run(1), 1), episode(run(1), 2)]).await?;
    let episodes = world.models.episodes(run(1), Order::OldestFirst, all()).await?;
    let keys: Vec<_> = episodes.items.iter().map(|episode| (episode.episode_index, episode.id)).collect();
    assert_eq!((episodes.total, keys), (3, vec![(0, 1), (1, 2), (2, 5)]));
    assert_eq!((episodes.items[0].episode_return, episodes.items[0].response_p95), (12.5, None));
    Ok(())
}

#[tokio::test]
async fn a_checkpoint_that_is_created_again_replaces_itself() -> Result<()> {
    let id = run(1);
    let world = World::with(vec![checkpoint(id, 1, false), checkpoint(id, 2, false), checkpoint(id, 2, true)]).await?;
    let found = world.models.checkpoints(id, all()).await?;
    let rows: Vec<_> = found.items.iter().map(|row| (row.updates, row.id, row.is_last)).collect();
    assert_eq!((found.total, rows), (2, vec![(2, 3, true), (1, 1, false)]));
    assert_eq!(world.models.checkpoint(CheckpointId::of(id, 1)).await?.as_ref(), found.items.last());
    assert_eq!(world.models.checkpoints_by_digest(&format!("{:064x}", 2)).await?, found.items[..1]);
    Ok(())
}

#[tokio::test]
async fn evaluations_go_from_request_to_result() -> Result<()> {
    let id = run(1);
    let world = World::with(vec![evaluation_requested(id, 1)]).await?;
    let row = world.models.evaluation(evaluation(1)).await?.context("the evaluation")?;
    assert_eq!((row.status.as_str(), row.episodes, row.sampled), ("requested", Some(20), None));
    world.apply(1, vec![evaluation_completed(id, 1, "w"), evaluation_failed(id, 2)]).await?;
    let row = world.models.evaluation(evaluation(1)).await?.context("the evaluation")?;
    assert_eq!(
        (row.id, row.status.as_str(), row.sampled_mean_threat, row.argmax_mean_threat),
        (1, "completed", Some(0.53), Some(0.54))
    );
    assert_eq!(row.sampled.context("a score")?.0.mean_threat.low, 0.53 - 0.01);
    assert_eq!(row.requested_at.context("a time")?.timestamp(), 1_800_000_001);
    let failed = world.models.evaluations(id, all()).await?.items.remove(0);
    assert_eq!((failed.status.as_str(), failed.failure_code.as_deref()), ("failed", Some("checkpoint_unreadable")));
    Ok(())
}

#[tokio::test]
async fn baselines_are_shared_by_world_and_the_newest_stands() -> Result<()> {
    let events = vec![baselines(run(1), "w", 0.55), baselines(run(1), "w", 0.52), evaluation_completed(run(2), 1, "w")];
    let world = World::with(events).await?;
    let found = world.models.baselines("w").await?;
    let scores: Vec<_> = found.iter().map(|row| (row.agent.as_str(), row.mean_threat, row.id)).collect();
    assert_eq!(scores, [("tour", 0.52, 2), ("random_walk", 0.8, 2)]);
    assert_eq!(world.models.baselines_of_run(run(2)).await?, found);
    assert_eq!(world.models.baselines_of_run(run(1)).await?, found);
    assert!(world.models.baselines("other").await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn files_of_the_archive_are_found_by_episode() -> Result<()> {
    let id = run(1);
    let events = vec![file_written(id, 2, Table::Steps, (10, 19)), file_written(id, 1, Table::Steps, (0, 9))];
    let world = World::with(events).await?;
    let files = async |episode| world.models.trajectory_files(id, Split::Train, Table::Steps, episode).await;
    let firsts =
        |files: &[read_models::TrajectoryFileRow]| files.iter().map(|file| file.first_episode).collect::<Vec<_>>();
    assert_eq!(firsts(&files(None).await?), [Some(0), Some(10)]);
    assert_eq!(firsts(&files(Some(12)).await?), [Some(10)]);
    assert!(files(Some(20)).await?.is_empty());
    let totals = world.models.archive_totals(Some(id)).await?;
    assert_eq!((totals.files, totals.rows, totals.bytes), (2, 100, 2000));
    assert_eq!(world.models.archived_files(None, all()).await?.total, 2);
    Ok(())
}

#[tokio::test]
async fn models_and_checkpoints_are_one_list_of_files() -> Result<()> {
    let id = run(1);
    let events =
        vec![requested(id, "x"), checkpoint(id, 5, true), model_registered(None, 8), model_registered(None, 9)];
    let world = World::with(events).await?;
    world.apply(4, vec![model_deleted(9)]).await?;
    let files = world.models.files(None, all()).await?;
    let names: Vec<_> = files.items.iter().map(|file| (file.id, file.original_filename.as_str())).collect();
    assert_eq!((files.total, names), (2, vec![(3, "best.safetensors"), (2, "checkpoint-5.safetensors")]));
    let metadata = files.items[0].metadata.as_ref().context("metadata")?;
    assert_eq!(metadata, &serde_json::json!({"origin": "lab\u{fffd}", "epochs": 3}));
    assert_eq!(world.models.files(Some(1), all()).await?.items, files.items[1..]);
    assert_eq!(world.models.file(3).await?.as_ref(), files.items.first());
    assert_eq!(world.models.file(4).await?, None);
    // Registered again, it is there again; deleted and registered in one batch as well.
    world.apply(5, vec![model_registered(None, 9), model_deleted(8), model_registered(None, 8)]).await?;
    assert_eq!(world.models.files(None, all()).await?.total, 3);
    Ok(())
}

#[tokio::test]
async fn what_became_of_a_command_can_be_asked() -> Result<()> {
    let world = World::with(vec![requested(run(1), "x"), rejected(2)]).await?;
    let outcomes = world.models.command_outcomes(command(1)).await?;
    assert_eq!((outcomes.len(), outcomes[0].event_type.as_str()), (1, "patrol.run.requested.v1"));
    assert_eq!((outcomes[0].run_id, outcomes[0].event_id), (Some(run(1).0), Uuid::from_u128(1)));
    let rejection = world.models.rejection(command(2)).await?.context("the rejection")?;
    assert_eq!(rejection.reasons.0[0].message, "`\u{fffd}` is not a number");
    assert_eq!(world.models.rejection(command(1)).await?, None);
    assert_eq!(world.models.rejected_commands(all()).await?.items, [rejection]);
    Ok(())
}

#[tokio::test]
async fn dead_letters_come_from_the_archive_and_from_skipped_events() -> Result<()> {
    let world = World::with(vec![dead_lettered(run(1))]).await?;
    let mut batch = crate::world::batch(1, vec![requested(run(1), "x")]);
    batch.end.sequence = 3;
    batch.poison.push(Poison {
        sequence: 3,
        subject: "patrol.x.y.v9".into(),
        reason: "unknown".into(),
        event_id: None,
        time: None,
    });
    world.models.apply(&batch).await?;
    let letters = world.models.dead_letters(all()).await?.items;
    let found: Vec<_> =
        letters.iter().map(|row| (row.id, row.stream.as_str(), row.sequence, row.recorded_at.is_some())).collect();
    assert_eq!(found, [(3, "PATROL_EVENTS", 3, false), (1, "PATROL_TRAJECTORIES", 17, true)]);
    Ok(())
}
