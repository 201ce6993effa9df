//! Hyper-parameters, named as in the literature, and their limits.
use environment::{CELLS_PER_ROBOT, MapType, WorldConfig};

use crate::backend::Backend;
use crate::network::Architecture;

/// How a rollout improves the policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// Proximal policy optimisation: several epochs of the clipped objective.
    #[default]
    Ppo,
    /// Actors and one learner: the clipped objective with advantages corrected by V-trace. Minibatches are rounded down to
    /// whole environments; `clip_range_value` has no effect.
    A3c {
        /// Updates by which the acting policy lags behind: 0, or 1 as when actors play while the learner optimises.
        policy_lag: u32,
    },
}

/// Settings of training, by PPO unless `algorithm` says otherwise. "Step" always means one robot in one environment step.
#[derive(Clone, Debug, PartialEq)]
pub struct PpoConfig {
    pub algorithm: Algorithm,
    /// Robot-steps to train for.
    pub total_steps: u64,
    /// Environments stepped side by side.
    pub num_envs: usize,
    /// Environment steps per rollout (T of the paper).
    pub num_steps: usize,
    /// Passes over each rollout (K of the paper).
    pub update_epochs: usize,
    /// Robot-steps per gradient step (M of the paper).
    pub minibatch_size: usize,
    /// Adam's step size at the start …
    pub learning_rate: f32,
    /// … and, as a fraction of it, at the end; linear in between, by steps.
    pub final_learning_rate_fraction: f32,
    /// Discount γ.
    pub gamma: f32,
    /// λ of generalised advantage estimation.
    pub gae_lambda: f32,
    /// ε of the clipped objective.
    pub clip_range: f32,
    /// ε of the clipped value loss, if wanted.
    pub clip_range_value: Option<f32>,
    /// Weight c₁ of the value loss.
    pub value_coefficient: f32,
    /// Weight c₂ of the entropy at the start …
    pub entropy_coefficient: f32,
    /// … and at the end; linear in between, by steps.
    pub final_entropy_coefficient: f32,
    /// Largest Euclidean norm of a minibatch's gradient.
    pub max_gradient_norm: f32,
    /// Ends an update's epochs once the mean KL(π_old‖π) of one exceeds this.
    pub target_kl: Option<f32>,
    /// ε of Adam.
    pub adam_epsilon: f32,
    /// Factor on the environment's reward (ignored when returns are normalised).
    pub reward_scale: f32,
    /// Subtracted per step, times the mean threat of the team's world, after scaling.
    pub mean_threat_coefficient: f32,
    /// Added per step, times the calm cells in hundreds per √robots: free cells × (1 − mean threat) / (100 √robots). Affine in
    /// the mean threat of each world and of a similar size in all: one robot keeps about two hundred cells calm.
    pub calm_coefficient: f32,
    /// Paid to the robot that removes a suspicious object: its cell would stay at full threat for good. Where worlds are drawn it
    /// is over √robots, as what a calm cell pays, and 0 where robots have no time for objects: where they have to charge or cannot
    /// keep every cell below full threat.
    pub object_coefficient: f32,
    /// What the first policy adds to the logit of the action that the tour would take next; 0: the policy does not see the tour.
    pub tour_prior: f32,
    /// Added to the normalised advantage of the action that the tour would take.
    pub tour_anchor: f32,
    /// Divides rewards by the running standard deviation of the discounted return.
    pub normalise_returns: bool,
    /// What comes before the hidden layers.
    pub architecture: Architecture,
    /// Width of both hidden layers: a multiple of 8, fastest at 64.
    pub hidden: usize,
    /// Parts of a minibatch whose gradients are computed apart and summed in order. Changes the last bits of a
    /// result (the number of threads never does).
    pub gradient_shards: usize,
    /// What computes gradients.
    pub backend: Backend,
}

