//! Replicas that lag behind their leader, as they all do for a moment after every append: docs/adr/0008.

use crate::world::{PATIENCE, event, run};
use anyhow::{Context, Result};
use event_log::{Definitions, EventLog, EventLogConfig, ExpectedVersion::Any, ReadOptions, StreamName};
use futures::TryStreamExt;
use test_support::TestCluster;
use tokio::time::timeout;

/// Appends after which something is read at once; one in a few hundred replicas that are asked knows nothing of the last event yet.
const READS: u128 = 1000;
/// Each needs a consumer, of which a server allows a thousand.
const REPLAYS: u128 = 600;

async fn connect(url: String) -> Result<EventLog> {
    Ok(EventLog::connect(EventLogConfig::new(url, "test")).await?)
}

/// Appends through the leader and reads through a replica.
async fn appended_and_read(rounds: u128, read: impl AsyncFn(&EventLog, u64) -> Result<()>) -> Result<()> {
    let cluster = TestCluster::start().await?;
    let log = connect(cluster.url()).await?;
    log.ensure(&Definitions::embedded()?.with_replicas(TestCluster::SERVERS as u8)).await?;
    let (leader, replicas) = cluster.leader_of(StreamName::Events.as_str()).await?;
    let (leading, following) = (connect(leader.url()).await?, connect(replicas[0].url()).await?);
    for round in 0..rounds {
        let appended = leading.append(&event("training", run(1), "progressed", round + 1), &Any).await?;
        timeout(PATIENCE, read(&following, appended.sequence)).await?.with_context(|| format!("round {round}"))?;
    }
    Ok(())
}

#[tokio::test]
async fn the_last_event_and_a_history_are_up_to_date() -> Result<()> {
    appended_and_read(READS, async |log, last| {
        assert_eq!(log.last_sequence_of("patrol.evt.training.>").await?, last);
        let events = log.load_after("patrol.evt.training.>", last - 1).await?;
        assert_eq!(events.iter().map(|event| event.sequence).collect::<Vec<_>>(), [last]);
        assert!(log.event_at(last).await?.is_some());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_replay_ends_with_the_last_event() -> Result<()> {
    appended_and_read(REPLAYS, async |log, last| {
        let replay = log.read(ReadOptions::until_now(last)).map_ok(|event| event.sequence);
        assert_eq!(replay.try_collect::<Vec<_>>().await?, [last]);
        Ok(())
    })
    .await
}
