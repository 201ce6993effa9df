//! Configuration of the trainer.

use event_log::EventLogConfig;
use service_runtime::EnvironmentReader;

#[derive(Clone, Debug)]
pub struct Config {
    pub event_log: EventLogConfig,
    /// Where checkpoints are kept: `file:///absolute/folder` or `s3://bucket/prefix`.
    pub store_url: String,
    /// Threads per run when the run does not ask for a number; never changes a result.
    pub threads: usize,
}

impl Config {
    /// Reads `NATS_URL`, `NATS_CREDENTIALS`, `PATROL_STORE_URL` and `TRAINER_THREADS`.
    pub fn read(variables: &mut EnvironmentReader) -> Self {
        let mut event_log =
            EventLogConfig::new(variables.or_default::<String>("NATS_URL", "nats://127.0.0.1:4222"), "trainer");
        event_log.credentials = variables.optional("NATS_CREDENTIALS");
        let store_url =
            variables.required("PATROL_STORE_URL", "file:///absolute/folder or s3://bucket/prefix").unwrap_or_default();
        let threads = match variables.or_default::<usize>("TRAINER_THREADS", "0") {
            0 => available_threads(),
            threads => threads,
        };
        if threads > 256 {
            variables.mistake(format!("TRAINER_THREADS: {threads} is more than 256"));
        }
        Self { event_log, store_url, threads }
    }
}

fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
