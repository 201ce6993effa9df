//! Configuration of the evaluator.

use event_log::EventLogConfig;
use service_runtime::EnvironmentReader;

#[derive(Clone, Debug)]
pub struct Config {
    pub event_log: EventLogConfig,
    /// Where checkpoints are kept: `file:///absolute/folder` or `s3://bucket/prefix`.
    pub store_url: String,
}

impl Config {
    /// Reads `NATS_URL`, `NATS_CREDENTIALS` and `PATROL_STORE_URL`.
    pub fn read(variables: &mut EnvironmentReader) -> Self {
        let mut event_log =
            EventLogConfig::new(variables.or_default::<String>("NATS_URL", "nats://127.0.0.1:4222"), "evaluator");
        event_log.credentials = variables.optional("NATS_CREDENTIALS");
        let store_url =
            variables.required("PATROL_STORE_URL", "file:///absolute/folder or s3://bucket/prefix").unwrap_or_default();
        Self { event_log, store_url }
    }
}
