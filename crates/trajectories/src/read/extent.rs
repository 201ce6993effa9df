//! What a file holds, without reading more than one column of it.

use crate::error::{Error, Result};
use crate::read::scan;
use crate::store::ObjectStore;
use arrow::array::AsArray;
use arrow::datatypes::UInt64Type;
use futures::TryStreamExt;
use std::pin::pin;

/// Rows per episode in the file `key` of `steps`, `episodes` or `world_events`, in the order of the file, which is that
/// of the episodes.
///
/// # Errors
/// `Store` when the file cannot be read, `Parquet` and `Invalid` when it is not what was written.
pub async fn rows_by_episode(store: &ObjectStore, key: &str) -> Result<Vec<(u64, u64)>> {
    let mut batches = pin!(scan(store, key, Some(&["episode_index"])).await?);
    let mut counts: Vec<(u64, u64)> = Vec::new();
    while let Some(batch) = batches.try_next().await? {
        let column = batch.columns().first().and_then(|column| column.as_primitive_opt::<UInt64Type>());
        let column = column.ok_or_else(|| Error::invalid(format!("`{key}` has no episodes")))?;
        for run in column.values().chunk_by(|one, next| one == next) {
            match counts.last_mut() {
                Some((episode, rows)) if *episode == run[0] => *rows += run.len() as u64,
                _ => counts.push((run[0], run.len() as u64)),
            }
        }
    }
    Ok(counts)
}
