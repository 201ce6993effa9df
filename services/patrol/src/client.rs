//! A client of a running system: sends commands like any other and follows their outcome in the log.

use crate::addresses;
use crate::failure::Failure;
use crate::instance::Instance;
use crate::system::data_dir;
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use contracts::{Command, CommandId, Envelope, Event, RecordedEvent, RunId, subjects};
use event_log::{EventLog, EventLogConfig, Queue, ReadOptions};
use service_runtime::{Clock, EnvironmentReader, IdSource, RandomIds, SystemClock, TraceContext};
use std::time::Duration;

/// How long a command's outcome may take before the caller is told that it is still pending.
const OUTCOME_WAIT: Duration = Duration::from_secs(30);

/// How soon the archive is looked at again when no event tells of it.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Connected to the event log of a running system.
pub struct Client {
    pub log: EventLog,
    pub variables: EnvironmentReader,
}

impl Client {
    /// Connects to `NATS_URL`, or to the instance that runs on `PATROL_DATA_DIR`; variables that are set go before what
    /// the instance has.
    pub async fn connect() -> Result<Self> {
        let mut variables = EnvironmentReader::from_process();
        if variables.optional::<String>("NATS_URL").is_none() {
            let data_dir = data_dir(&mut variables)?;
            let Some(instance) = Instance::find(&data_dir)? else {
                bail!("no system runs on {}: start it with `make up`, or set NATS_URL", data_dir.display());
            };
            variables.set("NATS_URL", instance.nats_url);
            variables.set_default("DATABASE_URL", instance.database_url);
            variables.set_default("PATROL_STORE_URL", instance.store_url);
            variables.set_default("GATEWAY_BIND", instance.gateway);
        }
        Self::with(variables).await
    }

    /// Connects to the log that `variables` name.
    pub async fn with(mut variables: EnvironmentReader) -> Result<Self> {
        let url: String = variables.required("NATS_URL", "the address of nats-server").unwrap_or_default();
        addresses::check(&mut variables);
        variables.clone().finish()?;
        let mut config = EventLogConfig::new(url, "patrol-cli");
        config.credentials = variables.optional("NATS_CREDENTIALS");
        Ok(Self { log: EventLog::connect(config).await?, variables })
    }

    /// Sends a command as raw JSON and waits for the event that it caused.
    ///
    /// # Errors
    /// [`Failure::Rejected`] with every reason.
    pub async fn command(&self, aggregate: &str, verb: &str, payload: Vec<u8>) -> Result<RecordedEvent, Failure> {
        let after = self.log.last_sequence().await?;
        let id = CommandId(RandomIds.next_id());
        let kind = format!("patrol.{aggregate}.{verb}.v1");
        let mut envelope = Envelope::for_command(kind, id, "cli", SystemClock.now(), None);
        envelope.traceparent = Some(TraceContext::root(&RandomIds).to_string());
        self.log.send_command(&subjects::command(aggregate, verb), &envelope, Bytes::from(payload)).await?;
        let outcome = tokio::time::timeout(OUTCOME_WAIT, self.outcome(id, after)).await;
        let recorded = outcome.context("the command is stored but has no outcome yet: is ingest running?")??;
        match recorded.event()? {
            Event::CommandRejected(rejected) => {
                let line = |reason: &contracts::Reason| match reason.field.as_str() {
                    "" => reason.message.clone(),
                    field => format!("{field}: {}", reason.message),
                };
                Err(Failure::Rejected(rejected.reasons.iter().map(line).collect()))
            }
            _ => Ok(recorded),
        }
    }

    /// Sends a typed command.
    pub async fn send(&self, command: &Command) -> Result<RecordedEvent, Failure> {
        self.command(command.aggregate(), command.verb(), command.to_json()?).await
    }

    /// The run that a person means: its UUID, or its number in the log.
    pub async fn run(&self, name: &str) -> Result<RunId> {
        if let Ok(run) = name.parse() {
            return Ok(run);
        }
        let number: u64 = name.parse().with_context(|| format!("`{name}` is neither a run's UUID nor its number"))?;
        // Sequences begin at 1.
        let recorded = if number == 0 { None } else { self.log.event_at(number).await? };
        match recorded.map(|recorded| recorded.event()).transpose()? {
            Some(Event::RunRequested(requested)) => Ok(requested.run_id),
            _ => bail!("there is no run {number}; see `patrol run list`"),
        }
    }

    /// Waits until every trajectory segment has become rows of a file.
    pub async fn archived(&self) -> Result<()> {
        let mut events = self.log.read(ReadOptions::follow(self.log.last_sequence().await?));
        loop {
            let status = self.log.consumer_status(Queue::Trajectories).await?;
            if status.pending + status.in_progress == 0 {
                return Ok(());
            }
            // Segments are acknowledged right after the event that announces their file.
            if let Ok(event) = tokio::time::timeout(LOOK_AGAIN, events.next_event()).await {
                event?;
            }
        }
    }

    async fn outcome(&self, command: CommandId, after: u64) -> Result<RecordedEvent> {
        let mut events = self.log.read(ReadOptions::follow(after + 1));
        while let Some(recorded) = events.next_event().await? {
            if recorded.envelope.causation_id == Some(command.0) {
                return Ok(recorded);
            }
        }
        bail!("the event log ended")
    }
}
