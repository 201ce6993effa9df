//! Following the log: batch by batch, with the lag measured beside it.

use crate::batches::{Batches, Decoder};
use crate::error::{Error, Result};
use crate::metrics::ProjectorMetrics;
use crate::{Projector, write};
use event_log::{EventLog, ReadOptions};
use read_models::ReadModels;
use std::convert::Infallible;
use std::time::{Duration, Instant};

/// How often the end of the log is asked for.
const LAG_INTERVAL: Duration = Duration::from_secs(2);

impl Projector {
    /// Writes everything behind `after`, for ever.
    pub(crate) async fn follow(
        &mut self,
        log: &EventLog,
        models: &ReadModels,
        identity: String,
        after: u64,
    ) -> Result<Infallible> {
        tracing::info!(stream.sequence = after, "projecting the log");
        let metrics = self.metrics.clone();
        metrics.position.set(gauge(after));
        let decoder = Decoder::new(identity, after, self.config.on_poison);
        let mut batches = Batches::of(log.read(ReadOptions::follow(after + 1)), decoder);
        tokio::select! {
            ended = self.write_all(models, &mut batches) => ended,
            never = measure_lag(log, &metrics) => match never {},
        }
    }

    async fn write_all(&mut self, models: &ReadModels, batches: &mut Batches) -> Result<Infallible> {
        while let Some(batch) = batches.next().await? {
            let (begin, end) = (Instant::now(), batch.end.sequence);
            let written = write::write(models, batch, self.config.on_poison).await?;
            self.metrics.batch_seconds.observe(begin.elapsed().as_secs_f64());
            self.metrics.events.inc_by(written.events);
            self.metrics.poison.inc_by(written.poison);
            self.metrics.position.set(gauge(end));
            self.failures = 0;
            tracing::debug!(stream.sequence = end, events = written.events, "wrote a batch");
        }
        // A reader that follows ends with an error only.
        Err(Error::ReaderEnded)
    }
}

/// The stream's last sequence minus the position; never ends.
async fn measure_lag(log: &EventLog, metrics: &ProjectorMetrics) -> Infallible {
    let mut interval = tokio::time::interval(LAG_INTERVAL);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        // Without an answer the last value stands.
        if let Ok(last) = log.last_sequence().await {
            metrics.lag.set(gauge(last).saturating_sub(metrics.position.get()).max(0));
        }
    }
}

fn gauge(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}
