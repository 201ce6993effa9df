//! Randomness as a function of what it is for: ChaCha8 keyed by (run seed, purpose, environment index, episode).
//!
//! No generator is shared and none is seeded from the machine, so an episode is the same whoever simulates it, in
//! whatever order. Bernstein, *ChaCha, a variant of Salsa20*, 2008.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// What the random numbers of an episode are for; keeps training, evaluation and tests apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Purpose {
    /// Episodes that a learner learns from.
    Training = 1,
    /// Held-out episodes.
    Evaluation = 2,
    /// Episodes of scripted agents.
    Baseline = 3,
    /// Episodes played for a person.
    Playback = 4,
    /// Episodes of the crate's own tests and benches.
    Test = 5,
}

impl Purpose {
    /// The purpose with this number, if there is one.
    pub const fn from_index(index: u8) -> Option<Self> {
        match index {
            1 => Some(Purpose::Training),
            2 => Some(Purpose::Evaluation),
            3 => Some(Purpose::Baseline),
            4 => Some(Purpose::Playback),
            5 => Some(Purpose::Test),
            _ => None,
        }
    }
}

/// Names one episode of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EpisodeKey {
    /// Seed of the run.
    pub run_seed: u64,
    /// What the episode is for.
    pub purpose: Purpose,
    /// Which of the run's environments.
    pub env_index: u32,
    /// Which episode of that environment.
    pub episode: u32,
}

/// Independent streams of one episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stream {
    /// The map's seed and the robots' start.
    Start = 1,
    /// Objects during the episode.
    Objects = 2,
    /// Decisions of an agent that acts at random.
    Agent = 3,
    /// The world itself, where it is drawn.
    World = 4,
}

impl EpisodeKey {
    /// The generator of one stream of this episode.
    pub fn rng(&self, stream: Stream) -> ChaCha8Rng {
        let mut seed = [0u8; 32];
        seed[..8].copy_from_slice(&self.run_seed.to_le_bytes());
        seed[8..12].copy_from_slice(&self.env_index.to_le_bytes());
        seed[12..16].copy_from_slice(&self.episode.to_le_bytes());
        seed[16] = self.purpose as u8;
        seed[17] = stream as u8;
        seed[24..].copy_from_slice(b"episode1");
        ChaCha8Rng::from_seed(seed)
    }

    /// The seed of this episode's own map, below 2^53 so that it survives JSON.
    pub fn map_seed(&self) -> u64 {
        self.rng(Stream::Start).next_u64() >> 11
    }
}

/// The generator that draws the map with this seed.
pub fn map_rng(map_seed: u64) -> ChaCha8Rng {
    let mut seed = [0u8; 32];
    seed[..8].copy_from_slice(&map_seed.to_le_bytes());
    seed[24..].copy_from_slice(b"map_seed");
    ChaCha8Rng::from_seed(seed)
}

/// An integer drawn uniformly from `0..bound`; 0 if `bound` is 0.
///
/// Lemire, *Fast random integer generation in an interval*, 2019, without the rejection: the bias is below
/// `bound` / 2^32.
pub fn below(rng: &mut ChaCha8Rng, bound: usize) -> usize {
    ((u64::from(rng.next_u32()) * bound as u64) >> 32) as usize
}
