//! A trained policy, ready to act.
use environment::{Action, EpisodeKey, EpisodeSummary, ObservationSpec, Purpose, StepRecord, World, WorldConfig};
use rand_chacha::ChaCha8Rng;

use crate::categorical::Categorical;
use crate::checkpoint::container::{ContainerError, Reader, Writer};
use crate::error::LearnerError;
use crate::kernels::{Compiled, Kernels, Rows};
use crate::network::mlp::CHUNK;
use crate::network::{Activations, HEADS, Mlp, codec};
use crate::random::{self, stream, unit};

/// Version of the file's layout.
const FORMAT: u32 = 1;

/// How actions are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Drawn from the policy; each world has its own stream of this seed.
    Sampled { seed: u64 },
    /// The most probable action.
    ArgMax,
}

/// A network together with what it sees.
#[derive(Clone, Debug)]
pub struct Policy {
    network: Mlp,
    observation: ObservationSpec,
    kernels: Kernels,
}

impl Policy {
    pub fn new(network: Mlp, observation: ObservationSpec) -> Self {
        Self { network, observation, kernels: Kernels::detect() }
    }

    /// Reads a policy. Names, types, shapes, sizes and finiteness are checked.
    ///
    /// # Errors
    /// If `bytes` is anything but a policy of this version of the rules and the observation.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, LearnerError> {
        Self::read(bytes).map_err(LearnerError::Policy)
    }

    /// Named tensors, and metadata that say what the inputs mean.
    ///
    /// # Errors
    /// If the format refuses them, which it has no reason to.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, LearnerError> {
        let mut writer = Writer::default();
        writer.metadata("format", FORMAT);
        writer.metadata("rules_version", environment::RULES_VERSION);
        writer.metadata("observation", observation_name(&self.observation));
        writer.metadata("observation_layout", layout(&self.observation));
        codec::write(&self.network, &mut writer);
        writer.finish().map_err(LearnerError::Write)
    }

    pub fn network(&self) -> &Mlp {
        &self.network
    }

    pub fn observation(&self) -> &ObservationSpec {
        &self.observation
    }

    /// The network, if it sees exactly `observation`.
    ///
    /// # Errors
    /// If it sees something else.
    pub fn into_network_for(self, observation: &ObservationSpec) -> Result<Mlp, LearnerError> {
        if self.observation == *observation {
            return Ok(self.network);
        }
        Err(LearnerError::Observation { found: self.observation.len(), expected: observation.len() })
    }

    /// An actor that remembers its random streams, for worlds stepped side by side.
    pub fn actor(&self, selection: Selection, worlds: usize) -> PolicyActor<'_> {
        let generators = match selection {
            Selection::ArgMax => Vec::new(),
            Selection::Sampled { seed } => {
                (0..worlds as u32).map(|world| stream(seed, random::Purpose::Evaluation, 0, world)).collect()
            }
        };
        PolicyActor {
            policy: self,
            generators,
            activations: Activations::new(self.network.shape()),
            observations: vec![0.0; CHUNK * self.observation.len()],
            rows: Vec::with_capacity(CHUNK),
            identity: (0..CHUNK as u32).collect(),
        }
    }

    /// Plays one whole episode per seed, side by side, on worlds that no training has seen.
    ///
    /// # Errors
    /// If the configuration is wrong or a map cannot be made.
    pub fn evaluate(
        &self,
        world: &WorldConfig,
        seeds: &[u64],
        selection: Selection,
    ) -> Result<Vec<EpisodeSummary>, LearnerError> {
        let key = |&run_seed| EpisodeKey { run_seed, purpose: Purpose::Evaluation, env_index: 0, episode: 0 };
        let mut worlds = seeds.iter().map(|seed| World::new(world, key(seed))).collect::<Result<Vec<_>, _>>()?;
        worlds.iter_mut().for_each(World::track_observations);
        let mut actor = self.actor(selection, worlds.len());
        let mut record = StepRecord::new();
        let mut actions = vec![Action::default(); worlds.len() * world.num_robots];
        let mut summaries: Vec<Option<EpisodeSummary>> = vec![None; worlds.len()];
        while summaries.iter().any(Option::is_none) {
            actor.act(&worlds, &mut actions);
            for ((world, summary), actions) in
                worlds.iter_mut().zip(&mut summaries).zip(actions.chunks_exact(world.num_robots))
            {
                if summary.is_none() {
                    world.step(actions, &mut record);
                    *summary = record.done().then(|| world.episode_summary());
                }
            }
        }
        Ok(summaries.into_iter().flatten().collect())
    }

    fn read(bytes: &[u8]) -> Result<Self, ContainerError> {
        let reader = Reader::new(bytes)?;
        reader.expect("format", &FORMAT.to_string())?;
        reader.expect("rules_version", &environment::RULES_VERSION.to_string())?;
        let network = codec::read(&reader)?;
        let name = reader.metadata("observation")?;
        let observation = observation_by_name(name).ok_or_else(|| ContainerError::Metadata {
            name: "observation",
            found: name.to_owned(),
            expected: "a known observation".to_owned(),
        })?;
        reader.expect("observation_layout", &layout(&observation))?;
        if observation.len() != network.shape().observations {
            return Err(ContainerError::Tensor {
                name: "hidden1.weight".to_owned(),
                found: format!("for {} features", network.shape().observations),
                expected: format!("{} features as the observation has", observation.len()),
            });
        }
        Ok(Self::new(network, observation))
    }
}

