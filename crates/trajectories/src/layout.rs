//! Where files stand: `trajectories/<table>/run_id=<run>/split=<split>/part-<producer>-<first>-<last>.parquet`.
//!
//! Hive partitions: DuckDB, pyarrow and Polars read `run_id` and `split` from the path. The name holds the segments
//! inside, so that writing a file again after a crash replaces it with the same bytes.

use contracts::events::{SegmentRange, Split, Table};
use contracts::ids::RunId;

/// Folder of all tables.
pub const ROOT: &str = "trajectories";

/// Key of the folder with the files of one run and split.
pub fn partition(table: Table, run: RunId, split: Split) -> String {
    format!("{ROOT}/{}/run_id={run}/split={}", table.token(), split.token())
}

/// Key of the file with these segments.
pub fn file(table: Table, run: RunId, split: Split, segments: &SegmentRange) -> String {
    let SegmentRange { producer, first, last } = segments;
    format!("{}/part-{producer}-{first:010}-{last:010}.parquet", partition(table, run, split))
}

/// The segments in the file at `key`; `None` when it is not a file of the archive.
pub fn segments(key: &str) -> Option<SegmentRange> {
    let name = key.rsplit('/').next()?.strip_prefix("part-")?.strip_suffix(".parquet")?;
    let (name, last) = name.rsplit_once('-')?;
    let (producer, first) = name.rsplit_once('-')?;
    Some(SegmentRange { producer: producer.to_owned(), first: first.parse().ok()?, last: last.parse().ok()? })
}