impl PpoConfig {
    /// Settings that were measured to work for a team of this size.
    pub fn for_team(num_robots: usize) -> Self {
        let team = num_robots > 1;
        Self {
            algorithm: Algorithm::Ppo,
            total_steps: 12_000_000,
            num_envs: if team { 32 } else { 64 },
            num_steps: if num_robots > 4 { 64 } else { 128 },
            update_epochs: 4,
            minibatch_size: if team { 1_024 } else { 512 },
            learning_rate: 1e-3,
            final_learning_rate_fraction: 0.02,
            gamma: if team { 0.97 } else { 0.99 },
            gae_lambda: 0.95,
            clip_range: 0.2,
            clip_range_value: None,
            value_coefficient: 0.5,
            // Lone robots settle early for patrolling only a part of the map: keep them curious.
            entropy_coefficient: if team { 0.005 } else { 0.02 },
            final_entropy_coefficient: 0.0,
            max_gradient_norm: 0.5,
            target_kl: None,
            adam_epsilon: 1e-5,
            // Small enough that the value loss does not drown the policy's gradient in the shared layers.
            reward_scale: if team { 0.004 } else { 0.001 },
            mean_threat_coefficient: if team { 0.3 } else { 0.0 },
            calm_coefficient: 0.0,
            // Many robots race each other for what pays much; a lone one has little time for objects.
            object_coefficient: match num_robots {
                0 | 1 => 0.05,
                2..=4 => 0.3,
                _ => 0.2,
            },
            // A lone robot finds what is better than the tour; a team does not, but improves on it.
            tour_prior: if team { 3.0 } else { 0.0 },
            // Without it some seeds of a team end behind the tour.
            tour_anchor: if team { 0.05 } else { 0.0 },
            normalise_returns: false,
            architecture: Architecture::Mlp,
            hidden: 64,
            gradient_shards: 4,
            backend: Backend::Fused,
        }
    }

    /// Settings that were measured to work in such a world.
    pub fn for_world(world: &WorldConfig) -> Self {
        let measured = Self::for_team(world.num_robots);
        if world.num_robots > 1 {
            return measured;
        }
        let small = world.width * world.height <= CELLS_PER_ROBOT;
        let from_tour = match world.map.map_type {
            MapType::Maze => true,
            MapType::Room => small && world.batteries_last() && world.reward.object_weight <= 1.0,
            MapType::Random | MapType::Cave => false,
        };
        match (world.keeps_up(), from_tour) {
            (true, _) => measured.keeping_up(from_tour),
            (false, true) => measured.along_the_tour(),
            (false, false) => measured,
        }
    }

    /// A lone robot that can keep all cells below full threat has time for objects, as a team has.
    fn keeping_up(self, from_tour: bool) -> Self {
        let Self { num_envs, minibatch_size, entropy_coefficient, .. } = self;
        let as_a_team = Self { num_envs, minibatch_size, ..Self::for_team(2) };
        if from_tour { as_a_team } else { Self { entropy_coefficient, tour_prior: 0.0, tour_anchor: 0.0, ..as_a_team } }
    }

    /// Where there is little to be found beside the tour.
    fn along_the_tour(self) -> Self {
        Self { learning_rate: 3e-4, entropy_coefficient: 5e-4, tour_prior: 4.0, tour_anchor: 0.1, ..self }
    }

    /// Settings that were measured to work where worlds and team sizes are drawn.
    pub fn universal() -> Self {
        Self {
            num_envs: 64,
            learning_rate: 6e-4,
            gamma: 0.975,
            reward_scale: 0.001,
            mean_threat_coefficient: 0.0,
            calm_coefficient: 0.025,
            object_coefficient: 0.8,
            tour_anchor: 0.1,
            ..Self::for_team(2)
        }
    }