/// A policy at work. What it does in one world never depends on how many others there are.
pub struct PolicyActor<'a> {
    policy: &'a Policy,
    generators: Vec<ChaCha8Rng>,
    activations: Activations,
    observations: Vec<f32>,
    rows: Vec<(usize, u8)>,
    identity: Vec<u32>,
}

impl PolicyActor<'_> {
    /// Chooses the next actions of all robots, world by world: `actions` is (world, robot).
    pub fn act<W: std::borrow::Borrow<World>>(&mut self, worlds: &[W], actions: &mut [Action]) {
        let width = self.policy.observation.len();
        let mut first = 0;
        for (index, world) in worlds.iter().enumerate() {
            let world = world.borrow();
            for robot in 0..world.num_robots() {
                let row = &mut self.observations[self.rows.len() * width..][..width];
                self.policy.observation.write(world, robot, row);
                self.rows.push((index, world.action_mask(robot).0));
                if self.rows.len() == CHUNK {
                    first += self.decide(&mut actions[first..]);
                }
            }
        }
        self.decide(&mut actions[first..]);
    }

    /// Decides for the collected rows; how many there were.
    fn decide(&mut self, actions: &mut [Action]) -> usize {
        let (policy, count) = (self.policy, self.rows.len());
        let x = Rows { data: &self.observations, stride: policy.observation.len(), index: &self.identity[..count] };
        policy.network.forward(policy.kernels, x, &mut self.activations);
        policy.kernels.run(Choice {
            heads: self.activations.heads(),
            rows: &self.rows,
            generators: &mut self.generators,
            actions,
        });
        self.rows.clear();
        count
    }
}

struct Choice<'a> {
    heads: &'a [f32],
    rows: &'a [(usize, u8)],
    generators: &'a mut [ChaCha8Rng],
    actions: &'a mut [Action],
}

impl Compiled for Choice<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let heads = self.heads.as_chunks::<HEADS>().0;
        for ((heads, &(world, mask)), action) in heads.iter().zip(self.rows).zip(self.actions) {
            let distribution = Categorical::new(heads, mask);
            let index = match self.generators.get_mut(world) {
                Some(generator) => distribution.sample(unit(generator)),
                None => distribution.mode(),
            };
            *action = Action::from_index(index).unwrap_or_default();
        }
    }
}

/// The parts an observation has, by name.
fn observation_name(spec: &ObservationSpec) -> String {
    let parts = [("team", spec.team), ("voronoi", spec.voronoi), ("objects", spec.objects), ("battery", spec.battery)];
    parts.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect::<Vec<_>>().join("+")
}

fn observation_by_name(name: &str) -> Option<ObservationSpec> {
    (0..16_u8)
        .map(|bits| ObservationSpec {
            team: bits & 1 != 0,
            voronoi: bits & 2 != 0,
            objects: bits & 4 != 0,
            battery: bits & 8 != 0,
        })
        .find(|spec| observation_name(spec) == name)
}

/// Feature blocks and their ranges, so that a reader in another language knows what the inputs are.
fn layout(spec: &ObservationSpec) -> String {
    let block = |b: environment::FeatureBlock| format!("{}:{}..{}", b.name, b.range.start, b.range.end);
    spec.blocks().into_iter().map(block).collect::<Vec<_>>().join(",")
}
