//! Worlds that clients play in by hand: at most so many, and none for ever.

use environment::batch::BatchConfig;
use environment::{Action, Environment, Purpose, StepRecord, WorldConfig, WorldError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// Worlds that exist at once.
pub const MOST_WORLDS: usize = 128;
/// A world that nobody touches for this long goes away.
pub const IDLE: Duration = Duration::from_secs(30 * 60);

/// The worlds, by their ids.
#[derive(Default)]
pub struct Worlds {
    entries: Mutex<HashMap<Uuid, Entry>>,
}

struct Entry {
    world: Arc<Mutex<Played>>,
    touched: Instant,
}

/// A world between two actions.
pub struct Played {
    config: WorldConfig,
    pub environment: Environment,
    /// What the last step did; none before the first.
    pub outcome: Option<StepRecord>,
}

/// As many worlds exist as may; the first of them goes away after `wait` if nobody touches it.
#[derive(Debug)]
pub struct Full {
    pub wait: Duration,
}

impl Worlds {
    /// Adds a world under `id`.
    ///
    /// # Errors
    /// [`Full`] when there are too many that were touched lately.
    pub fn add(&self, id: Uuid, world: Played, now: Instant) -> Result<Arc<Mutex<Played>>, Full> {
        let mut entries = self.lock();
        entries.retain(|_, entry| now.duration_since(entry.touched) < IDLE);
        if entries.len() >= MOST_WORLDS {
            let oldest = entries.values().map(|entry| entry.touched).min().unwrap_or(now);
            return Err(Full { wait: (oldest + IDLE).duration_since(now) });
        }
        let world = Arc::new(Mutex::new(world));
        entries.insert(id, Entry { world: Arc::clone(&world), touched: now });
        Ok(world)
    }

    /// The world `id`, which is thereby touched.
    pub fn get(&self, id: Uuid, now: Instant) -> Option<Arc<Mutex<Played>>> {
        let mut entries = self.lock();
        entries.retain(|_, entry| now.duration_since(entry.touched) < IDLE);
        let entry = entries.get_mut(&id)?;
        entry.touched = now;
        Some(Arc::clone(&entry.world))
    }

    /// Takes a world away; whether there was one.
    pub fn remove(&self, id: Uuid) -> bool {
        self.lock().remove(&id).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Played {
    /// A world at the start of its first episode.
    ///
    /// # Errors
    /// If no such world can be made.
    pub fn new(config: WorldConfig, seed: u64) -> Result<Self, WorldError> {
        let environment = open(&config, seed)?;
        Ok(Self { config, environment, outcome: None })
    }

    /// Begins the episode of `seed`, or the next one of the present seed.
    ///
    /// # Errors
    /// If its map cannot be made; nothing has changed then.
    pub fn reset(&mut self, seed: Option<u64>) -> Result<(), WorldError> {
        match seed {
            Some(seed) => self.environment = open(&self.config, seed)?,
            None => drop(self.environment.start_next_episode()?),
        }
        self.outcome = None;
        Ok(())
    }

    /// Whether the episode is over: only a reset may follow.
    pub fn is_over(&self) -> bool {
        self.outcome.as_ref().is_some_and(StepRecord::done)
    }

    /// One step; one action per robot.
    pub fn step(&mut self, actions: &[Action]) {
        let mut outcome = StepRecord::new();
        self.environment.step(actions, &mut outcome);
        self.outcome = Some(outcome);
    }
}

fn open(config: &WorldConfig, seed: u64) -> Result<Environment, WorldError> {
    let batch = BatchConfig {
        worlds: config.clone().into(),
        run_seed: seed,
        purpose: Purpose::Playback,
        num_envs: 1,
        stagger: false,
        observe: None,
    };
    Environment::new(&batch, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> Played {
        Played::new(WorldConfig::default(), 1).expect("the default world")
    }

    #[test]
    fn there_are_at_most_so_many_and_idle_ones_make_room() {
        let (worlds, start) = (Worlds::default(), Instant::now());
        for number in 0..MOST_WORLDS {
            assert!(worlds.add(Uuid::from_u128(number as u128), world(), start).is_ok());
        }
        let soon = start + Duration::from_secs(60);
        let full = worlds.add(Uuid::from_u128(1000), world(), soon).err().map(|Full { wait }| wait);
        assert_eq!(full, Some(IDLE - Duration::from_secs(60)));
        let later = start + IDLE - Duration::from_secs(1);
        assert!(worlds.get(Uuid::from_u128(7), later).is_some());
        let idle = start + IDLE;
        assert!(worlds.get(Uuid::from_u128(8), idle).is_none());
        assert!(worlds.get(Uuid::from_u128(7), idle).is_some());
        assert!(worlds.add(Uuid::from_u128(1000), world(), idle).is_ok());
        assert!(worlds.remove(Uuid::from_u128(7)) && !worlds.remove(Uuid::from_u128(7)));
    }
}
