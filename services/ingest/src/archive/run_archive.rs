//! What the log and the store say about the archive of one run.

use super::commit::Chunk;
use super::context::Context;
use super::error::Error;
use super::ranges::Ranges;
use contracts::config::{RecordingLevel, RecordingSettings, RunConfig, WorldSettings, Worlds};
use contracts::events::{FileWritten, RecordingChanged, SegmentRange, Split, Table};
use contracts::{Event, RunId, subjects};
use std::collections::{HashMap, HashSet};
use trajectories::{Recording, World, layout};

/// Longest side of a drawn world, cells; largest team in it; and steps of an episode unless the run says otherwise.
const DRAWN_SIDE: u8 = 50;
const DRAWN_TEAM: u8 = 10;
const DRAWN_EPISODE: u32 = 1_000;

/// The archive of one run, folded from its events.
#[derive(Clone, Debug)]
pub(super) struct RunArchive {
    pub run: RunId,
    /// Limits of the run's world, and of those that it trains in.
    world: World,
    trained: World,
    /// Last `archive.file_written` of the run: what the next append expects.
    pub version: u64,
    settings: RecordingSettings,
    changed: Option<RecordingChanged>,
    archived: HashMap<(Split, String), Ranges>,
    keys: HashSet<String>,
    orphans: Vec<Orphan>,
    train_bytes: u64,
}

/// A file that a dead process left behind without an event.
#[derive(Clone, Debug)]
struct Orphan {
    key: String,
    split: Split,
    segments: SegmentRange,
}

impl RunArchive {
    /// Reads a run's state; `None` when the run is unknown.
    pub async fn load(context: &Context, run: RunId) -> Result<Option<Self>, Error> {
        let Some(requested) = context.log.run_request(run).await? else { return Ok(None) };
        let mut state = Self::new(run, &requested.config);
        let filter = subjects::event("archive", Some(run), ">");
        for recorded in context.log.load(&filter).await? {
            let event = recorded.event().map_err(|source| Error::Event { run, source })?;
            state.evolve(&event, recorded.sequence);
        }
        state.orphans = state.find_orphans(context).await?;
        Ok(Some(state))
    }

    fn new(run: RunId, config: &RunConfig) -> Self {
        let world = limits(&config.world);
        Self {
            run,
            world,
            trained: match config.worlds() {
                Worlds::Fixed => world,
                Worlds::Universal => drawn(&config.world),
            },
            version: 0,
            settings: config.recording.clone(),
            changed: None,
            archived: HashMap::new(),
            keys: HashSet::new(),
            orphans: Vec::new(),
            train_bytes: 0,
        }
    }

    /// Applies an event of the archive that stands at `sequence`.
    pub fn evolve(&mut self, event: &Event, sequence: u64) {
        match event {
            Event::FileWritten(file) => {
                self.version = self.version.max(sequence);
                self.add(file);
            }
            Event::RecordingChanged(change) if self.changed.is_none() => self.changed = Some(change.clone()),
            _ => {}
        }
    }

    fn add(&mut self, file: &FileWritten) {
        let SegmentRange { producer, first, last } = &file.segments;
        self.archived.entry((file.split, producer.clone())).or_default().insert(*first, *last);
        if self.keys.insert(file.blob.uri.clone()) && file.split == Split::Train {
            self.train_bytes += file.blob.bytes;
        }
    }

    /// Whether the rows of a segment are in a file already.
    pub fn has(&self, split: Split, producer: &str, number: u64) -> bool {
        self.archived.get(&(split, producer.to_owned())).is_some_and(|ranges| ranges.contains(number))
    }

    /// What the rows of a split may say.
    pub fn limits(&self, split: Split) -> &World {
        match split {
            Split::Train => &self.trained,
            Split::Eval | Split::Baseline | Split::External => &self.world,
        }
    }

