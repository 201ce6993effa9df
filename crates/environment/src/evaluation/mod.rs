//! Evaluation on held-out episodes: the same ones for everyone, played to the end, summarised with intervals.

mod report;
pub mod statistics;

pub use report::{Comparison, Evaluation};

use crate::action::Action;
use crate::agents::{Agent, ScriptedAgent};
use crate::config::WorldConfig;
use crate::error::WorldError;
use crate::observation::ObservationSpec;
use crate::record::StepRecord;
use crate::rng::{EpisodeKey, Purpose};
use crate::summary::EpisodeSummary;
use crate::world::World;

/// Fewest episodes of an evaluation that is worth quoting.
pub const LEAST_EPISODES: u32 = 20;
/// Worlds played side by side.
const BATCH: usize = 32;

/// Which episodes an evaluation plays. Everyone who is compared plays the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Protocol {
    /// The world.
    pub world: WorldConfig,
    /// Seed of the held-out episodes.
    pub seed: u64,
    /// Number of episodes; [`LEAST_EPISODES`] or more for figures that are quoted.
    pub episodes: u32,
}

impl Protocol {
    /// Names held-out episode `index`: never one that is trained on, whatever the seed of the run.
    pub fn key(&self, index: u32) -> EpisodeKey {
        EpisodeKey { run_seed: self.seed, purpose: Purpose::Evaluation, env_index: index, episode: 0 }
    }
}

/// What a policy estimated when it chose an action.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ChoiceEstimate {
    /// ln π(action | observation), nats.
    pub log_prob: f32,
    /// V(observation), in scaled reward.
    pub value: f32,
}

/// Something that acts in many worlds at once: a policy, or scripted agents side by side.
///
/// What it does in one world must not depend on the others in the batch.
pub trait BatchActor {
    /// The name that figures are quoted under.
    fn name(&self) -> &str;

    /// What it looks through, so that worlds keep ready what that needs.
    fn observation(&self) -> Option<&ObservationSpec> {
        None
    }

    /// New episodes are about to start, one in each of `worlds`.
    fn start(&mut self, worlds: &[World]);

    /// Chooses the actions of all robots in the worlds with the indices `running`: those of world `running[i]` go to
    /// `actions[i * num_robots..(i + 1) * num_robots]`.
    fn act(&mut self, worlds: &[World], running: &[usize], actions: &mut [Action]);

    /// What it estimated for each action of the last [`BatchActor::act`], in their order; nothing unless it is a policy.
    fn estimates(&self) -> &[ChoiceEstimate] {
        &[]
    }
}

/// One scripted agent per world.
pub struct ScriptedActor {
    script: ScriptedAgent,
    agents: Vec<Box<dyn Agent>>,
}

impl ScriptedActor {
    /// Side by side, each with its own memory.
    pub fn new(script: ScriptedAgent) -> Self {
        Self { script, agents: Vec::new() }
    }
}

impl BatchActor for ScriptedActor {
    fn name(&self) -> &str {
        self.script.name()
    }

    fn start(&mut self, worlds: &[World]) {
        self.agents.resize_with(worlds.len(), || self.script.build());
        self.agents.iter_mut().zip(worlds).for_each(|(agent, world)| agent.reset(world));
    }

    fn act(&mut self, worlds: &[World], running: &[usize], actions: &mut [Action]) {
        let robots = actions.len() / running.len().max(1);
        for (index, actions) in running.iter().zip(actions.chunks_mut(robots.max(1))) {
            self.agents[*index].act(&worlds[*index], actions);
        }
    }
}

/// Plays one episode from start to end.
///
/// # Errors
/// If the world cannot be built.
pub fn run_episode(agent: &mut dyn Agent, config: &WorldConfig, key: EpisodeKey) -> Result<EpisodeSummary, WorldError> {
    let mut world = World::new(config, key)?;
    let mut actions = vec![Action::Patrol; config.num_robots];
    let mut record = StepRecord::new();
    agent.reset(&world);
    while !record.done() {
        agent.act(&world, &mut actions);
        world.step(&actions, &mut record);
    }
    Ok(world.episode_summary())
}

/// Plays all episodes of the protocol and summarises them.
///
/// # Errors
/// If a world cannot be built.
pub fn evaluate(actor: &mut dyn BatchActor, protocol: &Protocol) -> Result<Evaluation, WorldError> {
    let episodes = run_episodes(actor, protocol, 0..protocol.episodes)?;
    Ok(Evaluation::new(actor.name(), episodes))
}

/// Plays some episodes of the protocol, in order of their index. Several callers may share the work:
/// [`Evaluation::new`] takes their episodes together.
///
/// # Errors
/// If a world cannot be built.
pub fn run_episodes(
    actor: &mut dyn BatchActor,
    protocol: &Protocol,
    indices: std::ops::Range<u32>,
) -> Result<Vec<EpisodeSummary>, WorldError> {
    let indices: Vec<u32> = indices.collect();
    let mut summaries = Vec::with_capacity(indices.len());
    for indices in indices.chunks(BATCH) {
        let worlds = indices.iter().map(|index| World::new(&protocol.world, protocol.key(*index)));
        let mut worlds = worlds.collect::<Result<Vec<_>, _>>()?;
        if let Some(observation) = actor.observation() {
            worlds.iter_mut().for_each(|world| world.track_observations(observation));
        }
        play_to_end(actor, &mut worlds);
        summaries.extend(worlds.iter().map(World::episode_summary));
    }
    Ok(summaries)
}

fn play_to_end(actor: &mut dyn BatchActor, worlds: &mut [World]) {
    let robots = worlds.first().map_or(0, World::num_robots);
    let mut running: Vec<usize> = (0..worlds.len()).collect();
    let mut actions = vec![Action::Patrol; worlds.len() * robots];
    let mut record = StepRecord::new();
    actor.start(worlds);
    while !running.is_empty() {
        let actions = &mut actions[..running.len() * robots];
        actor.act(worlds, &running, actions);
        let mut actions = actions.chunks(robots);
        running.retain(|index| {
            worlds[*index].step(actions.next().unwrap_or_default(), &mut record);
            !record.done()
        });
    }
}
