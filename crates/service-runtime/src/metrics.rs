//! Metrics in the Prometheus text format (OpenMetrics 1.0).
//!
//! Names are `patrol_<service>_<what>_<unit>`; base units only (seconds, bytes); counters get `_total`. The list of
//! all with their units is `docs/metrics.md`, generated from the calls below with literal names.

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::{Metric, Registry, Unit};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use prometheus_client::encoding::EncodeLabelSet;
pub use prometheus_client::metrics::counter::Counter;
pub use prometheus_client::metrics::family::Family;
pub use prometheus_client::metrics::gauge::Gauge;
pub use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

/// A gauge of a fraction or of seconds.
pub type FloatGauge = Gauge<f64, std::sync::atomic::AtomicU64>;

/// The metrics of one service; clones share them, and a metric once made is updated without any lock.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    service: &'static str,
}

impl Metrics {
    pub fn new(service: &'static str) -> Self {
        Self { registry: Arc::default(), service }
    }

    /// The same registry under another service's name, for several services in one process.
    #[must_use]
    pub fn of_service(&self, service: &'static str) -> Self {
        Self { registry: Arc::clone(&self.registry), service }
    }

    /// Something that only grows; `_total` is appended to the name.
    pub fn counter(&self, name: &str, help: &str) -> Counter {
        self.register(name, help, Counter::default())
    }

    /// Counters by label; `_total` is appended. Labels must come from a closed set, never from input.
    pub fn counters<L>(&self, name: &str, help: &str) -> Family<L, Counter>
    where
        L: EncodeLabelSet + Clone + Eq + std::hash::Hash + std::fmt::Debug + Send + Sync + 'static,
    {
        self.register(name, help, Family::default())
    }

    /// A whole number that goes up and down.
    pub fn gauge(&self, name: &str, help: &str) -> Gauge {
        self.register(name, help, Gauge::default())
    }

    /// A number that goes up and down.
    pub fn float_gauge(&self, name: &str, help: &str) -> FloatGauge {
        self.register(name, help, FloatGauge::default())
    }

    /// A distribution of durations in seconds, 1 ms to about 65 s by powers of two; `_seconds` is appended.
    pub fn seconds(&self, name: &str, help: &str) -> Histogram {
        let metric = Histogram::new(exponential_buckets(0.001, 2.0, 17));
        let name = format!("patrol_{}_{name}", self.service);
        self.lock().register_with_unit(name, help, Unit::Seconds, metric.clone());
        metric
    }

    /// Any other metric, for example a [`Family`] with labels. Labels must come from a closed set, never from input.
    pub fn register<M: Metric + Clone>(&self, name: &str, help: &str, metric: M) -> M {
        self.lock().register(format!("patrol_{}_{name}", self.service), help, metric.clone());
        metric
    }

    /// The text that a scrape gets.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.lock());
        text
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
