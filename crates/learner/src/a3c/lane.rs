//! Lanes: environments that one actor at a time plays on.
use std::fmt;
use std::sync::Arc;

use environment::Environment;

use crate::gae::End;
use crate::network::Network;
use crate::record::LaneRecord;
use crate::rollout::buffer::{Rollout, RolloutShape};

/// Environments per segment: half a share for each actor, so that there is always a lane to go on with, and at most
/// about sixteen robots, so that actors go through the network in batches.
pub fn segment_envs(num_envs: usize, robots: usize, actors: usize) -> usize {
    let most = RolloutShape { num_envs, steps: 0, robots, observation_len: 0 }.lane_envs();
    (num_envs / (2 * actors.max(1))).clamp(1, most)
}

/// Parameters, and how many segments they have learned from.
#[derive(Clone, Debug)]
pub struct PolicyVersion {
    pub version: u64,
    pub network: Arc<Network>,
}

/// How far the lanes of an asynchronous run are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneCounters {
    /// Environments per lane (the last one may have fewer).
    pub segment_envs: usize,
    /// Segments consumed, by lane.
    pub segments: Vec<u64>,
    /// Segments consumed of all lanes: the version of the learner's policy.
    pub policy_version: u64,
}

impl LaneCounters {
    pub fn new(num_envs: usize, segment_envs: usize) -> Self {
        Self { segment_envs, segments: vec![0; num_envs.div_ceil(segment_envs)], policy_version: 0 }
    }
}

/// A lane on its way between learner and actors, with the memory of its newest segment.
#[derive(Debug)]
pub struct Lane {
    pub index: usize,
    /// The segment to be played next, or the one that was just played: counted from 0 in this lane.
    pub segment: u64,
    pub(crate) environments: Vec<Environment>,
    pub(crate) rollout: Rollout,
    pub(crate) record: LaneRecord,
}

impl Lane {
    pub(crate) fn new(index: usize, segment: u64, environments: Vec<Environment>) -> Self {
        Self { index, segment, environments, rollout: Rollout::default(), record: LaneRecord::default() }
    }

    /// The environments as they stand.
    pub fn environments(&self) -> &[Environment] {
        &self.environments
    }

    /// Everything an actor chose and everything that came of it.
    pub(crate) fn digest(&self, policy_version: u64) -> SegmentDigest {
        let rollout = &self.rollout;
        let robots = rollout.actions.len() / rollout.ends.len().max(1);
        let mut digest = SegmentDigest::of(&[self.index as u64, self.segment, policy_version]);
        for (row, &action) in rollout.actions.iter().enumerate() {
            digest.add(u64::from(action) | u64::from(rollout.masks[row]) << 8);
            digest.pair(rollout.log_probs[row], rollout.values[row]);
            digest
                .pair(rollout.rewards[row], if rollout.is_cut(row, robots) { rollout.final_values[row] } else { 0.0 });
        }
        rollout.ends.iter().for_each(|&end| digest.add(end as u64));
        rollout.next_values.iter().for_each(|&value| digest.pair(value, 0.0));
        for environment in &self.environments {
            digest.add(environment.episode_index());
            digest.add(environment.world().state_hash());
        }
        digest
    }
}

impl Rollout {
    /// Whether the time limit cut the episode of `row`, so that its final value counts.
    pub(crate) fn is_cut(&self, row: usize, robots: usize) -> bool {
        self.ends[row / robots] == End::Truncated
    }
}

/// What a segment was, in 64 bits (Fowler–Noll–Vo over words, finally mixed): tells two plays of it apart. No defence
/// against those who would forge one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SegmentDigest(pub u64);

impl SegmentDigest {
    fn of(words: &[u64]) -> Self {
        let mut digest = Self(0xcbf2_9ce4_8422_2325);
        words.iter().for_each(|&word| digest.add(word));
        digest
    }

    fn add(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(0x0000_0100_0000_01b3);
        self.0 = mixed ^ mixed.rotate_left(29);
    }

    fn pair(&mut self, a: f32, b: f32) {
        self.add(u64::from(a.to_bits()) << 32 | u64::from(b.to_bits()));
    }
}

impl fmt::Display for SegmentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl std::str::FromStr for SegmentDigest {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}
