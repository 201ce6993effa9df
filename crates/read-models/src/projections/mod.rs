//! One file per read model: its row, the fold from events to rows, and nothing else.
//!
//! Most tables have one row per event and are a pure function of the batch. `runs` and `evaluations` change with later
//! events: the rows that a batch concerns are loaded, folded and written back.

pub(crate) mod baselines;
pub(crate) mod checkpoints;
pub(crate) mod command_outcomes;
pub(crate) mod dead_letters;
pub(crate) mod episodes;
pub(crate) mod evaluations;
pub(crate) mod models;
pub(crate) mod rejected_commands;
pub(crate) mod run_counts;
pub(crate) mod run_metrics;
pub(crate) mod runs;
pub(crate) mod trajectory_files;

use crate::batch::{Fact, Poison};
use sqlx::PgConnection;
use std::collections::HashMap;
use std::hash::Hash;

/// Writes what `facts` and `poison` mean for every table.
pub(crate) async fn apply(connection: &mut PgConnection, facts: &[Fact], poison: &[Poison]) -> sqlx::Result<()> {
    runs::apply(connection, facts).await?;
    run_metrics::RunMetricRow::insert(connection, &run_metrics::rows(facts)).await?;
    episodes::EpisodeRow::insert(connection, &episodes::rows(facts)).await?;
    checkpoints::CheckpointRow::insert(connection, &checkpoints::rows(facts)).await?;
    evaluations::apply(connection, facts).await?;
    baselines::BaselineRow::insert(connection, &baselines::rows(facts)).await?;
    trajectory_files::TrajectoryFileRow::insert(connection, &trajectory_files::rows(facts)).await?;
    models::apply(connection, facts).await?;
    command_outcomes::CommandOutcomeRow::insert(connection, &command_outcomes::rows(facts)).await?;
    rejected_commands::RejectedCommandRow::insert(connection, &rejected_commands::rows(facts)).await?;
    dead_letters::DeadLetterRow::insert(connection, &dead_letters::rows(facts, poison)).await?;
    Ok(())
}

/// The last row of each key, in the order of their last appearance: one statement may not replace a row twice.
pub(crate) fn last_of_each<T, K: Eq + Hash>(rows: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let last: HashMap<K, usize> = rows.iter().enumerate().map(|(index, row)| (key(row), index)).collect();
    let mut index = 0..;
    rows.into_iter().filter(|row| index.next() == last.get(&key(row)).copied()).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_the_last_row_of_a_key_is_written() {
        let rows = vec![("a", 1), ("b", 2), ("a", 3), ("c", 4)];
        assert_eq!(super::last_of_each(rows, |row| row.0), [("b", 2), ("a", 3), ("c", 4)]);
    }
}
