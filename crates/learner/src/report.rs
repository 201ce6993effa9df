//! What an update tells.
use std::time::Duration;

/// Diagnostics of one update (Huang et al., "The 37 implementation details of PPO", 2022, and what patrolling adds).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpdateReport {
    /// Updates done, this one included.
    pub update: u64,
    /// Robot-steps done.
    pub steps_done: u64,
    pub total_steps: u64,
    /// Robot-steps of this update's rollout.
    pub rollout_steps: u64,
    /// Episodes finished since the start.
    pub episodes_finished: u64,
    /// Epochs run: fewer than configured after a KL early stop.
    pub epochs: usize,

    /// Mean of −min(r·Â, clip(r)·Â) over the last epoch.
    pub policy_loss: f64,
    /// Mean of ½(V − R)² over the last epoch, in scaled reward.
    pub value_loss: f64,
    /// Mean entropy of the masked policy over the last epoch, nats.
    pub entropy: f64,
    /// Mean of (r − 1) − ln r over the last epoch: an estimate of KL(π_old‖π), nats, π_old the policy that acted.
    pub approx_kl: f64,
    /// Mean of −ln r over the last epoch: the plain estimate of the same.
    pub old_approx_kl: f64,
    /// Share of the samples of the last epoch whose ratio left the clip range.
    pub clip_fraction: f64,
    /// 1 − Var(R − V)/Var(R) over the rollout.
    pub explained_variance: f64,
    /// Mean norm of the minibatch gradients before clipping.
    pub gradient_norm: f64,
    pub learning_rate: f64,
    pub entropy_coefficient: f64,
    /// Mean scaled reward per robot-step of the rollout.
    pub mean_reward: f64,

    /// Estimates of the rollout before advantages are normalised; `None` where segments are consumed one by one.
    pub rollout: Option<RolloutStatistics>,

    /// Means over the full-length episodes that ended in this rollout; `None` when there were none.
    pub episodes: Option<EpisodeMeans>,
    /// Mean threat over the last full-length episodes, one per environment; `None` until there are as many.
    pub recent_mean_threat: Option<f64>,
    /// The lowest `recent_mean_threat` so far.
    pub best_mean_threat: Option<f64>,
    /// Whether this update made it lower.
    pub is_best: bool,

    pub timings: Timings,
}

/// Mean and standard deviation over the samples of a rollout, in scaled reward.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RolloutStatistics {
    pub value: (f64, f64),
    pub returns: (f64, f64),
    pub advantage: (f64, f64),
}

/// Means over finished episodes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EpisodeMeans {
    pub count: usize,
    /// Time average of the mean threat: the figure of merit.
    pub mean_threat: f64,
    pub episode_return: f64,
    pub length: f64,
    pub coverage: f64,
    pub worst_idleness: f64,
}

/// Where the time of an update went. `wall` and `optimiser` are elapsed time; the rest is processor time, summed over
/// threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    pub wall: Duration,
    /// Elapsed time of the rollout.
    pub rollout: Duration,
    pub environment: Duration,
    pub observation: Duration,
    /// Forward passes, in rollout and update.
    pub forward: Duration,
    pub backward: Duration,
    pub optimiser: Duration,
}
