//! Configuration of the projector.

use event_log::EventLogConfig;
use read_models::ReadModelsConfig;
use service_runtime::EnvironmentReader;
use std::str::FromStr;

#[derive(Clone, Debug)]
pub struct Config {
    pub event_log: EventLogConfig,
    pub read_models: ReadModelsConfig,
    pub on_poison: OnPoison,
}

/// What to do with an event that cannot be understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnPoison {
    /// Stop, so that a person looks.
    #[default]
    Stop,
    /// Record it in `dead_letters` and go on.
    Skip,
}

impl FromStr for OnPoison {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "stop" => Ok(Self::Stop),
            "skip" => Ok(Self::Skip),
            _ => Err("it is neither `stop` nor `skip`".to_owned()),
        }
    }
}

impl Config {
    /// Reads `NATS_URL`, `NATS_CREDENTIALS`, `DATABASE_URL` and `PROJECTOR_ON_POISON`.
    pub fn read(variables: &mut EnvironmentReader) -> Self {
        let nats = variables.or_default::<String>("NATS_URL", "nats://127.0.0.1:4222");
        let mut event_log = EventLogConfig::new(nats, "projector");
        event_log.credentials = variables.optional("NATS_CREDENTIALS");
        let purpose = "postgres://user:password@host:port/database";
        let database = variables.required::<String>("DATABASE_URL", purpose).unwrap_or_default();
        let on_poison = variables.or_default("PROJECTOR_ON_POISON", "stop");
        Self { event_log, read_models: ReadModelsConfig::new(database, "projector"), on_poison }
    }
}
