//! A trained policy, ready to act.
use environment::evaluation::{BatchActor, ChoiceEstimate};
use environment::{Action, ObservationSpec, World, Worlds};
use rand_chacha::ChaCha8Rng;

use crate::categorical::Categorical;
use crate::checkpoint::container::{ContainerError, Reader, Writer};
use crate::error::LearnerError;
use crate::kernels::{Compiled, Kernels, Rows};
use crate::network::CHUNK;
use crate::network::{Activations, HEADS, Network, VALUE, codec};
use crate::random::{Purpose, stream, unit};

/// Version of the file's layout.
const FORMAT: u32 = 1;

/// How actions are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Drawn from the policy; each episode has its own stream of this seed.
    Sampled { seed: u64 },
    /// The most probable action.
    ArgMax,
}

/// A network together with what it sees.
#[derive(Clone, Debug)]
pub struct Policy {
    network: Network,
    observation: ObservationSpec,
    kernels: Kernels,
}

impl Policy {
    pub fn new(network: Network, observation: ObservationSpec) -> Self {
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
        for (name, value) in self.properties() {
            writer.metadata(name, value);
        }
        codec::write(&self.network, &mut writer);
        writer.finish().map_err(LearnerError::Write)
    }

    pub fn network(&self) -> &Network {
        &self.network
    }

    pub fn observation(&self) -> &ObservationSpec {
        &self.observation
    }

    /// The network and what it sees, if that is enough for these worlds.
    ///
    /// # Errors
    /// If teams play in them and the policy does not see team mates.
    pub fn for_worlds(self, worlds: &Worlds) -> Result<(Network, ObservationSpec), LearnerError> {
        let alone = matches!(worlds, Worlds::Fixed(world) if world.num_robots == 1);
        if alone || self.observation.team {
            return Ok((self.network, self.observation));
        }
        Err(LearnerError::Observation)
    }

    /// An actor to step worlds with, or to hand to the environment's evaluation.
    pub fn actor(&self, selection: Selection) -> PolicyActor<'_> {
        PolicyActor {
            policy: self,
            selection,
            generators: Vec::new(),
            activations: Activations::new(self.network.shape()),
            observations: vec![0.0; CHUNK * self.observation.len()],
            rows: Vec::with_capacity(CHUNK),
            estimates: Vec::new(),
            identity: (0..CHUNK as u32).collect(),
        }
    }

    /// What the inputs mean, for metadata.
    pub(crate) fn properties(&self) -> [(&'static str, String); 3] {
        [
            ("rules_version", environment::RULES_VERSION.to_string()),
            ("observation", observation_name(&self.observation)),
            ("observation_layout", layout(&self.observation)),
        ]
    }

    fn read(bytes: &[u8]) -> Result<Self, ContainerError> {
        let reader = Reader::new(bytes)?;
        reader.expect("format", &FORMAT.to_string())?;
        reader.expect("rules_version", &environment::RULES_VERSION.to_string())?;
        let name = reader.metadata("observation")?;
        let observation = observation_by_name(name).ok_or_else(|| ContainerError::Metadata {
            name: "observation",
            found: name.to_owned(),
            expected: "a known observation".to_owned(),
        })?;
        reader.expect("observation_layout", &layout(&observation))?;
        Ok(Self::new(codec::read(&reader, &observation)?, observation))
    }
}

/// A policy at work. What it does in one world never depends on how many others there are.
pub struct PolicyActor<'a> {
    policy: &'a Policy,
    selection: Selection,
    generators: Vec<ChaCha8Rng>,
    activations: Activations,
    observations: Vec<f32>,
    rows: Vec<(usize, u8)>,
    estimates: Vec<ChoiceEstimate>,
    identity: Vec<u32>,
}

impl BatchActor for PolicyActor<'_> {
    fn name(&self) -> &str {
        match self.selection {
            Selection::Sampled { .. } => "policy_sampled",
            Selection::ArgMax => "policy_argmax",
        }
    }

    fn observation(&self) -> Option<&ObservationSpec> {
        Some(&self.policy.observation)
    }

    /// A world's random stream is a function of its episode, not of its place in the batch.
    fn start(&mut self, worlds: &[World]) {
        self.generators.clear();
        if let Selection::Sampled { seed } = self.selection {
            let streams = worlds.iter().map(|world| {
                let key = world.key();
                stream(seed ^ key.run_seed.rotate_left(32), Purpose::Evaluation, u64::from(key.episode), key.env_index)
            });
            self.generators.extend(streams);
        }
    }

    fn act(&mut self, worlds: &[World], running: &[usize], actions: &mut [Action]) {
        let width = self.policy.observation.len();
        self.estimates.clear();
        let mut first = 0;
        for &index in running {
            let world = &worlds[index];
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

    fn estimates(&self) -> &[ChoiceEstimate] {
        &self.estimates
    }
}

impl PolicyActor<'_> {
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
            estimates: &mut self.estimates,
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
    estimates: &'a mut Vec<ChoiceEstimate>,
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
            let log_prob = distribution.log_probabilities[usize::from(index)];
            self.estimates.push(ChoiceEstimate { log_prob, value: heads[VALUE] });
        }
    }
}

/// The parts an observation has, by name.
fn observation_name(spec: &ObservationSpec) -> String {
    let parts = [
        ("team", spec.team),
        ("voronoi", spec.voronoi),
        ("objects", spec.objects),
        ("battery", spec.battery),
        ("paths", spec.paths),
        ("tour", spec.tour),
        ("ring", spec.ring),
        ("slack", spec.slack),
    ];
    parts.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect::<Vec<_>>().join("+")
}

fn observation_by_name(name: &str) -> Option<ObservationSpec> {
    (0..=u8::MAX)
        .map(|bits| ObservationSpec {
            team: bits & 1 != 0,
            voronoi: bits & 2 != 0,
            objects: bits & 4 != 0,
            battery: bits & 8 != 0,
            paths: bits & 16 != 0,
            tour: bits & 32 != 0,
            ring: bits & 64 != 0,
            slack: bits & 128 != 0,
        })
        .find(|spec| observation_name(spec) == name)
}

/// Feature blocks and their ranges, so that a reader in another language knows what the inputs are.
fn layout(spec: &ObservationSpec) -> String {
    let block = |b: environment::FeatureBlock| format!("{}:{}..{}", b.name, b.range.start, b.range.end);
    spec.blocks().into_iter().map(block).collect::<Vec<_>>().join(",")
}
