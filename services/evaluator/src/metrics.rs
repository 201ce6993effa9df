//! What the evaluator tells Prometheus.

use service_runtime::Metrics;
use service_runtime::metrics::{Counter, Histogram};

#[derive(Clone)]
pub struct EvaluatorMetrics {
    /// `patrol_evaluator_evaluations_total`
    pub evaluations: Counter,
    /// `patrol_evaluator_failed_evaluations_total`
    pub failed: Counter,
    /// `patrol_evaluator_skipped_checkpoints_total`
    pub skipped: Counter,
    /// `patrol_evaluator_baselines_total`
    pub baselines: Counter,
    /// `patrol_evaluator_evaluation_duration_seconds`
    pub evaluation_seconds: Histogram,
}

impl EvaluatorMetrics {
    pub fn new(metrics: &Metrics) -> Self {
        let metrics = metrics.of_service("evaluator");
        Self {
            evaluations: metrics.counter("evaluations", "Checkpoints evaluated"),
            failed: metrics.counter("failed_evaluations", "Evaluations that were given up"),
            skipped: metrics.counter("skipped_checkpoints", "Checkpoints skipped because a newer one existed"),
            baselines: metrics.counter("baselines", "Worlds in which the scripted agents were evaluated"),
            evaluation_seconds: metrics.seconds("evaluation_duration", "Time to evaluate one checkpoint"),
        }
    }
}
