//! Actors on threads of this process.
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use environment::WorldError;

use super::actor::{ActorSegment, ActorSettings, SegmentActor};
use super::lane::{Lane, PolicyVersion};

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

    /// Lanes that wait for a thread.
    pub fn waiting(&self) -> usize {
        self.shared.board().waiting.len()
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
