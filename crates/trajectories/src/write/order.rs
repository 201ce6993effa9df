//! Sorting without comparing rows: runs of rows are already sorted, so only the runs are.

use crate::error::Result;
use crate::validation::episode_runs;
use arrow::array::AsArray;
use arrow::datatypes::{UInt32Type, UInt64Type};
use arrow::record_batch::RecordBatch;
use contracts::events::Table;

/// Consecutive rows of one batch that belong to one episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub episode: u64,
    pub first: (u32, u8),
    pub last: (u32, u8),
    pub batch: usize,
    pub start: usize,
    pub length: usize,
}

/// Two batches hold rows of one episode that do not follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("step {step} of episode {episode} was sent before, or goes back behind an earlier segment")]
pub struct Overlap {
    /// The later of the two, as a position among the batches.
    pub batch: usize,
    pub episode: u64,
    pub step: u32,
}

/// All pieces of the batches, in the order of the file.
pub(super) fn pieces(batches: &[&RecordBatch]) -> Result<Vec<Piece>, super::WriteError> {
    let mut pieces = Vec::new();
    for (batch, rows) in batches.iter().enumerate() {
        pieces.extend(episode_runs(rows)?.into_iter().map(|run| Piece {
            episode: run.episode,
            first: run.first,
            last: run.last,
            batch,
            start: run.start,
            length: run.length,
        }));
    }
    pieces.sort_unstable_by_key(|piece| (piece.episode, piece.first, piece.batch));
    for pair in pieces.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        if before.episode == after.episode && before.last >= after.first {
            let batch = before.batch.max(after.batch);
            return Err(Overlap { batch, episode: after.episode, step: after.first.0 }.into());
        }
    }
    Ok(pieces)
}

/// Cuts the pieces into groups of `rows` rows; the last may have fewer.
pub(super) fn row_groups(pieces: &[Piece], rows: usize) -> Vec<Vec<Piece>> {
    let mut groups = Vec::new();
    let (mut group, mut room) = (Vec::new(), rows);
    for piece in pieces {
        let mut rest = *piece;
        while rest.length > 0 {
            let taken = rest.length.min(room);
            group.push(Piece { length: taken, ..rest });
            rest.start += taken;
            rest.length -= taken;
            room -= taken;
            if room == 0 {
                groups.push(std::mem::take(&mut group));
                room = rows;
            }
        }
    }
    if !group.is_empty() {
        groups.push(group);
    }
    groups
}

/// (batch, row) of every row of a small table, in the order of the file; every map once.
pub(super) fn small_table(table: Table, batches: &[&RecordBatch]) -> Result<Vec<(usize, usize)>> {
    let mut keyed = Vec::new();
    for (batch, rows) in batches.iter().enumerate() {
        let key = rows.column(0).as_primitive::<UInt64Type>().values();
        let steps = (table == Table::WorldEvents).then(|| rows.column(1).as_primitive::<UInt32Type>().values());
        keyed.extend(key.iter().enumerate().map(|(row, key)| (*key, steps.map_or(0, |s| s[row]), batch, row)));
    }
    keyed.sort_unstable();
    if table == Table::Maps {
        keyed.dedup_by_key(|(map, ..)| *map);
    }
    Ok(keyed.into_iter().map(|(_, _, batch, row)| (batch, row)).collect())
}
