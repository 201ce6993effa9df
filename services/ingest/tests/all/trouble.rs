//! Redelivery, races and deaths: a command has one outcome, whatever happens on the way.

use crate::world::*;
use anyhow::Result;
use contracts::{Event, subjects};
use serde_json::Value;
use std::collections::BTreeMap;
use test_support::wait_for;
use uuid::Uuid;

/// Publishes a command again under the same id, past the server's memory of recent ids.
async fn deliver_again(world: &World, id: u128, command: &contracts::Command) -> Result<()> {
    let client = world.nats.client().await?;
    let subject = subjects::command(command.aggregate(), command.verb());
    // Headers of any answer, to be filled: only the event log's crate names the client's types.
    let mut headers = client.request("$JS.API.INFO", "".into()).await?.headers.unwrap_or_default();
    headers.insert("ce-id", Uuid::from_u128(id).to_string());
    client.request_with_headers(subject, headers, command.to_json()?.into()).await?;
    Ok(())
}

#[tokio::test]
async fn a_command_that_is_delivered_twice_has_one_effect() -> Result<()> {
    let (world, _ingest) = World::with_ingest().await?;
    let id = world.send(1, &start(run(1))).await?;
    world.outcome(id).await?;
    let id = world.send(2, &pause(run(1))).await?;
    world.outcome(id).await?;
    deliver_again(&world, 2, &pause(run(1))).await?;
    deliver_again(&world, 1, &start(run(1))).await?;
    world.wait_until_settled().await?;
    assert_eq!(world.events(subjects::ALL_EVENTS).await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn of_two_ingests_each_command_gets_one_outcome() -> Result<()> {
    const RUNS: u128 = 10;
    let world = World::start().await?;
    let ingests = [world.ingest(), world.ingest()];
    for ingest in &ingests {
        ingest.wait_until_ready().await?;
    }
    // Commands on the same runs, decided at the same time by both: starts, then competing pauses, stops and deletes.
    let mut sent = Vec::new();
    for number in 0..RUNS {
        sent.push(world.send(1000 + number, &start(run(number))).await?);
    }
    world.wait_until_settled().await?;
    for number in 0..RUNS {
        let commands =
            [pause(run(number)), stop(run(number)), pause(run(number)), stop(run(number)), delete(run(number))];
        for (index, command) in commands.iter().enumerate() {
            sent.push(world.send(10_000 + 10 * number + index as u128, command).await?);
        }
    }
    world.wait_until_settled().await?;
    let events = world.events(subjects::ALL_EVENTS).await?;
    let mut outcomes = BTreeMap::<_, u32>::new();
    for event in &events {
        *outcomes.entry(event.envelope.causation_id).or_default() += 1;
    }
    assert_eq!(outcomes.len(), sent.len());
    assert!(outcomes.values().all(|count| *count == 1), "{outcomes:?}");
    // Whatever the order was, every lifecycle is one that the domain allows.
    for number in 0..RUNS {
        let mut state = domain::run::Run::default();
        for recorded in world.events(&subjects::run_lifecycle(run(number))).await? {
            let next = domain::run::evolve(state.clone(), &recorded.event()?);
            assert_ne!(next.status, state.status, "{} changed nothing", recorded.envelope.kind);
            state = next;
        }
        assert_eq!(state.status, domain::run::Status::Deleted);
    }
    Ok(())
}

#[tokio::test]
async fn a_killed_ingest_loses_nothing_and_repeats_nothing() -> Result<()> {
    const RUNS: u128 = 200;
    let world = World::start().await?;
    let first = world.ingest();
    for number in 0..RUNS {
        world.send(1 + number, &start(run(number))).await?;
    }
    world.wait_for_events("patrol.evt.run.*.requested", 5).await?;
    drop(first);
    let _second = world.ingest();
    // Includes what the first one held and never acknowledged.
    world.wait_until_settled().await?;
    let events = world.events(subjects::ALL_EVENTS).await?;
    assert_eq!(events.len() as u128, RUNS);
    for event in events {
        assert!(matches!(event.event()?, Event::RunRequested(_)));
    }
    Ok(())
}

#[tokio::test]
async fn a_rejection_is_not_repeated_when_its_acknowledgement_was_lost() -> Result<()> {
    let world = World::start().await?;
    let id = world.send(1, &pause(run(1))).await?;
    // Another ingest took the command, rejected it and died before the acknowledgement.
    let queue = world.log.work_queue(event_log::Queue::Commands).await?;
    let delivery = queue.pull(1, PATIENCE).await?.remove(0);
    let rejected = Event::CommandRejected(contracts::events::CommandRejected {
        command_id: id,
        command: "run.pause".into(),
        run_id: None,
        reasons: vec![contracts::Reason::new("/run_id", "not_found", "there is no such run")],
    });
    let cause = delivery.envelope()?;
    let envelope = contracts::Envelope::for_event(&rejected, Uuid::from_u128(99).into(), "ingest", chrono_epoch());
    let event = event_log::NewEvent::new(&rejected, envelope.caused_by(&cause))?;
    world.log.append(&event, &event_log::ExpectedVersion::Any).await?;
    delivery.receipt.nak(std::time::Duration::ZERO).await?;
    // The run exists by now, so that a fresh decision would be another one.
    world.send(2, &start(run(1))).await?;
    let _ingest = world.ingest();
    world.wait_until_settled().await?;
    only_the_rejection_and_the_start(&world).await
}

#[tokio::test]
async fn a_rejection_stands_when_its_command_is_sent_again() -> Result<()> {
    let (world, _ingest) = World::with_ingest().await?;
    let id = world.send(1, &pause(run(1))).await?;
    world.rejection(id).await?;
    // By now it could be accepted, under the id of its own rejection.
    let id = world.send(2, &start(run(1))).await?;
    world.outcome(id).await?;
    deliver_again(&world, 1, &pause(run(1))).await?;
    world.wait_until_settled().await?;
    only_the_rejection_and_the_start(&world).await
}

#[tokio::test]
async fn what_is_no_rejection_among_the_rejections_is_passed_over() -> Result<()> {
    let (world, _ingest) = World::with_ingest().await?;
    world.nats.client().await?.request("patrol.evt.command.none.rejected", "{}".into()).await?;
    world.send(1, &start(run(1))).await?;
    world.wait_for_events(&subjects::run_lifecycle(run(1)), 1).await?;
    Ok(())
}

/// Bounds the event log to `bytes`, as an operator may.
async fn bound_log(world: &World, bytes: u64) -> Result<()> {
    let client = world.nats.client().await?;
    let info = client.request("$JS.API.STREAM.INFO.PATROL_EVENTS", "".into()).await?;
    let mut config = serde_json::from_slice::<Value>(&info.payload)?["config"].take();
    config["max_bytes"] = bytes.into();
    let answer = client.request("$JS.API.STREAM.UPDATE.PATROL_EVENTS", config.to_string().into()).await?;
    let answer: Value = serde_json::from_slice(&answer.payload)?;
    anyhow::ensure!(answer["config"]["max_bytes"] == bytes, "{answer}");
    Ok(())
}

#[tokio::test]
async fn a_full_log_is_waited_for() -> Result<()> {
    let (world, _ingest) = World::with_ingest().await?;
    // By its outcome ingest has compared the log with its definition.
    let id = world.send(1, &start(run(1))).await?;
    world.outcome(id).await?;
    bound_log(&world, world.log.stream_status(event_log::StreamName::Events).await?.bytes).await?;
    let id = world.send(2, &start(run(2))).await?;
    wait_for("a command delivered again", PATIENCE, async || {
        match world.log.consumer_status(event_log::Queue::Commands).await {
            Ok(status) if status.redelivered > 0 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await?;
    bound_log(&world, 8 << 30).await?;
    requested(world.outcome(id).await?)?;
    Ok(())
}

#[tokio::test]
async fn a_restarted_server_is_waited_for() -> Result<()> {
    let (world, ingest) = World::with_ingest().await?;
    ingest.wait_until_ready().await?;
    let id = world.send(1, &start(run(1))).await?;
    world.outcome(id).await?;
    world.nats.kill();
    let id = world.send(2, &pause(run(1))).await?;
    assert!(matches!(world.outcome(id).await?, Event::RunPaused(_)));
    Ok(())
}

/// What the log holds where the one command stays rejected and the other one started a run.
async fn only_the_rejection_and_the_start(world: &World) -> Result<()> {
    let outcomes = world.events(subjects::ALL_EVENTS).await?;
    let kinds: Vec<_> = outcomes.iter().map(|event| event.envelope.kind.as_str()).collect();
    assert_eq!(kinds, ["patrol.command.rejected.v1", "patrol.run.requested.v1"]);
    Ok(())
}
