//! A run that goes on from the complete state of another run's checkpoint, perhaps with other settings.
//!
//! The state holds worlds in the middle of their episodes, a random-number position for each of them, and the moments of
//! every parameter: what these belong to cannot change.

use crate::refusal::invalid;
use contracts::Reason;
use contracts::commands::StartRun;
use contracts::config::{Actors, RunConfig};

/// A checkpoint as far as the decision needs to know it.
#[derive(Clone, Debug, PartialEq)]
pub struct ResumedFrom {
    /// Of the run that made it.
    pub config: RunConfig,
    /// Environment steps that it stands after.
    pub timestep: u64,
}

/// Every reason why `start`, completed to `config`, cannot go on from there.
pub fn check(start: &StartRun, config: Option<&RunConfig>, from: &ResumedFrom) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if start.init_from.is_some() {
        reasons.push(invalid("/resume_from", "a run starts from weights or resumes from a checkpoint, not both"));
    }
    let Some(config) = config else { return reasons };
    let (ours, theirs) = (&config.learning, &from.config.learning);
    let mut same = |field: &str, holds: bool| {
        if !holds {
            reasons.push(invalid(field, "must be as in the run that made the checkpoint"));
        }
    };
    same("/config/seed", config.seed == from.config.seed);
    same("/config/worlds", config.worlds() == from.config.worlds());
    same("/num_robots", config.world.num_robots == from.config.world.num_robots);
    same("/num_envs", ours.num_envs == theirs.num_envs);
    same("/algorithm", ours.algorithm == theirs.algorithm);
    same("/policy_type", ours.policy_type == theirs.policy_type);
    // Who does not say it has what the other has; that there is a difference nobody knows before the checkpoint is read.
    let sizes = ours.hidden_size.zip(theirs.hidden_size);
    same("/config/hidden_size", sizes.is_none_or(|(ours, theirs)| ours == theirs));
    let world = |config: &RunConfig| contracts::config::WorldSettings { num_robots: 0, ..config.world.clone() };
    same("/resume_from", world(config) == world(&from.config));
    if [ours.actors, theirs.actors] != [Actors::InTurns; 2] {
        let message = "only where actors take turns with the learner: others start from weights with `init_from`";
        reasons.push(invalid("/config/actors", message));
    }
    if ours.total_timesteps <= from.timestep {
        let message = format!("the checkpoint stands after {} steps already", from.timestep);
        reasons.push(invalid("/total_timesteps", message));
    }
    reasons
}
