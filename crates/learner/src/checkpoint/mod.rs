//! Saving a run between updates and continuing it bit for bit.
pub mod container;

use container::{ContainerError, Reader, Writer};
use environment::{Environment, Worlds};

use crate::a3c::LaneCounters;
use crate::adam::Adam;
use crate::error::LearnerError;
use crate::learner::{Learner, Parts};
use crate::network::Network;
use crate::policy::Policy;
use crate::ppo::PpoConfig;
use crate::ppo::return_normaliser::ReturnNormaliser;
use crate::progress::{Best, Progress};
use crate::setup::{batch_config, check};

/// Version of the resume state's layout.
const FORMAT: u32 = 1;

/// A saved run: two safetensors files. The same state gives the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The policy alone, for use and evaluation.
    pub policy: Vec<u8>,
    /// Everything else that training needs to go on: moments, counters, worlds, schedules' position, best so far.
    pub resume: Vec<u8>,
}

impl Learner {
    /// Saves the state after the last update.
    ///
    /// # Errors
    /// If the format refuses it, which it has no reason to.
    pub fn checkpoint(&self) -> Result<Checkpoint, LearnerError> {
        Ok(Checkpoint { policy: self.policy().to_safetensors()?, resume: self.resume_state()? })
    }

    /// The current policy.
    pub fn policy(&self) -> Policy {
        Policy::new(self.optimiser.network.clone(), self.observation.clone())
    }

    /// The policy whose recent training episodes had the lowest mean threat; the current one before there were enough.
    pub fn best_policy(&self) -> Policy {
        let parameters = self.progress.best.as_ref().map(|best| best.parameters.clone());
        let network = parameters.map(|p| Network::from_parameters(self.optimiser.network.shape().clone(), &p));
        Policy::new(network.unwrap_or_else(|| self.optimiser.network.clone()), self.observation.clone())
    }

    /// Continues a saved run with the world, settings and seed it was started with; `threads` is free.
    ///
    /// # Errors
    /// If the bytes are damaged or belong to another run.
    pub fn resume(
        worlds: impl Into<Worlds>,
        config: PpoConfig,
        seed: u64,
        threads: usize,
        checkpoint: &Checkpoint,
    ) -> Result<Self, LearnerError> {
        Self::restore(worlds.into(), config, seed, threads, checkpoint, Origin::SameRun(None))
    }

    /// Goes on from the complete state of another run's checkpoint: worlds, seed and number of environments are the same,
    /// other settings may have changed.
    ///
    /// # Errors
    /// If the bytes are damaged or the state belongs to other worlds or another seed.
    pub fn branch(
        worlds: impl Into<Worlds>,
        config: PpoConfig,
        seed: u64,
        threads: usize,
        checkpoint: &Checkpoint,
    ) -> Result<Self, LearnerError> {
        Self::restore(worlds.into(), config, seed, threads, checkpoint, Origin::OtherRun)
    }

    /// As [`Learner::resume`] or [`Learner::branch`].
    pub(crate) fn restore(
        worlds: Worlds,
        config: PpoConfig,
        seed: u64,
        threads: usize,
        checkpoint: &Checkpoint,
        origin: Origin,
    ) -> Result<Self, LearnerError> {
        check(&worlds, &config)?;
        let mut config = config;
        let (network, observation) = Policy::from_safetensors(&checkpoint.policy)?.for_worlds(&worlds)?;
        // A run that was warm-started has the shape of the policy it started from.
        config.hidden = network.shape().hidden;
        config.architecture = network.shape().architecture();
        let reader = Reader::new(&checkpoint.resume).map_err(LearnerError::Resume)?;
        let saved = Saved::read(&reader, &worlds, &config, seed, &network, origin).map_err(LearnerError::Resume)?;
        let batch = batch_config(&worlds, &config, seed, &observation);
        let environments = saved.environments.iter().map(|bytes| Environment::from_bytes(&batch, bytes));
        let environments = environments.collect::<Result<Vec<_>, _>>()?;
        let parts = Parts {
            behaviour: saved.behaviour.map(|p| Network::from_parameters(network.shape().clone(), &p)),
            network,
            adam: saved.adam,
            environments,
            progress: saved.progress,
            normaliser: saved.normaliser,
            asynchronous: saved.asynchronous,
        };
        Self::assemble(worlds, config, seed, threads, observation, parts)
    }

