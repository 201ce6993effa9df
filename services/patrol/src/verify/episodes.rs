//! Archived episodes, simulated again from their seed and actions: every recorded state hash has to be met.

use super::material::Material;
use super::report::Check;
use anyhow::{Error, Result};
use contracts::events::{FileWritten, Split, Table};
use experiments::playback::{self, PlaybackError};
use trajectories::{Detail, ObjectStore, RecordedEpisode, RecordedSteps, read};

/// What is simulated here; external episodes were played elsewhere.
const SPLITS: [Split; 3] = [Split::Train, Split::Eval, Split::Baseline];

/// Replays up to `most` episodes of each split, spread evenly over the run.
pub async fn sampled(store: &ObjectStore, material: &Material, most: usize, done: impl Fn()) -> Result<Check> {
    let mut check = Check::new("episodes");
    for split in SPLITS {
        let episodes = match recorded(store, material, split).await {
            Ok(episodes) => episodes,
            // Its file is reported by the check of files.
            Err(error) => {
                check.skip(format!("the {} episodes cannot be read: {error:#}", split.token()));
                continue;
            }
        };
        for episode in spread(&episodes, most) {
            replay(store, material, split, episode, &mut check).await;
            done();
        }
    }
    Ok(check)
}

/// All archived episodes of a split.
async fn recorded(store: &ObjectStore, material: &Material, split: Split) -> Result<Vec<RecordedEpisode>> {
    let mut episodes = Vec::new();
    for file in files(material, split, Table::Episodes) {
        episodes.extend(RecordedEpisode::all_of(&read::all(store, Table::Episodes, &file.blob.uri).await?)?);
    }
    episodes.sort_by_key(|episode| episode.episode_index);
    Ok(episodes)
}

fn files(material: &Material, split: Split, table: Table) -> impl Iterator<Item = &FileWritten> {
    material.files.iter().filter(move |file| (file.split, file.table) == (split, table))
}

/// At most `most` of `items`, the first and the last among them.
fn spread<T>(items: &[T], most: usize) -> impl Iterator<Item = &T> {
    let chosen = most.min(items.len());
    (0..chosen).map(move |index| &items[if chosen == 1 { 0 } else { index * (items.len() - 1) / (chosen - 1) }])
}

async fn replay(store: &ObjectStore, material: &Material, split: Split, row: &RecordedEpisode, check: &mut Check) {
    let name = format!("{} episode {}", split.token(), row.episode_index);
    let steps = match steps(store, material, split, row).await {
        Ok(steps) => steps,
        Err(error) => return check.note(vec![format!("{name} cannot be read: {:#}", Error::from(error))]),
    };
    if steps.state_hash.is_none() {
        return check.skip(format!("{name}: its steps are recorded without state hashes, or not at all"));
    }
    let whole = steps.len() == row.length as usize * usize::from(row.num_robots);
    if !whole && material.requested.resume_from.is_some() {
        return check.skip(format!("{name} began in the run that this one goes on from"));
    }
    if !whole && !material.archive_settled {
        return check.skip(format!("{name}: some of its steps are on their way to the archive"));
    }
    let played = playback::opening(&material.requested.config, split, row.episode_index, Some(row), None)
        .and_then(|mut world| playback::replay(&mut world, &steps, 0..row.length, |_, _, _| {}));
    check.note(match played {
        Ok(()) => Vec::new(),
        Err(PlaybackError::Diverged { step }) => vec![format!("{name} has another state after step {step}")],
        Err(error) => vec![format!("{name}: {:#}", Error::from(error))],
    });
}

async fn steps(
    store: &ObjectStore,
    material: &Material,
    split: Split,
    row: &RecordedEpisode,
) -> Result<RecordedSteps, trajectories::Error> {
    let holds = |file: &&FileWritten| {
        let (first, last) = (file.first_episode.unwrap_or(0), file.last_episode.unwrap_or(u64::MAX));
        (first..=last).contains(&row.episode_index)
    };
    let mut files: Vec<&FileWritten> = files(material, split, Table::Steps).filter(holds).collect();
    files.sort_by_key(|file| file.segments.first);
    let keys: Vec<String> = files.into_iter().map(|file| file.blob.uri.clone()).collect();
    Ok(read::recorded_steps(store, &keys, row.episode_index, row.length, Detail::Actions).await?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_reaches_from_the_first_to_the_last() {
        let items: Vec<u32> = (0..10).collect();
        let of = |most| spread(&items, most).copied().collect::<Vec<_>>();
        assert_eq!((of(0), of(1), of(2), of(4)), (vec![], vec![0], vec![0, 9], vec![0, 3, 6, 9]));
        assert_eq!(of(50), items);
        assert_eq!(spread::<u32>(&[], 3).count(), 0);
    }
}