    /// What is kept of a segment: what all of these keep. Only training has a budget; everything else is kept in full.
    pub fn recordings(&self, split: Split, number: u64) -> Vec<Recording> {
        if split != Split::Train {
            return vec![Recording::Full];
        }
        let is_spent = |change: &RecordingChanged| number >= change.segment && change.to == RecordingLevel::Actions;
        let spent = self.changed.as_ref().is_some_and(is_spent).then_some(Recording::Actions);
        std::iter::once(Recording::of(&self.settings)).chain(spent).collect()
    }

    /// The change of level that is due with these new files because the budget is spent; at most one per run.
    pub fn change_due(&self, files: &[Event], chunk: &Chunk) -> Option<RecordingChanged> {
        let is_bounded = matches!(self.settings.level, RecordingLevel::Full | RecordingLevel::Sampled);
        if chunk.split != Split::Train || self.changed.is_some() || !is_bounded {
            return None;
        }
        let new_bytes = files.iter().map(|event| match event {
            Event::FileWritten(file) if !self.keys.contains(&file.blob.uri) => file.blob.bytes,
            _ => 0,
        });
        let bytes = self.train_bytes + new_bytes.sum::<u64>();
        let due = bytes >= self.settings.budget_bytes;
        due.then(|| RecordingChanged {
            run_id: self.run,
            from: self.settings.level,
            to: RecordingLevel::Actions,
            reason: format!("{bytes} bytes are archived; the budget is {}", self.settings.budget_bytes),
            segment: chunk.range.last.saturating_add(1),
        })
    }

    /// Takes out the orphans with segments that are archived in other files: a process that still meant to append their
    /// events would be refused, since it expects an older version.
    pub fn take_superseded(&mut self) -> Vec<String> {
        let orphans = std::mem::take(&mut self.orphans);
        let superseded = |orphan: &Orphan| self.intersects(orphan) && !self.has_sibling_of(orphan);
        let (gone, kept): (Vec<Orphan>, Vec<Orphan>) = orphans.into_iter().partition(superseded);
        self.orphans = kept;
        gone.into_iter().map(|orphan| orphan.key).filter(|key| !self.keys.contains(key)).collect()
    }

    fn intersects(&self, orphan: &Orphan) -> bool {
        let ranges = self.archived.get(&(orphan.split, orphan.segments.producer.clone()));
        ranges.is_some_and(|ranges| ranges.intersects(orphan.segments.first, orphan.segments.last))
    }

    /// Whether another table of the same segments is archived. All their events are one atomic batch, so the orphan's own is there, too:
    /// a replica that is still applying the batch shows a part of it.
    fn has_sibling_of(&self, orphan: &Orphan) -> bool {
        let key = |table| layout::file(table, self.run, orphan.split, &orphan.segments);
        Table::ALL.into_iter().any(|table| self.keys.contains(&key(table)))
    }

    async fn find_orphans(&self, context: &Context) -> Result<Vec<Orphan>, Error> {
        let mut orphans = Vec::new();
        for table in Table::ALL {
            for split in Split::ALL {
                let keys = context.store.list(&layout::partition(table, self.run, split)).await?;
                let unknown = keys.into_iter().filter(|key| !self.keys.contains(key));
                orphans
                    .extend(unknown.filter_map(|key| Some(Orphan { segments: layout::segments(&key)?, split, key })));
            }
        }
        Ok(orphans)
    }
}

/// The world's limits; a configuration was checked when its run was accepted.
fn limits(world: &WorldSettings) -> World {
    let byte = |value: u32| u8::try_from(value).unwrap_or(u8::MAX);
    let max_steps = world.max_steps.unwrap_or_else(|| (4 * world.width * world.height).max(1000));
    World { width: byte(world.width), height: byte(world.height), num_robots: byte(world.num_robots), max_steps }
}

/// The same where every episode draws its world: any that there is.
fn drawn(world: &WorldSettings) -> World {
    let max_steps = world.max_steps.unwrap_or(DRAWN_EPISODE);
    World { width: DRAWN_SIDE, height: DRAWN_SIDE, num_robots: DRAWN_TEAM, max_steps }
}