    fn resume_state(&self) -> Result<Vec<u8>, LearnerError> {
        let mut writer = Writer::default();
        let (adam, progress) = (&self.optimiser.adam, &self.progress);
        writer.metadata("format", FORMAT);
        let segment_envs = self.asynchronous.as_ref().map(|lanes| lanes.segment_envs);
        writer.metadata("run", fingerprint(&self.worlds, &self.config, self.seed, segment_envs));
        writer.metadata("updates", progress.updates);
        writer.metadata("steps_done", progress.steps_done);
        writer.metadata("episodes_finished", progress.episodes_finished);
        writer.metadata("beta1_power", adam.beta1_power.to_bits());
        writer.metadata("beta2_power", adam.beta2_power.to_bits());
        let size = [adam.first_moment.len()];
        writer.f32s("adam.first_moment", &size, adam.first_moment.iter().copied());
        writer.f32s("adam.second_moment", &size, adam.second_moment.iter().copied());
        writer.u64s("recent_mean_threat", progress.recent.iter().map(|t| t.to_bits()));
        writer.metadata("best", progress.best.as_ref().map_or(f64::INFINITY, |best| best.mean_threat).to_bits());
        if let Some(best) = &progress.best {
            writer.f32s("best.parameters", &size, best.parameters.iter().copied());
        }
        if let Some(behaviour) = &self.behaviour {
            writer.f32s("behaviour.parameters", &size, behaviour.parameters().iter().copied());
        }
        if let Some(lanes) = &self.asynchronous {
            writer.metadata("policy_version", lanes.policy_version);
            writer.u64s("lane.segments", lanes.segments.iter().copied());
        }
        if let Some(normaliser) = &self.normaliser {
            let moments = [normaliser.mean, normaliser.variance, normaliser.count];
            writer.u64s("return.moments", moments.map(f64::to_bits));
            writer.f32s("return.so_far", &[normaliser.returns.len()], normaliser.returns.iter().copied());
        }
        let environments: Vec<Vec<u8>> = self.environments.iter().map(Environment::to_bytes).collect();
        writer.u64s("environment.lengths", environments.iter().map(|bytes| bytes.len() as u64));
        writer.bytes("environment.states", environments.concat());
        writer.finish().map_err(LearnerError::Write)
    }
}

/// Whose checkpoint it is that a run goes on from.
#[derive(Clone, Copy)]
pub(crate) enum Origin {
    /// Its own; environments per lane where actors play while it learns.
    SameRun(Option<usize>),
    OtherRun,
}

/// The decoded resume state.
struct Saved<'a> {
    adam: Adam,
    /// What acts next, where that is not the saved policy.
    behaviour: Option<Vec<f32>>,
    progress: Progress,
    normaliser: Option<ReturnNormaliser>,
    asynchronous: Option<LaneCounters>,
    environments: Vec<&'a [u8]>,
}

impl<'a> Saved<'a> {
    fn read(
        reader: &Reader<'a>,
        worlds: &Worlds,
        config: &PpoConfig,
        seed: u64,
        network: &Network,
        origin: Origin,
    ) -> Result<Self, ContainerError> {
        reader.expect("format", &FORMAT.to_string())?;
        let segment_envs = match origin {
            Origin::SameRun(segment_envs) => {
                reader.expect("run", &fingerprint(worlds, config, seed, segment_envs))?;
                segment_envs
            }
            Origin::OtherRun => {
                expect_shared(reader, worlds, seed)?;
                None
            }
        };
        let size = [network.shape().len()];
        let mut adam = Adam::new(size[0], config.adam_epsilon);
        adam.first_moment = reader.f32s("adam.first_moment", &size)?;
        adam.second_moment = reader.f32s("adam.second_moment", &size)?;
        adam.beta1_power = f64::from_bits(reader.parsed("beta1_power")?);
        adam.beta2_power = f64::from_bits(reader.parsed("beta2_power")?);
        let best_mean_threat = f64::from_bits(reader.parsed("best")?);
        let best = if best_mean_threat.is_finite() {
            Some(Best { mean_threat: best_mean_threat, parameters: reader.f32s("best.parameters", &size)? })
        } else {
            None
        };
        let recent: Vec<f64> = reader.u64s("recent_mean_threat")?.into_iter().map(f64::from_bits).collect();
        expect_len("recent_mean_threat", recent.len(), recent.len().min(config.num_envs))?;
        let progress = Progress {
            updates: reader.parsed("updates")?,
            steps_done: reader.parsed("steps_done")?,
            episodes_finished: reader.parsed("episodes_finished")?,
            recent: recent.into(),
            best,
        };
        let lags = config.policy_lag() > 0 && progress.updates > 0;
        let behaviour = lags.then(|| reader.f32s("behaviour.parameters", &size)).transpose()?;
        let num_envs = config.num_envs as u32;
        let robots = (0..num_envs).map(|index| worlds.team_size(index, num_envs)).sum();
        let normaliser = config.normalise_returns.then(|| read_normaliser(reader, robots)).transpose()?;
        let lanes = |segment_envs| read_lanes(reader, config.num_envs, segment_envs);
        let asynchronous = segment_envs.map(lanes).transpose()?;
        let environments = split(reader, ENVIRONMENTS, config.num_envs)?;
        Ok(Self { adam, behaviour, progress, normaliser, asynchronous, environments })
    }
}

