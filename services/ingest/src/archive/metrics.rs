//! What the archive counts.

use service_runtime::Metrics;
use service_runtime::metrics::{Counter, Gauge, Histogram};

#[derive(Clone)]
pub(super) struct ArchiveMetrics {
    pub segments: Counter,
    pub repeated_segments: Counter,
    pub dead_letters: Counter,
    pub rows: Counter,
    pub files: Counter,
    pub bytes: Counter,
    pub held_bytes: Gauge,
    pub write: Histogram,
}

impl ArchiveMetrics {
    pub fn new(metrics: &Metrics) -> Self {
        Self {
            segments: metrics.counter("archive_segments", "Segments taken"),
            repeated_segments: metrics.counter("archive_repeated_segments", "Segments dropped: archived before"),
            dead_letters: metrics.counter("archive_dead_letters", "Segments set aside"),
            rows: metrics.counter("archive_rows", "Rows written, all tables"),
            files: metrics.counter("archive_files", "Files written"),
            bytes: metrics.counter("archive_written_bytes", "Bytes of the files written"),
            held_bytes: metrics.gauge("archive_held_bytes", "Decoded bytes that wait for a file"),
            write: metrics.seconds("archive_write", "From the decision to write to the acknowledgement"),
        }
    }
}
