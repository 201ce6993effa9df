//! Holds segments until their files are written: the state of the archive's loop.

use super::commit::{self, Chunk, Encoded};
use super::context::Context;
use super::error::Error;
use super::group::{Group, GroupId, Held};
use super::intake::{self, Intake};
use super::run_archive::RunArchive;
use contracts::events::{MessageDeadLettered, SegmentRange};
use contracts::{Event, RunId};
use event_log::{Delivery, ExpectedVersion};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// Runs whose state is kept between segments.
const CACHED_RUNS: usize = 64;
/// How soon what failed is tried again: a file that could not be written, a message that could not be judged.
const RETRY_DELAY: Duration = Duration::from_secs(2);

pub(super) struct Keeper {
    context: Context,
    runs: HashMap<RunId, RunArchive>,
    groups: HashMap<GroupId, Group>,
    /// After a failure that may pass: no messages are taken before.
    not_before: Option<Instant>,
}

impl Keeper {
    pub fn new(context: Context) -> Self {
        Self { context, runs: HashMap::new(), groups: HashMap::new(), not_before: None }
    }

    /// Takes a message over: holds its segment, acknowledges a repetition, or sets it aside. While the store or the log fails it
    /// goes back into the queue, however often.
    pub async fn take(&mut self, delivery: Delivery, now: Instant) -> Result<(), Error> {
        if !self.is_waiting(now) {
            match self.judge(&delivery, now).await {
                Err(error) if error.is_retryable() => {
                    tracing::warn!(subject = %delivery.subject, "segments will be taken later: {}", chain(&error));
                    self.not_before = Some(Instant::now() + RETRY_DELAY);
                }
                judged => return judged,
            }
        }
        // Without this answer it comes back, too, but later.
        if let Err(error) = delivery.receipt.nak(RETRY_DELAY).await {
            tracing::warn!(subject = %delivery.subject, "a segment was not handed back: {error}");
        }
        Ok(())
    }

    async fn judge(&mut self, delivery: &Delivery, now: Instant) -> Result<(), Error> {
        let (run, split) = match intake::address(delivery) {
            Ok(address) => address,
            Err(reason) => return self.set_aside(delivery, None, &reason).await,
        };
        if !self.load(run).await? {
            return self.set_aside(delivery, None, &format!("run {run} does not exist")).await;
        }
        let Some(archive) = self.runs.get(&run) else { return Ok(()) };
        match intake::judge(delivery, split, archive) {
            Intake::Done => {
                self.context.metrics.repeated_segments.inc();
                Ok(delivery.receipt.ack().await?)
            }
            Intake::Poison(reason) => self.set_aside(delivery, Some(run), &reason).await,
            Intake::Segment(segment) => {
                self.context.metrics.segments.inc();
                let id = GroupId { run, split, producer: segment.header.producer.clone() };
                let group = self.groups.entry(id).or_insert_with(|| Group::new(now));
                group.insert(Held::new(segment, delivery.clone()), now);
                self.report_memory();
                Ok(())
            }
        }
    }

    /// Writes every file that is due, and the largest ones while too much is held.
    pub async fn flush_due(&mut self, now: Instant) -> Result<(), Error> {
        let limits = self.context.limits;
        let mut due: Vec<GroupId> =
            self.groups.iter().filter(|(_, group)| group.deadline(&limits) <= now).map(|(id, _)| id.clone()).collect();
        due.sort_unstable();
        for id in due {
            self.flush(&id, now).await?;
        }
        while self.is_full() {
            let ready = self.groups.iter().filter(|(_, group)| !group.is_waiting(now));
            let Some(largest) = ready.max_by_key(|(_, group)| group.memory()).map(|(id, _)| id.clone()) else { break };
            self.flush(&largest, now).await?;
        }
        self.forget_idle_runs();
        Ok(())
    }

    /// Writes everything held; what cannot be written now is delivered again to the next process.
    pub async fn flush_all(&mut self) -> Result<(), Error> {
        let mut ids: Vec<GroupId> = self.groups.keys().cloned().collect();
        ids.sort_unstable();
        for id in ids {
            self.flush(&id, Instant::now()).await?;
        }
        Ok(self.context.log.flush().await?)
    }

