//! Actors on threads of this process, overlapped with the learner.
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use environment::WorldError;

use super::actor::{ActorSegment, ActorSettings, SegmentActor};
use super::lane::{Lane, PolicyVersion};
use super::learner::{AsyncLearner, AsyncUpdate};
use crate::error::LearnerError;
use crate::record::RolloutRecord;

/// What a thread hands back.
pub type Played = Result<ActorSegment, WorldError>;

/// Threads that play whatever lane waits longest with the newest policy there is. They end when this is dropped.
pub struct ActorThreads {
    shared: Arc<Shared>,
}

struct Shared {
    board: Mutex<Board>,
    changed: Condvar,
}

/// What actors look at before a segment. As many lanes can wait as there are, so that the queue is bounded.
struct Board {
    waiting: VecDeque<Lane>,
    newest: PolicyVersion,
    closed: bool,
}

impl Shared {
    fn board(&self) -> MutexGuard<'_, Board> {
        // The board is whole between any two statements: a panic elsewhere does not spoil it.
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next lane and the policy to play it with; `None` when there is nothing more to do.
    fn next(&self) -> Option<(Lane, PolicyVersion)> {
        let idle = |board: &mut Board| board.waiting.is_empty() && !board.closed;
        let mut board = self.changed.wait_while(self.board(), idle).unwrap_or_else(PoisonError::into_inner);
        if board.closed {
            return None;
        }
        let newest = board.newest.clone();
        board.waiting.pop_front().map(|lane| (lane, newest))
    }
}

impl ActorThreads {
    /// Starts `count` threads; each calls `deliver` after every segment, and ends when that says `false`.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub fn start(
        count: usize,
        settings: &ActorSettings,
        newest: &PolicyVersion,
        deliver: impl Fn(Played) -> bool + Clone + Send + 'static,
    ) -> std::io::Result<Self> {
        let board = Board { waiting: VecDeque::new(), newest: newest.clone(), closed: false };
        let threads = Self { shared: Arc::new(Shared { board: Mutex::new(board), changed: Condvar::new() }) };
        for number in 0..count {
            let name = format!("actor-{number}");
            let mut actor = SegmentActor::new(name.as_str().into(), settings.clone());
            let (shared, deliver) = (Arc::clone(&threads.shared), deliver.clone());
            let work = move || {
                while let Some((lane, policy)) = shared.next() {
                    if !deliver(actor.play(lane, &policy)) {
                        return;
                    }
                }
            };
            std::thread::Builder::new().name(name).spawn(work)?;
        }
        Ok(threads)
    }

    /// Hands a lane to whoever is free first.
    pub fn give(&self, lane: Lane) {
        self.shared.board().waiting.push_back(lane);
        self.shared.changed.notify_one();
    }

    /// The policy for every segment that has not begun.
    pub fn publish(&self, newest: &PolicyVersion) {
        self.shared.board().newest = newest.clone();
    }
}

impl Drop for ActorThreads {
    fn drop(&mut self) {
        self.shared.board().closed = true;
        self.shared.changed.notify_all();
    }
}

/// A learner with its actors, all in this process.
pub struct AsyncRun {
    learner: AsyncLearner,
    actors: ActorThreads,
    played: Receiver<Played>,
}

impl AsyncRun {
    /// Puts `actors` threads to work for `learner`.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub fn start(learner: AsyncLearner, actors: usize) -> std::io::Result<Self> {
        let (outputs, played) = channel();
        let deliver = move |segment| outputs.send(segment).is_ok();
        let actors = ActorThreads::start(actors.max(1), learner.settings(), learner.newest(), deliver)?;
        Ok(Self { learner, actors, played })
    }

    /// The next update. A `draining` one leaves nothing in play, unless more than it can consume was so before.
    ///
    /// # Errors
    /// If all steps are done, or the map of a next episode cannot be made (the run must then be discarded).
    pub fn update(&mut self, draining: bool) -> Result<AsyncUpdate, LearnerError> {
        let run = self.learner.run();
        if run.is_complete() {
            return Err(LearnerError::Complete { steps: run.steps_done(), total: run.total_steps() });
        }
        loop {
            while let Some(lane) = self.learner.next_lane(draining) {
                self.actors.give(lane);
            }
            let segment = self.played.recv().map_err(|_| LearnerError::Actors)??;
            let update = self.learner.consume(segment)?;
            self.actors.publish(self.learner.newest());
            if let Some(update) = update {
                return Ok(update);
            }
        }
    }

    pub fn learner(&self) -> &AsyncLearner {
        &self.learner
    }

    pub fn learner_mut(&mut self) -> &mut AsyncLearner {
        &mut self.learner
    }

    /// Everything that happened in the last update.
    pub fn write_record(&self, record: &mut RolloutRecord) {
        self.learner.write_record(record);
    }
}
