//! Plays one lane of environments for the length of a rollout (Schulman et al., 2017, algorithm 1, lines 3–5).
//!
//! Lanes share nothing but the policy, so that any number of threads gives the same bits.
use std::ops::Range;
use std::time::{Duration, Instant};

use environment::{Action, Environment, ObservationSpec, StepRecord, World, WorldError};
use rand_chacha::ChaCha8Rng;

use super::buffer::Lane;
use crate::categorical::Categorical;
use crate::gae::End;
use crate::kernels::{Compiled, Kernels, Rows};
use crate::network::CHUNK;
use crate::network::{Activations, HEADS, Network, NetworkShape, VALUE};
use crate::random::{Purpose, stream, unit};
use crate::record::{Choice, LaneRecord};

/// What all lanes of a rollout share.
#[derive(Clone, Copy)]
pub struct Actor<'a> {
    pub network: &'a Network,
    pub kernels: Kernels,
    pub observation: &'a ObservationSpec,
    pub seed: u64,
    /// Updates done before this rollout.
    pub update: u64,
    pub reward_scale: f32,
    pub mean_threat_coefficient: f32,
    pub calm_coefficient: f32,
    pub object_coefficient: f32,
    /// What another actor chose, instead of the network.
    pub choices: Option<&'a Choices>,
}

/// What one lane's actor decided and estimated, in the order of the lane's columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choices {
    pub actions: Vec<u8>,
    pub log_probs: Vec<f32>,
    pub values: Vec<f32>,
    /// Read where an episode was cut.
    pub final_values: Vec<f32>,
    /// V after the last step, (environment, robot).
    pub next_values: Vec<f32>,
}

/// Working memory of one lane, and what it recorded.
#[derive(Debug)]
pub struct LaneMemory {
    activations: Activations,
    index: Vec<u32>,
    final_observations: Vec<f32>,
    actions: Vec<Action>,
    step: StepRecord,
    generators: Vec<ChaCha8Rng>,
    pub record: LaneRecord,
    pub timings: LaneTimings,
}

/// Processor time of one lane.
#[derive(Clone, Copy, Debug, Default)]
pub struct LaneTimings {
    pub environment: Duration,
    pub observation: Duration,
    /// Network and sampling.
    pub forward: Duration,
}

impl LaneMemory {
    pub fn new(shape: &NetworkShape, environments: usize, robots: usize) -> Self {
        Self {
            activations: Activations::new(shape),
            index: (0..(environments * robots) as u32).collect(),
            final_observations: vec![0.0; environments * robots * shape.observations],
            actions: vec![Action::default(); environments * robots],
            step: StepRecord::with_events(false),
            generators: Vec::with_capacity(environments),
            record: LaneRecord::default(),
            timings: LaneTimings::default(),
        }
    }
}

