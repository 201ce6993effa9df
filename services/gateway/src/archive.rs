//! Which episodes of a run lie in the archive, and where.

use crate::app::App;
use crate::error::Result;
use contracts::RunId;
use contracts::events::{Split, Table};
use read_models::{ReadModels, TrajectoryFileRow};
use service_runtime::Metrics;
use service_runtime::metrics::Counter;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use trajectories::{Detail, ObjectStore, RecordedEpisode, RecordedMap, RecordedSteps, read};

/// Files whose extent is remembered; they never change.
const REMEMBERED: usize = 4096;
/// The split that is played when the client does not say: the first of these that has steps.
const PREFERRED: [Split; 4] = [Split::Train, Split::External, Split::Eval, Split::Baseline];

/// Rows per episode of files that were looked into.
#[derive(Default)]
pub struct Extents {
    known: Mutex<KnownExtents>,
}

/// Episodes and their numbers of rows.
type Extent = Arc<Vec<(u64, u64)>>;
type KnownExtents = HashMap<String, Extent>;

/// How much of the archive playback touches.
pub struct PlaybackMetrics {
    row_groups_read: Counter,
    row_groups_skipped: Counter,
}

impl PlaybackMetrics {
    pub fn new(metrics: &Metrics) -> Self {
        let metrics = metrics.of_service("gateway");
        Self {
            row_groups_read: metrics.counter("playback_row_groups_read", "Row groups of the archive read for playback"),
            row_groups_skipped: metrics.counter(
                "playback_row_groups_skipped",
                "Row groups that playback could leave alone by their statistics",
            ),
        }
    }

    fn read(&self, pruning: read::Pruning) {
        let skipped = pruning.row_groups.saturating_sub(pruning.row_groups_read);
        self.row_groups_read.inc_by(pruning.row_groups_read as u64);
        self.row_groups_skipped.inc_by(skipped as u64);
    }
}

/// The archived steps of one split of a run.
pub struct Recordings {
    pub split: Split,
    pub files: Vec<TrajectoryFileRow>,
    /// Steps per episode.
    pub steps: BTreeMap<u64, u32>,
}

/// Steps of one episode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    pub episode: u64,
    pub steps: Range<u32>,
}

/// The files of `split`, or of the preferred one that has any.
pub async fn step_files(
    models: &ReadModels,
    run: RunId,
    split: Option<Split>,
    episode: Option<i64>,
) -> Result<(Split, Vec<TrajectoryFileRow>)> {
    for candidate in PREFERRED.into_iter().filter(|candidate| split.is_none_or(|split| split == *candidate)) {
        let files = models.trajectory_files(run, candidate, Table::Steps, episode).await?;
        if !files.is_empty() {
            return Ok((candidate, files));
        }
    }
    Ok((split.unwrap_or(Split::Train), Vec::new()))
}

impl App {
    /// What can be played of `run`; of one episode if given.
    pub async fn recordings(
        &self,
        run: RunId,
        robots: u64,
        split: Option<Split>,
        episode: Option<u64>,
    ) -> Result<Recordings> {
        // What does not fit was never written.
        let wanted = episode.map(|episode| i64::try_from(episode).unwrap_or(i64::MAX));
        let (split, files) = step_files(&self.models, run, split, wanted).await?;
        let mut rows: BTreeMap<u64, u64> = BTreeMap::new();
        for file in &files {
            let extent = self.extents.of(&self.store, &file.uri).await?;
            let wanted = extent.iter().filter(|(found, _)| episode.is_none_or(|episode| episode == *found));
            wanted.for_each(|(found, count)| *rows.entry(*found).or_default() += count);
        }
        let steps = |rows: u64| u32::try_from(rows / robots.max(1)).unwrap_or(u32::MAX);
        let steps = rows.into_iter().map(|(episode, rows)| (episode, steps(rows))).collect();
        Ok(Recordings { split, files, steps })
    }

    /// The recorded steps of an episode from its beginning to `end`.
    pub async fn recorded_steps(
        &self,
        recordings: &Recordings,
        excerpt: &Excerpt,
        detail: Detail,
    ) -> Result<RecordedSteps> {
        let holds = |file: &&TrajectoryFileRow| {
            let (first, last) = (file.first_episode.unwrap_or(0), file.last_episode.unwrap_or(i64::MAX));
            (first.max(0) as u64..=last.max(0) as u64).contains(&excerpt.episode)
        };
        let keys: Vec<String> = recordings.files.iter().filter(holds).map(|file| file.uri.clone()).collect();
        let end = excerpt.steps.end;
        let (steps, pruning) = read::recorded_steps(&self.store, &keys, excerpt.episode, end, detail).await?;
        self.playback.read(pruning);
        Ok(steps)
    }

    /// The archive's row about an episode; none while it is not over.
    pub async fn recorded_episode(&self, run: RunId, split: Split, episode: u64) -> Result<Option<RecordedEpisode>> {
        let wanted = i64::try_from(episode).unwrap_or(i64::MAX);
        for file in self.models.trajectory_files(run, split, Table::Episodes, Some(wanted)).await? {
            let rows = read::all(&self.store, Table::Episodes, &file.uri).await?;
            let found = RecordedEpisode::all_of(&rows)?.into_iter().find(|row| row.episode_index == episode);
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// A recorded map.
    pub async fn recorded_map(&self, run: RunId, split: Split, map_hash: u64) -> Result<Option<RecordedMap>> {
        for file in self.models.trajectory_files(run, split, Table::Maps, None).await? {
            let rows = read::all(&self.store, Table::Maps, &file.uri).await?;
            let found = RecordedMap::all_of(&rows)?.into_iter().find(|map| map.map_hash == map_hash);
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

impl Recordings {
    /// Steps of all episodes.
    pub fn total(&self) -> u64 {
        self.steps.values().map(|steps| u64::from(*steps)).sum()
    }

    /// Steps `range` of all, counted through the episodes in their order.
    pub fn excerpts(&self, range: Range<u64>) -> Vec<Excerpt> {
        let mut before = 0;
        let mut excerpts = Vec::new();
        for (&episode, &steps) in &self.steps {
            let from = range.start.saturating_sub(before).min(steps.into());
            let to = range.end.saturating_sub(before).min(steps.into());
            if from < to {
                excerpts.push(Excerpt { episode, steps: from as u32..to as u32 });
            }
            before += u64::from(steps);
        }
        excerpts
    }
}

impl Extents {
    async fn of(&self, store: &ObjectStore, uri: &str) -> Result<Extent> {
        if let Some(known) = self.lock().get(uri) {
            return Ok(Arc::clone(known));
        }
        let extent = Arc::new(read::rows_by_episode(store, uri).await?);
        let mut known = self.lock();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(uri.to_owned(), Arc::clone(&extent));
        Ok(extent)
    }

    fn lock(&self) -> MutexGuard<'_, KnownExtents> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_runs_through_the_episodes() {
        let steps = BTreeMap::from([(3, 10), (5, 4), (9, 100)]);
        let recordings = Recordings { split: Split::Train, files: Vec::new(), steps };
        assert_eq!(recordings.total(), 114);
        let excerpt = |episode, steps| Excerpt { episode, steps };
        assert_eq!(recordings.excerpts(0..5), [excerpt(3, 0..5)]);
        assert_eq!(recordings.excerpts(8..16), [excerpt(3, 8..10), excerpt(5, 0..4), excerpt(9, 0..2)]);
        assert_eq!(recordings.excerpts(110..500), [excerpt(9, 96..100)]);
        assert_eq!(recordings.excerpts(114..500), []);
    }
}
