//! What can go wrong while learning.
use crate::a3c::SegmentDigest;
use crate::checkpoint::container::ContainerError;
use crate::ppo::config::ConfigError;

/// Why a learner cannot be built, continued or saved.
#[derive(Debug, thiserror::Error)]
pub enum LearnerError {
    #[error("the training settings are wrong: {0}")]
    Config(#[from] ConfigError),
    #[error("the world cannot be built")]
    World(#[from] environment::WorldError),
    #[error("the policy cannot be read")]
    Policy(#[source] ContainerError),
    #[error("the resume state cannot be read")]
    Resume(#[source] ContainerError),
    #[error("the checkpoint cannot be written")]
    Write(#[source] ContainerError),
    #[error("the policy does not see team mates and can only act alone: train it anew or choose one robot")]
    Observation,
    #[error("the threads cannot be started")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    #[error("segment {segment} of lane {lane} was not asked for: it is lost or was played already")]
    Stale { lane: usize, segment: u64 },
    #[error("segment {segment} of lane {lane} came out differently: {found} instead of {expected}")]
    Diverged { lane: usize, segment: u64, found: SegmentDigest, expected: SegmentDigest },
    #[error("lease {0} was revoked or answered already")]
    UnknownLease(u64),
    #[error("segment {segment} of lane {lane} is refused: {reason}")]
    Refused { lane: usize, segment: u64, reason: &'static str },
    #[error("the lease cannot be read")]
    Lease(#[source] ContainerError),
    #[error("policy {version} is not known any more")]
    UnknownPolicy { version: u64 },
    #[error("{lanes} lanes are still being played")]
    InPlay { lanes: usize },
    #[error("the actors have stopped")]
    Actors,
    #[error("training is complete: {steps} of {total} steps are done")]
    Complete { steps: u64, total: u64 },
}
