//! What the projector tells Prometheus.

use service_runtime::Metrics;
use service_runtime::metrics::{Counter, Gauge, Histogram};

#[derive(Clone)]
pub(crate) struct ProjectorMetrics {
    /// `patrol_projector_position`: sequence of the last event in the read models.
    pub position: Gauge,
    /// `patrol_projector_lag_events`
    pub lag: Gauge,
    /// `patrol_projector_events_total`
    pub events: Counter,
    /// `patrol_projector_poison_total`
    pub poison: Counter,
    /// `patrol_projector_rebuilds_total`
    pub rebuilds: Counter,
    /// `patrol_projector_batch_duration_seconds`
    pub batch_seconds: Histogram,
}

impl ProjectorMetrics {
    pub fn new(metrics: &Metrics) -> Self {
        let metrics = metrics.of_service("projector");
        Self {
            position: metrics.gauge("position", "Sequence of the last event in the read models"),
            lag: metrics.gauge("lag_events", "Events of the log that the read models do not contain yet"),
            events: metrics.counter("events", "Events written to the read models"),
            poison: metrics.counter("poison", "Events that could not be understood and were skipped"),
            rebuilds: metrics.counter("rebuilds", "Rebuilds because the read models did not fit the log"),
            batch_seconds: metrics.seconds("batch_duration", "Time to write a batch and its position"),
        }
    }
}
