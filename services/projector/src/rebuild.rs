//! Building the read models again from the log: to compare them with the live ones, or to replace these.

use crate::batches::{Batches, Decoder};
use crate::config::OnPoison;
use crate::error::{Error, Result};
use crate::write;
use event_log::{EventLog, ReadEnd, ReadOptions, StreamName};
use read_models::{Position, ReadModels, Scratch, TableFingerprint};
use serde::Serialize;
use std::time::{Duration, Instant};

/// How long a check waits for the live projector to reach the end of the log.
const CATCH_UP: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RebuildOptions {
    /// Compare with the live tables and throw the rebuilt ones away; otherwise replace the live ones.
    pub check: bool,
    /// What the live projector does with events that it cannot understand.
    pub on_poison: OnPoison,
}

/// How far a rebuild is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    pub events: u64,
    /// Events in the log when the rebuild began.
    pub total: u64,
    pub seconds: f64,
}

/// What a rebuild found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The sequence up to which the log was replayed.
    pub events: u64,
    /// Of replaying, without comparing.
    pub seconds: f64,
    pub events_per_second: f64,
    /// Of a check only.
    pub tables: Vec<TableComparison>,
    /// Whether every table is the same; absent unless it was checked.
    pub identical: Option<bool>,
}

/// A live table beside the rebuilt one.
#[derive(Clone, Debug, Serialize)]
pub struct TableComparison {
    pub table: &'static str,
    pub live_rows: u64,
    pub rebuilt_rows: u64,
    pub live_hash: String,
    pub rebuilt_hash: String,
    pub identical: bool,
}

/// Replays the log from sequence 1 to its current end into a scratch schema.
///
/// A check compares at one position, whatever the live projector writes meanwhile; it waits until that has come to the end
/// of the log. Both may run beside a live projector. `progress` is called after every batch.
///
/// # Errors
/// `Behind` when the live projector does not come to the end of the log, `Poison`, and failures of the log and Postgres.
/// The live tables are untouched then.
pub async fn rebuild(
    models: &ReadModels,
    log: &EventLog,
    options: RebuildOptions,
    progress: impl FnMut(Progress),
) -> Result<Report> {
    let scratch = models.scratch().await?;
    let replayed = replay(&scratch, models, log, options, progress).await;
    match replayed {
        Ok(report) if options.check => scratch.discard().await.map(|()| report).map_err(Error::from),
        Ok(report) => scratch.promote(report.events).await.map(|()| report).map_err(Error::from),
        Err(error) => {
            // The error that came first is the one to report; the next rebuild removes what is left.
            let _ = scratch.discard().await;
            Err(error)
        }
    }
}

async fn replay(
    scratch: &Scratch,
    models: &ReadModels,
    log: &EventLog,
    options: RebuildOptions,
    mut progress: impl FnMut(Progress),
) -> Result<Report> {
    let status = log.stream_status(StreamName::Events).await?;
    let mut replay = Replay {
        log,
        scratch: &scratch.models,
        identity: Position::identity_of(status.created),
        on_poison: options.on_poison,
        reached: 0,
        seconds: 0.0,
    };
    replay.until(status.last_sequence, &mut progress).await?;
    let mut tables = Vec::new();
    if options.check {
        if !models.wait_for_position(status.last_sequence, CATCH_UP).await {
            let position = models.position().await?.map_or(0, |position| position.sequence);
            return Err(Error::Behind { position, end: status.last_sequence });
        }
        let live = models.snapshot().await?;
        // The live projector may have gone on: both are compared where it was when the snapshot was taken.
        let position = live.position.as_ref().map_or(0, |position| position.sequence);
        replay.until(position, &mut progress).await?;
        tables = compare(live.fingerprints().await?, scratch.models.snapshot().await?.fingerprints().await?);
    }
    let (events, seconds) = (replay.reached, replay.seconds);
    let identical = options.check.then(|| tables.iter().all(|table| table.identical));
    Ok(Report { events, seconds, events_per_second: events as f64 / seconds.max(1e-9), tables, identical })
}

struct Replay<'a> {
    log: &'a EventLog,
    scratch: &'a ReadModels,
    identity: String,
    on_poison: OnPoison,
    reached: u64,
    seconds: f64,
}

impl Replay<'_> {
    /// Goes on to the sequence `end`, if it lies ahead.
    async fn until(&mut self, end: u64, progress: &mut impl FnMut(Progress)) -> Result<()> {
        if end <= self.reached {
            return Ok(());
        }
        let (begin, before) = (Instant::now(), self.seconds);
        let options = ReadOptions { from: self.reached + 1, end: ReadEnd::Sequence(end), filters: Vec::new() };
        let decoder = Decoder::new(self.identity.clone(), self.reached, self.on_poison);
        let mut batches = Batches::of(self.log.read(options), decoder);
        while let Some(batch) = batches.next().await? {
            let reached = batch.end.sequence;
            write::write(self.scratch, batch, self.on_poison).await?;
            self.reached = reached;
            self.seconds = before + begin.elapsed().as_secs_f64();
            progress(Progress { events: reached, total: end, seconds: self.seconds });
        }
        if self.reached < end {
            return Err(Error::Incomplete { expected: end, found: self.reached });
        }
        Ok(())
    }
}

fn compare(live: Vec<TableFingerprint>, rebuilt: Vec<TableFingerprint>) -> Vec<TableComparison> {
    let pair = |(live, rebuilt): (TableFingerprint, TableFingerprint)| TableComparison {
        table: live.table,
        identical: live == rebuilt,
        live_rows: live.rows,
        rebuilt_rows: rebuilt.rows,
        live_hash: live.hash,
        rebuilt_hash: rebuilt.hash,
    };
    live.into_iter().zip(rebuilt).map(pair).collect()
}
