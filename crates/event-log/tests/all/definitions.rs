use crate::world::{PATIENCE, World, connect};
use anyhow::Result;
use event_log::{Definitions, Error, ErrorClass, EventLog, EventLogConfig, Queue, StreamName};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn what_exists_as_defined_is_accepted_again_and_again() -> Result<()> {
    let world = World::start().await?;
    let before = world.log.stream_status(StreamName::Events).await?;
    world.log.ensure(&Definitions::embedded()?).await?;
    assert_eq!(world.log.stream_status(StreamName::Events).await?, before);
    Ok(())
}

#[tokio::test]
async fn services_that_start_at_once_agree() -> Result<()> {
    let nats = test_support::TestNats::start().await?;
    let log = connect(&nats, "test").await?;
    let definitions = Definitions::embedded()?;
    let outcomes = futures::future::join_all((0..5).map(|_| log.ensure(&definitions))).await;
    for outcome in outcomes {
        outcome?;
    }
    Ok(())
}

#[tokio::test]
async fn drift_is_refused_field_by_field_and_nothing_is_changed() -> Result<()> {
    let world = World::start().await?;
    let wanted = Definitions::embedded()?.with_max_bytes(StreamName::Events, 1 << 20).with_stream_field(
        StreamName::Events,
        "deny_delete",
        json!(false),
    );
    let error = world.log.ensure(&wanted).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Fatal);
    let text = error.to_string();
    assert!(text.contains("stream `PATROL_EVENTS`"), "{text}");
    assert!(text.contains("deny_delete is true, defined as false"), "{text}");
    assert!(text.contains("max_bytes is 8589934592, defined as 1048576"), "{text}");
    assert_eq!(world.log.stream_status(StreamName::Events).await?.max_bytes, Some(8 << 30));

    let wanted = Definitions::embedded()?.with_queue_field(Queue::Runs, "max_deliver", json!(7));
    let text = world.log.ensure(&wanted).await.unwrap_err().to_string();
    assert!(text.contains("consumer `trainer-runs`") && text.contains("max_deliver is -1, defined as 7"), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_queue_that_was_bounded_in_its_deliveries_is_no_longer() -> Result<()> {
    let bounded = Definitions::embedded()?.with_queue_field(Queue::Commands, "max_deliver", json!(20));
    let world = World::start_with(bounded.clone()).await?;
    let client = world.nats.client().await?;
    client.request("patrol.cmd.run.start", "{}".into()).await?;
    let held = world.log.work_queue(Queue::Commands).await?.pull(1, PATIENCE).await?.remove(0);

    world.log.ensure(&Definitions::embedded()?).await?;
    let info = client.request("$JS.API.CONSUMER.INFO.PATROL_COMMANDS.ingest-commands", "".into()).await?;
    let info: serde_json::Value = serde_json::from_slice(&info.payload)?;
    assert_eq!((&info["config"]["max_deliver"], &info["num_ack_pending"]), (&json!(-1), &json!(1)), "{info}");
    held.receipt.nak(Duration::ZERO).await?;
    let again = world.log.work_queue(Queue::Commands).await?.pull(1, PATIENCE).await?.remove(0);
    assert_eq!((again.sequence, again.attempts), (1, 2));

    // A bound is not put back, and what differs beside it is for people to decide.
    assert!(matches!(world.log.ensure(&bounded).await, Err(Error::Drift { .. })));
    let other = json!(20_000_000_000_u64);
    let world = World::start_with(bounded.with_queue_field(Queue::Commands, "ack_wait", other)).await?;
    let text = world.log.ensure(&Definitions::embedded()?).await.unwrap_err().to_string();
    assert!(text.contains("ack_wait is 20000000000") && text.contains("max_deliver is 20, defined as -1"), "{text}");
    Ok(())
}

#[tokio::test]
async fn an_absent_server_is_named() -> Result<()> {
    let mut config = EventLogConfig::new("nats://user:secret@127.0.0.1:1", "test");
    config.connect_within = Duration::from_millis(200);
    let error = EventLog::connect(config).await.err().expect("an error");
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(error.is_retryable() && !error.to_string().contains("secret"), "{error}");
    Ok(())
}
