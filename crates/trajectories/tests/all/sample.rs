//! Trajectories that look like those of a learner: environments in lock-step, robots that wander, clear and charge.
//! Used by tests and benches; everything follows from a seed.

use trajectories::{EpisodeRow, MapRow, RecordBatch, Result, StepColumns, World, WorldEventRow, rows};

pub const WORLD: World = World { width: 20, height: 20, num_robots: 10, max_steps: 2000 };

/// SplitMix64 (Steele et al. 2014).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }
}

/// Owned columns of one segment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    pub episode_index: Vec<u64>,
    pub step: Vec<u32>,
    pub robot: Vec<u8>,
    pub x: Vec<u8>,
    pub y: Vec<u8>,
    pub heading: Vec<u8>,
    pub action: Vec<u8>,
    pub action_mask: Vec<u8>,
    pub log_prob: Vec<f32>,
    pub value: Vec<f32>,
    pub reward: Vec<f32>,
    pub battery: Vec<f32>,
    pub charging: Vec<bool>,
    pub blocked: Vec<bool>,
    pub cells_cleared: Vec<u16>,
    pub threat_removed: Vec<f32>,
    pub team_mean_threat: Vec<f32>,
    pub is_first: Vec<bool>,
    pub is_last: Vec<bool>,
    pub is_terminal: Vec<bool>,
    pub state_hash: Vec<u64>,
}

impl Columns {
    /// Segment `number`: `steps` steps of `environments` environments with `robots` robots; episodes last 1,600 steps.
    pub fn segment(seed: u64, number: u64, environments: u64, steps: u32, robots: u8) -> Self {
        let mut numbers = Numbers(seed ^ (number << 32));
        let mut columns = Self::default();
        for environment in 0..environments {
            for step in 0..u64::from(steps) {
                let total = number * u64::from(steps) + step;
                let episode = total / 1600 * environments + environment;
                columns.push_step(&mut numbers, episode, (total % 1600) as u32, robots);
            }
        }
        columns
    }

    fn push_step(&mut self, numbers: &mut Numbers, episode: u64, step: u32, robots: u8) {
        let (mean_threat, hash) = (0.4 + 0.2 * numbers.unit(), numbers.next());
        let reward = numbers.below(300) as f32 * 0.1 - 0.1;
        for robot in 0..robots {
            let action = [0, 0, 0, 1, 2, 3, 3, 3][numbers.below(8) as usize];
            let removed = if action == 3 { numbers.below(300) as f32 * 0.01 } else { 0.0 };
            self.episode_index.push(episode);
            self.step.push(step);
            self.robot.push(robot);
            self.x.push(((step / 7 + numbers.below(3) as u32) % 20) as u8);
            self.y.push(((step / 90 + numbers.below(3) as u32) % 20) as u8);
            self.heading.push(numbers.below(4) as u8);
            self.action.push(action);
            self.action_mask.push(if numbers.below(5) == 0 { 0b1110 } else { 0b1111 });
            self.log_prob.push(-1.4 * numbers.unit());
            self.value.push(numbers.unit() * 2.0 - 1.0);
            self.reward.push(reward);
            self.battery.push(100.0 - 0.001 * step as f32);
            self.charging.push(false);
            self.blocked.push(numbers.below(20) == 0);
            self.cells_cleared.push((removed * 8.0) as u16);
            self.threat_removed.push(removed);
            self.team_mean_threat.push(mean_threat);
            self.is_first.push(step == 0);
            self.is_last.push(step == 1599);
            self.is_terminal.push(false);
            self.state_hash.push(hash);
        }
    }

    pub fn borrow(&self) -> StepColumns<'_> {
        StepColumns {
            episode_index: &self.episode_index,
            step: &self.step,
            robot: &self.robot,
            x: &self.x,
            y: &self.y,
            heading: &self.heading,
            action: &self.action,
            action_mask: Some(&self.action_mask),
            log_prob: Some(&self.log_prob),
            value: Some(&self.value),
            reward: &self.reward,
            battery: &self.battery,
            charging: &self.charging,
            blocked: &self.blocked,
            cells_cleared: &self.cells_cleared,
            threat_removed: &self.threat_removed,
            team_mean_threat: &self.team_mean_threat,
            is_first: &self.is_first,
            is_last: &self.is_last,
            is_terminal: &self.is_terminal,
            policy_version: Some(7),
            state_hash: &self.state_hash,
        }
    }

    pub fn batch(&self) -> Result<RecordBatch> {
        self.borrow().batch()
    }
}

/// One row per episode in `episodes`.
pub fn episodes(episodes: impl IntoIterator<Item = u64>) -> Result<RecordBatch> {
    let row = |episode_index| EpisodeRow {
        episode_index,
        agent: "policy",
        map_type: Some("random"),
        map_seed: Some(episode_index * 3),
        map_hash: Some(episode_index % 2),
        width: 20,
        height: 20,
        num_robots: 4,
        length: 1600,
        truncated: true,
        mean_threat: Some(0.5),
        ..EpisodeRow::default()
    };
    EpisodeRow::batch(&episodes.into_iter().map(row).collect::<Vec<_>>())
}

/// Maps 0 and 1, each with one obstacle and one station.
pub fn maps() -> Result<RecordBatch> {
    let bitmap = rows::pack_bitmap((0..400).map(|cell| cell == 21));
    MapRow::batch(&[0, 1].map(|map_hash| MapRow {
        map_hash,
        width: 20,
        height: 20,
        obstacles: &bitmap,
        stations: &[1, 2],
    }))
}

/// One object in each of `episodes`.
pub fn world_events(episodes: impl IntoIterator<Item = u64>) -> Result<RecordBatch> {
    let row = |episode_index| WorldEventRow {
        episode_index,
        step: 5,
        kind: "object_spawned",
        x: 3,
        y: 4,
        ..Default::default()
    };
    WorldEventRow::batch(&episodes.into_iter().map(row).collect::<Vec<_>>())
}
