//! What ingest tells Prometheus about commands.

use crate::intake::Incoming;
use crate::outcome::Outcome;
use contracts::Command;
use service_runtime::Metrics;
use service_runtime::metrics::{Counter, Family, Histogram};
use std::time::Duration;

/// Aggregate, verb and outcome; all from closed sets.
type Labels = [(&'static str, &'static str); 3];

#[derive(Clone)]
pub struct CommandMetrics {
    /// `patrol_ingest_commands_total{aggregate,verb,outcome}`
    commands: Family<Labels, Counter>,
    /// `patrol_ingest_conflicts_total`
    pub conflicts: Counter,
    /// `patrol_ingest_postponed_total`
    pub postponed: Counter,
    /// `patrol_ingest_command_duration_seconds`
    duration: Histogram,
}

impl CommandMetrics {
    pub fn new(metrics: &Metrics) -> Self {
        Self {
            commands: metrics.counters("commands", "Commands decided"),
            conflicts: metrics.counter("conflicts", "Decisions made again because others appended first"),
            postponed: metrics.counter("postponed", "Commands handed back to be tried again"),
            duration: metrics.seconds("command_duration", "Time from delivery to durable outcome"),
        }
    }

    pub fn decided(&self, incoming: &Incoming, outcome: &Outcome, took: Duration) {
        let (aggregate, verb) = incoming.command.as_ref().map_or(("unknown", "unknown"), name);
        let labels = [("aggregate", aggregate), ("verb", verb), ("outcome", outcome.name())];
        self.commands.get_or_create(&labels).inc();
        self.duration.observe(took.as_secs_f64());
    }
}

fn name(command: &Command) -> (&'static str, &'static str) {
    (command.aggregate(), command.verb())
}
