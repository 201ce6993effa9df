//! The learner on a thread of its own. It runs ahead of the log by a few updates at most.

use crate::engine::{Computed, Engine};
use environment::Environment;
use learner::{Checkpoint, LearnerError, RolloutRecord};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::sync::mpsc;

/// Updates that may wait to be published: enough to hide the log's latency, few enough to bound memory.
const AHEAD: usize = 2;

/// What one update came to.
pub struct Update {
    pub computed: Computed,
    pub record: Box<RolloutRecord>,
    pub checkpoint: Option<Checkpoint>,
    /// The first environment as it stands, for the live map.
    pub environment: Box<Environment>,
    /// No update follows.
    pub last: bool,
}

/// How the computation is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Ending {
    /// After the update in progress, with a checkpoint.
    WithCheckpoint = 1,
    /// As soon as possible, without one.
    Abandoned = 2,
}

/// A running computation; dropping it abandons it.
pub struct Computation {
    updates: mpsc::Receiver<Result<Update, LearnerError>>,
    used: mpsc::Sender<Box<RolloutRecord>>,
    ending: Arc<AtomicU8>,
}

impl Computation {
    /// Trains on a new thread; a checkpoint follows every `checkpoint_every` updates and the last one.
    pub fn start(engine: Engine, checkpoint_every: u64, record_steps: bool) -> std::io::Result<Self> {
        let (outputs, updates) = mpsc::channel(AHEAD);
        let (used, free) = mpsc::channel(AHEAD + 2);
        let ending = Arc::new(AtomicU8::new(0));
        let asked = Arc::clone(&ending);
        let checkpoint_every = checkpoint_every.max(1);
        let worker = Worker { engine, checkpoint_every, record_steps, asked, outputs, free };
        std::thread::Builder::new().name("computation".into()).spawn(move || worker.work())?;
        Ok(Self { updates, used, ending })
    }

    /// The next update; `None` when there is no further one.
    pub async fn next(&mut self) -> Option<Result<Update, LearnerError>> {
        self.updates.recv().await
    }

    /// Gives a record's memory back to be used again.
    pub fn reuse(&self, record: Box<RolloutRecord>) {
        // When all places are taken the record is simply dropped.
        let _ = self.used.try_send(record);
    }

    /// Asks for an end.
    pub fn end(&self, ending: Ending) {
        self.ending.fetch_max(ending as u8, Ordering::Relaxed);
    }
}

impl Drop for Computation {
    fn drop(&mut self) {
        self.end(Ending::Abandoned);
    }
}

struct Worker {
    engine: Engine,
    checkpoint_every: u64,
    record_steps: bool,
    asked: Arc<AtomicU8>,
    outputs: mpsc::Sender<Result<Update, LearnerError>>,
    free: mpsc::Receiver<Box<RolloutRecord>>,
}

impl Worker {
    fn work(mut self) {
        loop {
            let update = self.update();
            let last = update.as_ref().map_or(true, |update| update.last);
            // Nobody listens any more: the run was let go.
            if self.outputs.blocking_send(update).is_err() || last || self.asked_for(Ending::Abandoned) {
                return;
            }
        }
    }

    fn update(&mut self) -> Result<Update, LearnerError> {
        let mut record = self.free.try_recv().unwrap_or_default();
        record.without_steps = !self.record_steps;
        let due = (self.engine.run().updates_done() + 1).is_multiple_of(self.checkpoint_every);
        let ending = self.asked_for(Ending::WithCheckpoint);
        let computed = self.engine.update(&mut record, due || ending)?;
        let may_end = ending && self.engine.is_settled();
        let last = self.engine.run().is_complete() || may_end;
        let checkpoint = (due || last).then(|| self.engine.checkpoint()).transpose()?;
        let environment = Box::new(self.engine.glimpse().clone());
        Ok(Update { computed, record, checkpoint, environment, last })
    }

    fn asked_for(&self, ending: Ending) -> bool {
        self.asked.load(Ordering::Relaxed) >= ending as u8
    }
}