impl Actor<'_> {
    /// Plays `environments`, those of the lane, and fills `lane`.
    ///
    /// # Errors
    /// If the map of a next episode cannot be made.
    pub fn play(
        &self,
        environments: &mut [Environment],
        lane: &mut Lane,
        memory: &mut LaneMemory,
        recording: bool,
    ) -> Result<(), WorldError> {
        memory.timings = LaneTimings::default();
        memory.record.begin(environments.len(), recording);
        memory.step = StepRecord::with_events(recording);
        memory.generators.clear();
        let indices = lane.first_env as u32..(lane.first_env + environments.len()) as u32;
        memory.generators.extend(indices.map(|env| stream(self.seed, Purpose::Actions, self.update, env)));
        for step in 0..lane.ends.len() / environments.len() {
            self.step(step, environments, lane, memory, recording)?;
        }
        match self.choices {
            Some(choices) => lane.next_values.copy_from_slice(&choices.next_values),
            None => self.value_now(environments, memory, lane.next_values),
        }
        Ok(())
    }

    fn step(
        &self,
        step: usize,
        environments: &mut [Environment],
        lane: &mut Lane,
        memory: &mut LaneMemory,
        recording: bool,
    ) -> Result<(), WorldError> {
        let (rows, width) = (lane.next_values.len(), self.network.shape().observations);
        let here = step * rows..(step + 1) * rows;
        let robots = rows / environments.len();

        let started = Instant::now();
        let observations = &mut lane.observations[here.start * width..here.end * width];
        self.observe(environments, observations);
        for (at, mask) in lane.masks[here.clone()].iter_mut().enumerate() {
            *mask = environments[at / robots].world().action_mask(at % robots).0;
        }
        let observed = Instant::now();
        match self.choices {
            Some(choices) => {
                lane.actions[here.clone()].copy_from_slice(&choices.actions[here.clone()]);
                lane.log_probs[here.clone()].copy_from_slice(&choices.log_probs[here.clone()]);
                lane.values[here.clone()].copy_from_slice(&choices.values[here.clone()]);
            }
            None => self.decide(here.clone(), robots, lane, memory),
        }
        for (action, &index) in memory.actions.iter_mut().zip(&lane.actions[here.clone()]) {
            *action = Action::from_index(index).unwrap_or_default();
        }
        let decided = Instant::now();
        for (environment_index, environment) in environments.iter_mut().enumerate() {
            self.act(step, environment_index, robots, environment, lane, memory, recording)?;
        }
        memory.timings.observation += observed - started;
        memory.timings.forward += decided - observed;
        memory.timings.environment += decided.elapsed();
        Ok(())
    }

    /// Samples the actions of the rows `here` from what the network makes of their observations.
    fn decide(&self, here: Range<usize>, robots: usize, lane: &mut Lane, memory: &mut LaneMemory) {
        let (rows, width) = (here.len(), self.network.shape().observations);
        let observations = &lane.observations[here.start * width..here.end * width];
        for first in (0..rows).step_by(CHUNK) {
            let part = first..rows.min(first + CHUNK);
            let x = Rows { data: observations, stride: width, index: &memory.index[part.clone()] };
            self.network.forward(self.kernels, x, &mut memory.activations);
            let at = here.start + part.start..here.start + part.end;
            self.kernels.run(Sampling {
                heads: memory.activations.heads(),
                masks: &lane.masks[at.clone()],
                generators: &mut memory.generators,
                first_row: first,
                robots,
                actions: &mut lane.actions[at.clone()],
                log_probs: &mut lane.log_probs[at.clone()],
                values: &mut lane.values[at],
            });
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the place in the lane is three numbers")]
    fn act(
        &self,
        step: usize,
        environment_index: usize,
        robots: usize,
        environment: &mut Environment,
        lane: &mut Lane,
        memory: &mut LaneMemory,
        recording: bool,
    ) -> Result<(), WorldError> {
        let environments = lane.next_values.len() / robots;
        let rows =
            (step * environments + environment_index) * robots..(step * environments + environment_index + 1) * robots;
        if recording {
            let record = &mut memory.record.environments[environment_index];
            for (robot, row) in rows.clone().enumerate() {
                let choice = Choice {
                    action: memory.actions[environment_index * robots + robot],
                    action_mask: lane.masks[row],
                    log_prob: lane.log_probs[row],
                    value: lane.values[row],
                };
                record.before(environment.episode_index(), environment.world(), robot, choice);
            }
        }
        let actions = &memory.actions[environment_index * robots..][..robots];
        environment.step(actions, &mut memory.step);
        let outcome = &memory.step;
        self.reward(outcome, environment, &mut lane.rewards[rows.clone()]);
        if recording {
            memory.record.environments[environment_index].after(robots, outcome);
        }
        let end = match (outcome.terminated, outcome.truncated) {
            (true, _) => End::Terminated,
            (false, true) => End::Truncated,
            (false, false) => End::Continues,
        };
        lane.ends[step * environments + environment_index] = end;
        match self.choices {
            _ if end != End::Truncated => {}
            Some(choices) => lane.final_values[rows.clone()].copy_from_slice(&choices.final_values[rows]),
            None => self.value_now(std::slice::from_ref(environment), memory, &mut lane.final_values[rows]),
        }
        if end != End::Continues {
            memory.record.finished.push(environment.start_next_episode()?);
        }
        Ok(())
    }

    /// What each robot is paid for a step: the team's reward, shaped; the one that removed an object something of its own.
    fn reward(&self, outcome: &StepRecord, environment: &Environment, rewards: &mut [f32]) {
        let calm = (1.0 - outcome.mean_threat as f32) * calm_scale(environment.world());
        let shaping = calm.mul_add(self.calm_coefficient, -self.mean_threat_coefficient * outcome.mean_threat as f32);
        rewards.fill((outcome.reward as f32).mul_add(self.reward_scale, shaping));
        let price = self.object_coefficient * object_scale(environment);
        for (reward, removed) in rewards.iter_mut().zip(outcome.object_removed) {
            *reward += if removed { price } else { 0.0 };
        }
    }

    fn observe(&self, environments: &[Environment], rows: &mut [f32]) {
        let mut rows = rows.chunks_exact_mut(self.network.shape().observations);
        for environment in environments {
            let world = environment.world();
            for (robot, row) in (0..world.num_robots()).zip(&mut rows) {
                self.observation.write(world, robot, row);
            }
        }
    }

    /// V of what the robots of `environments` see now.
    fn value_now(&self, environments: &[Environment], memory: &mut LaneMemory, values: &mut [f32]) {
        let width = self.network.shape().observations;
        let observations = &mut memory.final_observations[..values.len() * width];
        self.observe(environments, observations);
        for (part, values) in values.chunks_mut(CHUNK).enumerate() {
            let index = &memory.index[part * CHUNK..][..values.len()];
            let x = Rows { data: observations, stride: width, index };
            self.network.forward(self.kernels, x, &mut memory.activations);
            for (value, heads) in values.iter_mut().zip(memory.activations.heads().chunks_exact(HEADS)) {
                *value = heads[VALUE];
            }
        }
    }
}

/// Hundreds of free cells per √robots.
fn calm_scale(world: &World) -> f32 {
    world.map().free_cells() as f32 * 0.01 / (world.num_robots() as f32).sqrt()
}

/// 1; where worlds are drawn 1/√robots if they have time for objects, else 0.
fn object_scale(environment: &Environment) -> f32 {
    let world = environment.world();
    if !environment.draws_worlds() {
        1.0
    } else if world.config().keeps_up() && world.config().batteries_last() {
        1.0 / (world.num_robots() as f32).sqrt()
    } else {
        0.0
    }
}

/// Draws an action per row from its environment's generator.
struct Sampling<'a> {
    heads: &'a [f32],
    masks: &'a [u8],
    generators: &'a mut [ChaCha8Rng],
    first_row: usize,
    robots: usize,
    actions: &'a mut [u8],
    log_probs: &'a mut [f32],
    values: &'a mut [f32],
}