fn read_normaliser(reader: &Reader, robots: usize) -> Result<ReturnNormaliser, ContainerError> {
    let moments = reader.u64s("return.moments")?;
    let returns = reader.f32s("return.so_far", &[robots])?;
    let [mean, variance, count] = moments[..] else {
        return Err(wrong_len("return.moments", moments.len(), 3));
    };
    let [mean, variance, count] = [mean, variance, count].map(f64::from_bits);
    Ok(ReturnNormaliser { returns, mean, variance, count })
}

fn read_lanes(reader: &Reader, num_envs: usize, segment_envs: usize) -> Result<LaneCounters, ContainerError> {
    let segments = reader.u64s("lane.segments")?;
    expect_len("lane.segments", segments.len(), num_envs.div_ceil(segment_envs))?;
    Ok(LaneCounters { segment_envs, segments, policy_version: reader.parsed("policy_version")? })
}

/// Names of the tensors that hold the environments: the length of each, and all of them one after the other.
pub(crate) const ENVIRONMENTS: [&str; 2] = ["environment.lengths", "environment.states"];

/// The `count` parts of bytes that two tensors hold together.
pub(crate) fn split<'a>(reader: &Reader<'a>, names: [&str; 2], count: usize) -> Result<Vec<&'a [u8]>, ContainerError> {
    let [lengths_name, name] = names;
    let lengths = reader.u64s(lengths_name)?;
    expect_len(lengths_name, lengths.len(), count)?;
    let bytes = reader.bytes(name)?;
    let mut rest = bytes;
    let mut parts = Vec::with_capacity(count);
    for length in lengths {
        let (part, after) = usize::try_from(length)
            .ok()
            .and_then(|length| rest.split_at_checked(length))
            .ok_or_else(|| wrong_len(name, bytes.len(), parts.len()))?;
        parts.push(part);
        rest = after;
    }
    expect_len(name, rest.len(), 0)?;
    Ok(parts)
}

fn expect_len(name: &str, found: usize, expected: usize) -> Result<(), ContainerError> {
    if found == expected { Ok(()) } else { Err(wrong_len(name, found, expected)) }
}

fn wrong_len(name: &str, found: usize, expected: usize) -> ContainerError {
    ContainerError::Tensor {
        name: name.to_owned(),
        found: format!("{found} long"),
        expected: format!("{expected} long"),
    }
}

/// Fails unless the state is of these worlds and this seed, whatever the settings.
fn expect_shared(reader: &Reader, worlds: &Worlds, seed: u64) -> Result<(), ContainerError> {
    let found = reader.metadata("run")?;
    let (begins, ends) = (format!("{worlds:?} "), format!(" seed {seed}"));
    if found.starts_with(&begins) && found.ends_with(&ends) {
        return Ok(());
    }
    Err(ContainerError::Metadata { name: "run", found: found.to_owned(), expected: format!("{begins}…{ends}") })
}

/// What a resume state belongs to: it can only be continued with exactly these settings.
fn fingerprint(worlds: &Worlds, config: &PpoConfig, seed: u64, segment_envs: Option<usize>) -> String {
    let asynchronous = segment_envs.map_or_else(String::new, |envs| format!(" asynchronous by {envs}"));
    format!("{worlds:?} {config:?} seed {seed}{asynchronous}")
}
