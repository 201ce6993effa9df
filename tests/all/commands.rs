//! Commands that come twice, say nonsense, or come at the wrong time.

use crate::harness::{Finished, PATIENCE, System, run_id, small_run, with};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use chrono::DateTime;
use contracts::{CommandId, Envelope, subjects};
use event_log::StreamName;
use serde_json::Value;
use test_support::wait_for;
use uuid::Uuid;

const START: &str = "patrol.cmd.run.start";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_comes_again_has_one_effect() -> Result<()> {
    let system = System::start().await?;
    let _ingest = system.service("ingest")?;
    system.ready().await?;
    let payload = small_run(1, 4096);
    let id = Uuid::from_u128(0x1a);
    let envelope =
        Envelope::for_command("patrol.run.start.v1".into(), CommandId(id), "test", DateTime::UNIX_EPOCH, None);
    let send = async || system.log.send_command(START, &envelope, Bytes::from(payload.to_string())).await;
    assert!(!send().await?.duplicate);
    assert!(send().await?.duplicate, "the server drops it by its message id");
    decided(&system).await?;
    // As from a client that repeats itself after the server has forgotten the message id.
    for message_id in ["again", "and again"] {
        let headers = [("ce-id", id.to_string()), ("Nats-Msg-Id", message_id.to_owned())];
        let headers = headers.iter().map(|(name, value)| Ok((name.parse()?, value.parse()?))).collect::<Result<_>>()?;
        let client = system.nats.client().await?;
        client.request_with_headers(START, headers, payload.to_string().into()).await?;
    }
    decided(&system).await?;
    let events = system.log.load(subjects::ALL_EVENTS).await?;
    let outcomes: Vec<_> = events.iter().map(|it| (it.envelope.kind.as_str(), it.envelope.causation_id)).collect();
    assert_eq!(outcomes, [("patrol.run.requested.v1", Some(id))]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejection_names_everything_that_is_wrong() -> Result<()> {
    let system = System::start().await?;
    let _ingest = system.service("ingest")?;
    system.ready().await?;
    let wrong =
        ["total_timesteps=0", "num_robots=11", "env_width=2", "config.gamma=1.5", "config.gama=0.9", "name=\"\""];
    let settings = wrong.iter().flat_map(|setting| ["--set", setting]);
    let arguments: Vec<&str> = ["run", "start"].into_iter().chain(settings).collect();
    let rejected = system.executable.run(&arguments).await?;
    refused(&rejected, &["total_timesteps", "num_robots", "env_width", "config/gamma", "gama", "name"])?;

    let unknown = run_id(99).to_string();
    refused(&system.executable.run(&["run", "pause", &unknown]).await?, &[&unknown])?;
    let no_number = system.executable.run(&["run", "pause", "12"]).await?;
    ensure!(no_number.code == Some(1) && no_number.stderr.contains("there is no run 12"), "{no_number:?}");

    let run = system.start_run(&small_run(1, 4096)).await?.to_string();
    decided(&system).await?;
    refused(&system.executable.run(&["run", "resume", &run]).await?, &["queued"])?;
    system.publish(START, &with(small_run(1, 8192), "name", "another")).await?;
    decided(&system).await?;
    let events = system.log.load("patrol.evt.command.>").await?;
    let last: Value = serde_json::from_slice(&events.last().context("a rejection")?.payload)?;
    assert_eq!(last["command"], "run.start");
    assert_eq!(last["reasons"][0]["code"], "conflict");
    assert_eq!(events.len(), 4);
    Ok(())
}

/// Exit code 3, and every one of `words` on standard error.
fn refused(finished: &Finished, words: &[&str]) -> Result<()> {
    let missing = words.iter().find(|word| !finished.stderr.contains(**word));
    ensure!(finished.code == Some(3) && missing.is_none(), "{missing:?}: {finished:?}");
    ensure!(finished.stdout.is_empty(), "{finished:?}");
    Ok(())
}

/// Waits until every command is decided.
async fn decided(system: &System) -> Result<()> {
    wait_for("an empty command queue", PATIENCE, async || match system.log.stream_status(StreamName::Commands).await {
        Ok(status) if status.messages == 0 => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await
}
