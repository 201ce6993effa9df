//! What the Parquet files of a run hold, read with the project's own reader.

use super::System;
use anyhow::{Context, Result, ensure};
use contracts::events::{Split, Table};
use contracts::{Event, RunId};
use futures::TryStreamExt;
use trajectories::{RecordBatch, read};

/// One robot's step: where it stands in the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    pub episode: u64,
    pub step: u32,
}

impl<N> System<N> {
    /// Every archived step of one robot's run, in order of episode and step, repetitions included.
    pub async fn archived_steps(&self, run: RunId, split: Split) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        for event in self.events(run).await? {
            let Event::FileWritten(file) = event else { continue };
            if (file.split, file.table) != (split, Table::Steps) {
                continue;
            }
            let before = steps.len();
            let mut batches =
                Box::pin(read::scan(&self.store, &file.blob.uri, Some(&["episode_index", "step"])).await?);
            while let Some(batch) = batches.try_next().await? {
                steps.extend(rows(&batch)?);
            }
            ensure!(
                Some((steps.len() - before) as u64) == file.blob.rows,
                "{file:?} has {} rows",
                steps.len() - before
            );
        }
        steps.sort_unstable();
        Ok(steps)
    }

    /// Checks that the training of one robot is archived without a gap and without a repetition: `timesteps` steps, and of
    /// each episode the steps from its first on.
    pub async fn every_step_is_archived_once(&self, run: RunId, timesteps: u64) -> Result<()> {
        let steps = self.archived_steps(run, Split::Train).await?;
        for pair in steps.windows(2) {
            let [before, after] = pair else { continue };
            let follows = after.episode == before.episode && after.step == before.step + 1;
            let begins = after.episode > before.episode && after.step == steps[0].step;
            ensure!(follows || begins, "{after:?} follows {before:?}");
        }
        ensure!(steps.len() as u64 == timesteps, "{} steps of {timesteps}", steps.len());
        Ok(())
    }
}

/// Both columns are plain numbers without nulls.
fn rows(batch: &RecordBatch) -> Result<Vec<Step>> {
    let column = |name| batch.column_by_name(name).map(|column| column.to_data()).context(name);
    let (episodes, steps) = (column("episode_index")?, column("step")?);
    let (episodes, steps) = (episodes.buffer::<u64>(0), steps.buffer::<u32>(0));
    let pairs = episodes.iter().zip(steps).take(batch.num_rows());
    Ok(pairs.map(|(episode, step)| Step { episode: *episode, step: *step }).collect())
}