    /// When the next file is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.groups.values().map(|group| group.deadline(&self.context.limits)).min()
    }

    /// Whether no more may be held.
    pub fn is_full(&self) -> bool {
        self.memory() >= self.context.limits.memory_bytes
    }

    /// Whether no more may be taken for now, after a failure.
    pub fn is_waiting(&self, now: Instant) -> bool {
        self.not_before.is_some_and(|at| at > now)
    }

    fn memory(&self) -> usize {
        self.groups.values().map(Group::memory).sum()
    }

    /// Writes what a group holds, run by run of consecutive segments.
    async fn flush(&mut self, id: &GroupId, now: Instant) -> Result<(), Error> {
        let Some(mut group) = self.groups.remove(id) else { return Ok(()) };
        while !group.is_empty() {
            let mut held = group.take_run();
            match self.write(id, &mut held).await {
                Ok(()) => group.put_back(held, now, None),
                Err(error) if error.is_retryable() => {
                    tracing::warn!(run.id = %id.run, "a file will be written later: {}", chain(&error));
                    group.put_back(held, now, Some(Instant::now() + RETRY_DELAY));
                    self.groups.insert(id.clone(), group);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        self.report_memory();
        Ok(())
    }

    /// Writes consecutive segments as files and acknowledges their messages. What is left in `held` is to be written at once,
    /// under what is known by then; after an error, later.
    async fn write(&mut self, id: &GroupId, held: &mut Vec<Held>) -> Result<(), Error> {
        let started = Instant::now();
        if !self.load(id.run).await? {
            held.clear();
        }
        let Some(archive) = self.runs.get_mut(&id.run) else { return Ok(()) };
        // What is known of the run may be newer than these: another process may have archived some of them.
        let is_done = |held: &Held| archive.has(id.split, &id.producer, held.segment.header.number);
        let done: Vec<Held> = held.extract_if(.., |held| is_done(held)).collect();
        if !done.is_empty() {
            return acknowledge(&done).await;
        }
        let Some(chunk) = chunk(id, held) else { return Ok(()) };
        match attempt(&self.context, archive, &chunk).await {
            Ok(None) => {}
            Ok(Some((at, reason))) => {
                self.set_aside(&held[at].delivery, Some(id.run), &reason).await?;
                held.remove(at);
                return Ok(());
            }
            Err(error) if error.is_conflict() => {
                tracing::info!(run.id = %id.run, "another process archives this run too: {error}");
                self.runs.remove(&id.run);
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        acknowledge(held).await?;
        held.clear();
        self.context.metrics.write.observe(started.elapsed().as_secs_f64());
        Ok(())
    }

    /// Sets a message aside: the event tells why, the dead letter points to it, and the queue goes on.
    async fn set_aside(&self, delivery: &Delivery, run: Option<RunId>, reason: &str) -> Result<(), Error> {
        tracing::warn!(stream.sequence = delivery.sequence, subject = %delivery.subject, "setting a segment aside: {reason}");
        let letter = MessageDeadLettered {
            run_id: run,
            stream: delivery.stream.to_string(),
            sequence: delivery.sequence,
            subject: delivery.subject.clone(),
            reason: reason.to_owned(),
        };
        let event = commit::new_event(&self.context, &Event::MessageDeadLettered(letter))?;
        self.context.log.append(&event, &ExpectedVersion::Any).await?;
        self.context.log.dead_letter(delivery, reason).await?;
        self.context.metrics.dead_letters.inc();
        Ok(())
    }

    /// Makes sure that the state of `run` is at hand; false when there is no such run.
    async fn load(&mut self, run: RunId) -> Result<bool, Error> {
        if !self.runs.contains_key(&run) {
            let Some(mut archive) = RunArchive::load(&self.context, run).await? else { return Ok(false) };
            commit::sweep(&self.context, &mut archive).await;
            self.runs.insert(run, archive);
        }
        Ok(true)
    }

    fn forget_idle_runs(&mut self) {
        if self.runs.len() > CACHED_RUNS {
            self.runs.retain(|run, _| self.groups.keys().any(|id| id.run == *run));
        }
    }

    fn report_memory(&self) {
        self.context.metrics.held_bytes.set(i64::try_from(self.memory()).unwrap_or(i64::MAX));
    }
}

/// Files and events of one chunk; or the position of a segment that contradicts the ones before it, and why.
async fn attempt(context: &Context, archive: &mut RunArchive, chunk: &Chunk) -> Result<Option<(usize, String)>, Error> {
    match commit::encode(chunk, archive).await? {
        Encoded::Contradiction(at, overlap) => Ok(Some((at, overlap.to_string()))),
        Encoded::Files(files) => {
            commit::store(context, archive, chunk, files).await?;
            Ok(None)
        }
    }
}

async fn acknowledge(done: &[Held]) -> Result<(), Error> {
    for held in done {
        held.delivery.receipt.ack().await?;
    }
    Ok(())
}

fn chunk(id: &GroupId, held: &[Held]) -> Option<Chunk> {
    let (first, last) = (held.first()?.segment.header.number, held.last()?.segment.header.number);
    let range = SegmentRange { producer: id.producer.clone(), first, last };
    Some(Chunk { split: id.split, range, segments: held.iter().map(|held| held.segment.clone()).collect() })
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
