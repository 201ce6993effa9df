//! The archive: trajectory segments from the work queue into Parquet files.
//!
//! Segments are held until a file is worth writing, per run, split and producer. A file is made durable, its
//! `archive.file_written` is appended, and only then are its segments acknowledged; so a death at any point repeats work
//! and neither loses nor doubles rows. What has been archived is known from the events alone.

mod commit;
mod context;
mod error;
mod group;
mod intake;
mod keeper;
mod metrics;
mod ranges;
mod run_archive;

pub use context::{Context, Limits};
pub use error::Error;

use event_log::Queue;
use keeper::Keeper;
use service_runtime::Lifecycle;
use std::time::Duration;
use tokio::time::Instant;

/// Messages taken at once: those of learners are below 1 MB, others as large as the server takes.
const PULL: usize = 16;
/// Longest wait for messages before deadlines and shutdown are looked at again.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// Archives segments until the lifecycle drains, then writes what it holds.
///
/// # Errors
/// What waiting cannot cure: refused permissions, a missing consumer, a log that cannot be understood.
pub async fn run(context: Context, lifecycle: Lifecycle) -> Result<(), Error> {
    let draining = lifecycle.draining();
    let queue = context.log.work_queue(Queue::Trajectories).await?;
    let mut keeper = Keeper::new(context);
    while !draining.is_cancelled() {
        let now = Instant::now();
        keeper.flush_due(now).await?;
        let wait =
            keeper.next_deadline().map_or(LONGEST_WAIT, |at| at.saturating_duration_since(now).min(LONGEST_WAIT));
        if keeper.is_full() || keeper.is_waiting(now) {
            // Not pulling is the back-pressure: the stream fills, and its producers wait.
            tokio::time::sleep(wait.max(Duration::from_millis(10))).await;
            continue;
        }
        for delivery in queue.pull(PULL, wait).await? {
            keeper.take(delivery, Instant::now()).await?;
        }
    }
    keeper.flush_all().await
}
