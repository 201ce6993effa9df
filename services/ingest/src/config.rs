//! Configuration of ingest.

use event_log::EventLogConfig;
use service_runtime::EnvironmentReader;

#[derive(Clone, Debug)]
pub struct Config {
    pub event_log: EventLogConfig,
    /// Copies of every stream that ingest creates: 1, or 3 in a cluster.
    pub replicas: u8,
    /// Where the archive is kept: `file:///absolute/folder` or `s3://bucket/prefix`.
    pub store_url: String,
}

impl Config {
    /// Reads `NATS_URL`, `NATS_CREDENTIALS`, `NATS_REPLICAS` and `PATROL_STORE_URL`.
    pub fn read(variables: &mut EnvironmentReader) -> Self {
        let url = variables.or_default::<String>("NATS_URL", "nats://127.0.0.1:4222");
        let mut event_log = EventLogConfig::new(url, "ingest");
        event_log.credentials = variables.optional("NATS_CREDENTIALS");
        let replicas = variables.or_default("NATS_REPLICAS", "1");
        if !matches!(replicas, 1 | 3 | 5) {
            variables.mistake(format!("NATS_REPLICAS: {replicas} is not 1, 3 or 5"));
        }
        let store_url =
            variables.required("PATROL_STORE_URL", "file:///absolute/folder or s3://bucket/prefix").unwrap_or_default();
        Self { event_log, replicas, store_url }
    }
}
