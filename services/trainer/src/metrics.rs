//! What the trainer tells Prometheus.

use service_runtime::Metrics;
use service_runtime::metrics::{Counter, FloatGauge, Gauge, Histogram};

#[derive(Clone)]
pub struct TrainerMetrics {
    /// `patrol_trainer_robot_steps_total`
    pub robot_steps: Counter,
    /// `patrol_trainer_updates_total`
    pub updates: Counter,
    /// `patrol_trainer_checkpoints_total`
    pub checkpoints: Counter,
    /// `patrol_trainer_robot_steps_per_second`
    pub robot_steps_per_second: FloatGauge,
    /// `patrol_trainer_runs_in_progress`
    pub runs_in_progress: Gauge,
    /// `patrol_trainer_checkpoint_duration_seconds`
    pub checkpoint_seconds: Histogram,
    /// `patrol_trainer_runs_lost_total`
    pub runs_lost: Counter,
}

impl TrainerMetrics {
    pub fn new(metrics: &Metrics) -> Self {
        let metrics = metrics.of_service("trainer");
        Self {
            robot_steps: metrics.counter("robot_steps", "Steps of single robots trained"),
            updates: metrics.counter("updates", "Updates of the learner"),
            checkpoints: metrics.counter("checkpoints", "Checkpoints stored"),
            robot_steps_per_second: metrics.float_gauge("robot_steps_per_second", "Training speed, robot steps"),
            runs_in_progress: metrics.gauge("runs_in_progress", "Runs being trained"),
            checkpoint_seconds: metrics.seconds("checkpoint_duration", "Time to store a checkpoint"),
            runs_lost: metrics.counter("runs_lost", "Runs that another trainer took over"),
        }
    }
}
