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
        let (event_log, threads) = read_common(variables, "trainer");
        let store_url =
            variables.required("PATROL_STORE_URL", "file:///absolute/folder or s3://bucket/prefix").unwrap_or_default();
        Self { event_log, store_url, threads }
    }
}

/// What learners and actors read alike: the event log as `name` sees it, and threads.
pub(crate) fn read_common(variables: &mut EnvironmentReader, name: &str) -> (EventLogConfig, usize) {
    let mut event_log = EventLogConfig::new(variables.or_default::<String>("NATS_URL", "nats://127.0.0.1:4222"), name);
    event_log.credentials = variables.optional("NATS_CREDENTIALS");
    let threads = match variables.or_default::<usize>("TRAINER_THREADS", "0") {
        0 => available_threads(),
        threads => threads,
    };
    if threads > 256 {
        variables.mistake(format!("TRAINER_THREADS: {threads} is more than 256"));
    }
    (event_log, threads)
}

fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
