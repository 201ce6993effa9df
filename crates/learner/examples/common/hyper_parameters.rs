//! Settings of PPO on the command line of an example.

use learner::{Architecture, PpoConfig};

/// Overrides of an example's default settings.
#[derive(clap::Args)]
pub struct HyperParameters {
    #[arg(long)]
    learning_rate: Option<f32>,
    #[arg(long)]
    gamma: Option<f32>,
    #[arg(long)]
    gae_lambda: Option<f32>,
    #[arg(long)]
    num_envs: Option<usize>,
    #[arg(long)]
    num_steps: Option<usize>,
    #[arg(long)]
    epochs: Option<usize>,
    #[arg(long)]
    minibatch: Option<usize>,
    #[arg(long)]
    entropy: Option<f32>,
    #[arg(long)]
    final_entropy: Option<f32>,
    /// Learning rate at the end, as a fraction of that at the start.
    #[arg(long)]
    final_learning_rate: Option<f32>,
    /// End an update's epochs beyond this divergence from the policy that acted.
    #[arg(long)]
    target_kl: Option<f32>,
    #[arg(long)]
    threat_coefficient: Option<f32>,
    #[arg(long)]
    calm: Option<f32>,
    #[arg(long)]
    reward_scale: Option<f32>,
    #[arg(long)]
    clip: Option<f32>,
    /// Convolutions over the maps before the hidden layers.
    #[arg(long)]
    cnn: bool,
    #[arg(long)]
    hidden: Option<usize>,
    /// Trust of the first policy in the tour; 0 hides the tour from it.
    #[arg(long)]
    tour_prior: Option<f32>,
    /// Added to the normalised advantage of what the tour would do.
    #[arg(long)]
    tour_anchor: Option<f32>,
    /// Paid to a robot for the removal of an object.
    #[arg(long)]
    objects: Option<f32>,
    #[arg(long)]
    normalise_returns: bool,
}

impl HyperParameters {
    pub fn apply(&self, config: &mut PpoConfig) {
        fn set<T: Copy>(slot: &mut T, value: Option<T>) {
            *slot = value.unwrap_or(*slot);
        }
        set(&mut config.learning_rate, self.learning_rate);
        set(&mut config.gamma, self.gamma);
        set(&mut config.gae_lambda, self.gae_lambda);
        set(&mut config.num_envs, self.num_envs);
        set(&mut config.num_steps, self.num_steps);
        set(&mut config.update_epochs, self.epochs);
        set(&mut config.minibatch_size, self.minibatch);
        set(&mut config.entropy_coefficient, self.entropy);
        set(&mut config.final_entropy_coefficient, self.final_entropy);
        set(&mut config.final_learning_rate_fraction, self.final_learning_rate);
        config.target_kl = self.target_kl.or(config.target_kl);
        set(&mut config.mean_threat_coefficient, self.threat_coefficient);
        set(&mut config.calm_coefficient, self.calm);
        set(&mut config.reward_scale, self.reward_scale);
        set(&mut config.clip_range, self.clip);
        set(&mut config.hidden, self.hidden);
        set(&mut config.tour_prior, self.tour_prior);
        set(&mut config.tour_anchor, self.tour_anchor);
        set(&mut config.object_coefficient, self.objects);
        if self.cnn {
            config.architecture = Architecture::Cnn;
        }
        config.normalise_returns |= self.normalise_returns;
    }
}