impl Compiled for Sampling<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (row, heads) in self.heads.as_chunks::<HEADS>().0.iter().enumerate() {
            let policy = Categorical::new(heads, self.masks[row]);
            let generator = &mut self.generators[(self.first_row + row) / self.robots];
            let action = policy.sample(unit(generator));
            self.actions[row] = action;
            self.log_probs[row] = policy.log_probabilities[usize::from(action)];
            self.values[row] = heads[VALUE];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use environment::{BatchConfig, Purpose, WorldConfig, Worlds};

    #[test]
    fn objects_pay_by_the_size_of_a_drawn_team_that_has_time_for_them() {
        let of = |worlds: Worlds| {
            let (run_seed, purpose, num_envs) = (5, Purpose::Test, 24);
            let batch = BatchConfig { worlds, run_seed, purpose, num_envs, stagger: false, observe: None };
            (0..num_envs).map(move |index| Environment::new(&batch, index).expect("an environment"))
        };
        let team = WorldConfig { num_robots: 4, battery_drain_rate: 0.5, ..WorldConfig::default() };
        assert!(of(Worlds::Fixed(team.clone())).all(|environment| object_scale(&environment) == 1.0));
        let (mut paid, mut unpaid) = (0, 0);
        for environment in of(Worlds::Universal(team)) {
            let (world, scale) = (environment.world(), object_scale(&environment));
            if world.config().keeps_up() && world.config().batteries_last() {
                assert!((scale * scale * world.num_robots() as f32 - 1.0).abs() < 1e-6, "{scale}");
                paid += 1;
            } else {
                assert_eq!(scale, 0.0);
                unpaid += 1;
            }
        }
        assert!(paid > 5 && unpaid > 5, "{paid} {unpaid}");
    }
}
