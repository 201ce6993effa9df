//! Segments of one producer that wait for their file.

use super::context::Limits;
use contracts::RunId;
use contracts::events::Split;
use event_log::{Delivery, Heartbeat};
use std::collections::BTreeMap;
use tokio::time::Instant;
use trajectories::Segment;

/// Whose segments: files never mix producers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct GroupId {
    pub run: RunId,
    pub split: Split,
    pub producer: String,
}

/// A segment in memory and the message that brought it.
pub(super) struct Held {
    pub segment: Segment,
    pub delivery: Delivery,
    /// Keeps the message ours until it is acknowledged.
    _heartbeat: Heartbeat,
}

impl Held {
    pub fn new(segment: Segment, delivery: Delivery) -> Self {
        Self { _heartbeat: delivery.receipt.keep_alive(), segment, delivery }
    }
}

/// The waiting segments of one producer, in order of their numbers.
pub(super) struct Group {
    held: BTreeMap<u64, Held>,
    rows: usize,
    memory: usize,
    end: bool,
    oldest: Instant,
    newest: Instant,
    /// After a failure: not to be tried before.
    not_before: Option<Instant>,
}

impl Group {
    pub fn new(now: Instant) -> Self {
        Self { held: BTreeMap::new(), rows: 0, memory: 0, end: false, oldest: now, newest: now, not_before: None }
    }

    /// Adds a segment. A repetition replaces it: the newest delivery is the one to acknowledge.
    pub fn insert(&mut self, held: Held, now: Instant) {
        if self.held.is_empty() {
            self.oldest = now;
        }
        self.newest = now;
        self.rows += held.segment.rows();
        self.memory += held.segment.memory();
        self.end |= held.segment.header.end;
        if let Some(replaced) = self.held.insert(held.segment.header.number, held) {
            self.subtract(&replaced);
        }
    }

    /// Takes the first run of consecutive segments: what a file may claim.
    pub fn take_run(&mut self) -> Vec<Held> {
        let Some(first) = self.held.keys().next().copied() else { return Vec::new() };
        let numbers = self.held.keys().copied().zip(first..).take_while(|(number, expected)| number == expected);
        let run: Vec<u64> = numbers.map(|(number, _)| number).collect();
        let run: Vec<Held> = run.iter().filter_map(|number| self.held.remove(number)).collect();
        run.iter().for_each(|held| self.subtract(held));
        self.end &= !self.held.is_empty();
        run
    }

    /// Puts segments back that could not be written, to be tried again at `not_before`.
    pub fn put_back(&mut self, run: Vec<Held>, now: Instant, not_before: Option<Instant>) {
        run.into_iter().for_each(|held| self.insert(held, now));
        self.not_before = not_before;
    }

    /// When its file should be written; at once means in the past.
    pub fn deadline(&self, limits: &Limits) -> Instant {
        let full = self.end || self.rows >= limits.file_rows || self.memory >= limits.file_bytes;
        let due = if full { self.oldest } else { (self.newest + limits.idle).min(self.oldest + limits.age) };
        self.not_before.map_or(due, |at| due.max(at))
    }

    /// Whether it waits after a failure.
    pub fn is_waiting(&self, now: Instant) -> bool {
        self.not_before.is_some_and(|at| at > now)
    }

    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Decoded bytes.
    pub fn memory(&self) -> usize {
        self.memory
    }

    fn subtract(&mut self, held: &Held) {
        self.rows -= held.segment.rows();
        self.memory -= held.segment.memory();
    }
}
