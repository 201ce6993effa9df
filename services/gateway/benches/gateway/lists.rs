//! Pages of lists that have grown long.

use crate::Measurements;
use crate::load::Connection;
use crate::samples::{episode, progressed};
use crate::world::World;
use anyhow::Result;
use contracts::RunId;

/// Reports and episodes of one run.
const LONG: u64 = 100_000;
/// Events that are appended at once.
const BATCH: u64 = 5_000;
const REQUESTS: usize = 200;

/// A page of 50 at the newest end, and one from the middle by key; both tell how many items there are.
pub async fn long(world: &World, run: RunId, number: i64, measurements: &mut Measurements) -> Result<()> {
    for first in (1..=LONG).step_by(BATCH as usize) {
        world.append((first..first + BATCH).map(|update| progressed(run, update)).collect()).await?;
        world.append((first..first + BATCH).map(|index| episode(run, index)).collect()).await?;
    }
    let mut connection = Connection::open(world.address).await?;
    for (name, path) in [
        ("metrics", format!("/api/v1/training/sessions/{number}/metrics")),
        ("episodes", format!("/api/v1/training/{number}/episodes")),
    ] {
        for (place, query) in [("newest", String::new()), ("by_key", format!("?after={}", LONG / 2))] {
            let milliseconds = connection.median(&format!("{path}{query}"), REQUESTS).await?;
            measurements.add(&format!("{name}_of_{LONG}/{place}/p50"), milliseconds, "ms");
        }
    }
    Ok(())
}
