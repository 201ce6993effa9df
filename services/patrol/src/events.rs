//! `patrol events`: the log, for reading and for other programs.

use crate::cli::EventsArgs;
use crate::client::Client;
use crate::failure::Failure;
use crate::output;
use anyhow::Context;
use contracts::{RecordedEvent, subjects};
use event_log::{ReadEnd, ReadOptions};
use futures::StreamExt;
use serde_json::{Value, json};
use std::io::Write;
use std::process::ExitCode;

/// Characters of a payload on one line for people.
const EXCERPT: usize = 120;

pub async fn run(args: EventsArgs) -> Result<ExitCode, Failure> {
    let client = Client::connect().await?;
    let end = if args.follow { ReadEnd::Never } else { ReadEnd::Current };
    let mut options = ReadOptions { from: args.from, end, filters: Vec::new() };
    if let Some(run) = &args.run {
        let run = client.run(run).await?;
        // One that is waited for may begin later.
        if !args.follow {
            let known = client.log.last_event(&subjects::all_of_run(run)).await?;
            known.with_context(|| format!("there is no run {run}; see `patrol run list`"))?;
        }
        options = options.filtered([subjects::all_of_run(run)]);
    }
    let mut events = client.log.read(options);
    let mut out = std::io::BufWriter::new(std::io::stdout());
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    loop {
        let recorded = tokio::select! {
            recorded = events.next() => recorded,
            _ = &mut interrupted => None,
        };
        let Some(recorded) = recorded else { break };
        let line = if args.json { as_json(&recorded?)?.to_string() } else { as_text(&recorded?) };
        let written = writeln!(out, "{line}").and_then(|()| if args.follow { out.flush() } else { Ok(()) });
        if !output::is_read(written)? {
            return Ok(ExitCode::SUCCESS);
        }
    }
    output::is_read(out.flush())?;
    Ok(ExitCode::SUCCESS)
}

fn as_json(recorded: &RecordedEvent) -> Result<Value, Failure> {
    let envelope = &recorded.envelope;
    Ok(json!({
        "sequence": recorded.sequence,
        "id": envelope.id,
        "type": envelope.kind,
        "time": envelope.time,
        "source": envelope.source,
        "subject": envelope.subject,
        "correlation_id": envelope.correlation_id,
        "causation_id": envelope.causation_id,
        "traceparent": envelope.traceparent,
        "data": serde_json::from_slice::<Value>(&recorded.payload)?,
    }))
}

fn as_text(recorded: &RecordedEvent) -> String {
    let envelope = &recorded.envelope;
    let payload = String::from_utf8_lossy(&recorded.payload);
    let excerpt: String = payload.chars().take(EXCERPT).collect();
    let more = if payload.chars().nth(EXCERPT).is_some() { "…" } else { "" };
    let time = envelope.time.format("%Y-%m-%d %H:%M:%S%.3f");
    format!("{:>8}  {time}  {:<40} {excerpt}{more}", recorded.sequence, envelope.kind)
}
