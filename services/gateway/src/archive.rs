//! Which episodes of a run lie in the archive, and where.

use crate::app::App;
use crate::error::Result;
use crate::excerpts::{Cut, Excerpt, FrameKey};
use contracts::events::{Split, Table};
use contracts::{RunConfig, RunId};
use read_models::{ReadModels, TrajectoryFileRow};
use service_runtime::Metrics;
use service_runtime::metrics::Counter;
use std::collections::{BTreeMap, HashMap};
use std::ops::{ControlFlow, RangeInclusive};
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

/// A page of the archived steps of one split of a run.
pub struct Recordings {
    pub split: Split,
    files: Vec<TrajectoryFileRow>,
    /// Steps of all pages.
    pub total: u64,
    pub excerpts: Vec<Excerpt>,
    /// Behind which frame the next page begins, when there is one.
    pub next: Option<FrameKey>,
}

/// The preferred split of those that have steps, and its files.
pub async fn preferred_files(models: &ReadModels, run: RunId) -> Result<(Split, Vec<TrajectoryFileRow>)> {
    for candidate in PREFERRED {
        let files = models.trajectory_files(run, candidate, Table::Steps, None).await?;
        if !files.is_empty() {
            return Ok((candidate, files));
        }
    }
    Ok((Split::Train, Vec::new()))
}

/// The episodes that a file may hold.
fn episodes(file: &TrajectoryFileRow) -> RangeInclusive<u64> {
    let (first, last) = (file.first_episode.unwrap_or(0), file.last_episode.unwrap_or(i64::MAX));
    first.max(0) as u64..=last.max(0) as u64
}

impl App {
    /// The page `cut` of what can be played of `run`; of one episode if given.
    ///
    /// Only the files that hold the page, and by number those before it, are looked into.
    pub async fn recordings(
        &self,
        run: RunId,
        config: &RunConfig,
        split: Option<Split>,
        episode: Option<u64>,
        cut: Cut,
    ) -> Result<Recordings> {
        // What does not fit was never written.
        let wanted = episode.map(|episode| i64::try_from(episode).unwrap_or(i64::MAX));
        let split = match split {
            Some(split) => split,
            // Whatever the episode: another split's episode of the same number is another one.
            None => preferred_files(&self.models, run).await?.0,
        };
        let files = self.models.trajectory_files(run, split, Table::Steps, wanted).await?;
        let steps = |episode, rows| rows / experiments::team_size(config, split, episode).max(1) as u64;
        let total = match (experiments::common_team_size(config, split), episode) {
            // Simulated teams are complete in every step.
            (Some(robots), None) if split != Split::External => {
                files.iter().map(|file| file.rows.max(0) as u64).sum::<u64>() / robots.max(1) as u64
            }
            _ => {
                let mut total = 0;
                self.walk(&files, episode, 0, |episode, rows| {
                    total += steps(episode, rows);
                    ControlFlow::Continue(())
                })
                .await?;
                total
            }
        };
        let mut page = cut;
        let first = page.first_episode();
        self.walk(&files, episode, first, |episode, rows| {
            page.take(episode, u32::try_from(steps(episode, rows)).unwrap_or(u32::MAX))
        })
        .await?;
        let (excerpts, next) = page.finish();
        Ok(Recordings { split, files, total, excerpts, next })
    }

    /// Tells of one episode after the other, from `first` on, how many rows `files` have of it, until told to stop. An
    /// episode may run through several files, which come in the order of their first episodes.
    async fn walk(
        &self,
        files: &[TrajectoryFileRow],
        episode: Option<u64>,
        first: u64,
        mut visit: impl FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<()> {
        let unread: Vec<&TrajectoryFileRow> = files.iter().filter(|file| *episodes(file).end() >= first).collect();
        let mut unread = unread.into_iter().peekable();
        let mut open: BTreeMap<u64, u64> = BTreeMap::new();
        loop {
            let begins_before = |open: &BTreeMap<u64, u64>, file: &TrajectoryFileRow| {
                open.first_key_value().is_none_or(|(next, _)| episodes(file).start() <= next)
            };
            while let Some(file) = unread.next_if(|file| begins_before(&open, file)) {
                let extent = self.extents.of(&self.store, &file.uri).await?;
                let from = extent.partition_point(|(found, _)| *found < first);
                let wanted = extent[from..].iter().filter(|(found, _)| episode.is_none_or(|episode| episode == *found));
                wanted.for_each(|(found, rows)| *open.entry(*found).or_default() += rows);
            }
            let Some((next, rows)) = open.pop_first() else { return Ok(()) };
            if visit(next, rows).is_break() {
                return Ok(());
            }
        }
    }

    /// The recorded steps of an episode from its beginning to `end`.
    pub async fn recorded_steps(
        &self,
        recordings: &Recordings,
        excerpt: &Excerpt,
        detail: Detail,
    ) -> Result<RecordedSteps> {
        let files = recordings.files.iter().filter(|file| episodes(file).contains(&excerpt.episode));
        let keys: Vec<String> = files.map(|file| file.uri.clone()).collect();
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