    /// Names every setting that is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut faults = Vec::new();
        let mut check = |holds: bool, field: &'static str, expected: &'static str| {
            if !holds {
                faults.push(Fault { field, expected });
            }
        };
        check(self.policy_lag() <= 1, "policy_lag", "0 or 1");
        check(self.total_steps > 0, "total_steps", "at least 1");
        check((1..=4_096).contains(&self.num_envs), "num_envs", "1 to 4096");
        check((1..=65_536).contains(&self.num_steps), "num_steps", "1 to 65536");
        check(self.num_envs.saturating_mul(self.num_steps) <= 1 << 20, "num_envs", "num_envs × num_steps ≤ 1048576");
        check((1..=100).contains(&self.update_epochs), "update_epochs", "1 to 100");
        check((1..=1 << 20).contains(&self.minibatch_size), "minibatch_size", "1 to 1048576");
        check(positive(self.learning_rate) && self.learning_rate <= 1.0, "learning_rate", "above 0, at most 1");
        check(fraction(self.final_learning_rate_fraction), "final_learning_rate_fraction", "0 to 1");
        check(fraction(self.gamma), "gamma", "0 to 1");
        check(fraction(self.gae_lambda), "gae_lambda", "0 to 1");
        check(positive(self.clip_range), "clip_range", "above 0");
        check(self.clip_range_value.is_none_or(positive), "clip_range_value", "above 0");
        check(not_negative(self.value_coefficient), "value_coefficient", "0 or more");
        check(not_negative(self.entropy_coefficient), "entropy_coefficient", "0 or more");
        check(not_negative(self.final_entropy_coefficient), "final_entropy_coefficient", "0 or more");
        check(positive(self.max_gradient_norm), "max_gradient_norm", "above 0");
        check(self.target_kl.is_none_or(positive), "target_kl", "above 0");
        check(positive(self.adam_epsilon), "adam_epsilon", "above 0");
        check(positive(self.reward_scale), "reward_scale", "above 0");
        check(not_negative(self.mean_threat_coefficient), "mean_threat_coefficient", "0 or more");
        check(not_negative(self.calm_coefficient), "calm_coefficient", "0 or more");
        check(not_negative(self.object_coefficient), "object_coefficient", "0 or more");
        check(not_negative(self.tour_prior) && self.tour_prior <= 10.0, "tour_prior", "0 to 10");
        check(fraction(self.tour_anchor), "tour_anchor", "0 to 1");
        check(
            self.hidden.is_multiple_of(8) && (8..=1_024).contains(&self.hidden),
            "hidden",
            "a multiple of 8, 8 to 1024",
        );
        check((1..=64).contains(&self.gradient_shards), "gradient_shards", "1 to 64");
        if faults.is_empty() { Ok(()) } else { Err(ConfigError { faults }) }
    }

    /// Updates by which the acting policy lags behind the learned one.
    pub fn policy_lag(&self) -> u32 {
        match self.algorithm {
            Algorithm::Ppo => 0,
            Algorithm::A3c { policy_lag } => policy_lag,
        }
    }

    /// The learning rate after a fraction `progress` ∈ [0, 1] of the steps.
    pub fn learning_rate_at(&self, progress: f64) -> f32 {
        linear(self.learning_rate, self.learning_rate * self.final_learning_rate_fraction, progress)
    }

    /// The entropy coefficient after a fraction `progress` ∈ [0, 1] of the steps.
    pub fn entropy_coefficient_at(&self, progress: f64) -> f32 {
        linear(self.entropy_coefficient, self.final_entropy_coefficient, progress)
    }
}

/// One setting that is out of range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub field: &'static str,
    pub expected: &'static str,
}

/// All settings that are out of range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", faults.iter().map(|f| format!("{} must be {}", f.field, f.expected)).collect::<Vec<_>>().join("; "))]
pub struct ConfigError {
    pub faults: Vec<Fault>,
}

fn positive(value: f32) -> bool {
    value.is_finite() && value > 0.0
}

fn not_negative(value: f32) -> bool {
    value.is_finite() && value >= 0.0
}

fn fraction(value: f32) -> bool {
    (0.0..=1.0).contains(&value)
}

fn linear(start: f32, end: f32, progress: f64) -> f32 {
    (f64::from(start) + (f64::from(end) - f64::from(start)) * progress.clamp(0.0, 1.0)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_every_fault_is_named() {
        for robots in 1..=10 {
            PpoConfig::for_team(robots).validate().expect("defaults");
        }
        let bad = PpoConfig { learning_rate: f32::NAN, gamma: 1.5, hidden: 12, ..PpoConfig::for_team(1) };
        let message = bad.validate().expect_err("three faults").to_string();
        for name in ["learning_rate", "gamma", "hidden"] {
            assert!(message.contains(name), "{message}");
        }
    }

    #[test]
    fn schedules_are_linear_in_steps() {
        let config = PpoConfig::for_team(1);
        assert_eq!(config.learning_rate_at(0.0), 1e-3);
        assert!((config.learning_rate_at(0.5) - 5.1e-4).abs() < 1e-9);
        assert!((config.learning_rate_at(2.0) - 2e-5).abs() < 1e-9);
        assert_eq!(config.entropy_coefficient_at(1.0), 0.0);
    }
}
