//! What the archive works with.

use super::metrics::ArchiveMetrics;
use event_log::EventLog;
use service_runtime::{Clock, Metrics};
use std::sync::Arc;
use std::time::Duration;
use trajectories::ObjectStore;

/// What the archive works with.
#[derive(Clone)]
pub struct Context {
    pub log: EventLog,
    pub store: ObjectStore,
    pub clock: Arc<dyn Clock>,
    pub limits: Limits,
    pub(super) metrics: ArchiveMetrics,
}

impl Context {
    pub fn new(log: EventLog, store: ObjectStore, clock: Arc<dyn Clock>, limits: Limits, metrics: &Metrics) -> Self {
        Self { log, store, clock, limits, metrics: ArchiveMetrics::new(metrics) }
    }
}

/// When a file is worth writing, and how much may be held before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rows of all tables that make a file.
    pub file_rows: usize,
    /// Decoded bytes that make a file.
    pub file_bytes: usize,
    /// A producer silent for this long is not waited for.
    pub idle: Duration,
    /// No segment waits longer than this.
    pub age: Duration,
    /// Decoded bytes held for all producers together.
    pub memory_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_rows: 500_000,
            file_bytes: 32 << 20,
            idle: Duration::from_secs(10),
            age: Duration::from_secs(60),
            memory_bytes: 64 << 20,
        }
    }
}
