//! What a decision is based on: an aggregate's events, and the guard that an append needs so that they are still all.

use crate::error::Result;
use contracts::{CommandId, Event, Reason, RecordedEvent, Rejection, RunId, subjects};
use domain::Decision;
use event_log::{EventLog, ExpectedVersion};

/// The events of one aggregate, oldest first.
pub struct History {
    events: Vec<Event>,
    /// The first event that could not be read, if any.
    unreadable: Option<String>,
    /// Where the command's own outcome stands, if it was decided before.
    already: Option<u64>,
    guard: ExpectedVersion,
}

/// What a command would cause.
pub struct Proposal {
    pub decision: Decision,
    /// Holds as long as nobody appended to the history that was decided upon.
    pub guard: ExpectedVersion,
    /// The command was decided before; its outcome stands here.
    pub already: Option<u64>,
    /// The run that the command is about, if it exists.
    pub run: Option<RunId>,
}

impl History {
    /// Loads every event on `guarded`, and those on `others`, which may grow without making a decision stale.
    pub async fn load(log: &EventLog, command: CommandId, guarded: &str, others: &[String]) -> Result<Self> {
        let mut recorded = Vec::new();
        let mut last = 0;
        for filter in std::iter::once(guarded).chain(others.iter().map(String::as_str)) {
            match log.load(filter).await {
                Ok(events) => recorded.extend(events),
                Err(event_log::Error::Malformed { sequence, reason, .. }) => {
                    return Ok(Self::unreadable(filter, sequence, reason));
                }
                Err(error) => return Err(error.into()),
            }
            if filter == guarded {
                last = recorded.last().map_or(0, |event: &RecordedEvent| event.sequence);
            }
        }
        recorded.sort_by_key(|event| event.sequence);
        Ok(Self::read(command, &recorded, ExpectedVersion::exact(guarded, last)))
    }

    /// The lifecycle of a run, and the events of it on `others`.
    pub async fn of_run(log: &EventLog, command: CommandId, run: RunId, others: &[String]) -> Result<Self> {
        Self::load(log, command, &subjects::run_lifecycle(run), others).await
    }

    /// The state after all events.
    pub fn fold<S: Default>(&self, evolve: impl Fn(S, &Event) -> S) -> S {
        self.events.iter().fold(S::default(), evolve)
    }

    /// Decides, unless the command was decided before or the history cannot be read.
    pub fn propose(self, run: Option<RunId>, decide: impl FnOnce() -> Decision) -> Proposal {
        let decision = match self.unreadable {
            Some(reason) => Err(Rejection::from(Reason::new("", "unreadable_history", reason))),
            None => decide(),
        };
        Proposal { decision, guard: self.guard, already: self.already, run }
    }

    fn read(command: CommandId, recorded: &[RecordedEvent], guard: ExpectedVersion) -> Self {
        let already = recorded.iter().find(|event| event.envelope.causation_id == Some(command.0));
        let mut history = Self { events: Vec::new(), unreadable: None, already: already.map(|it| it.sequence), guard };
        for event in recorded {
            match event.event() {
                Ok(event) => history.events.push(event),
                Err(error) => {
                    tracing::error!(stream.sequence = event.sequence, "an event cannot be read: {error}");
                    history.unreadable = Some(format!("event {} of the log cannot be read: {error}", event.sequence));
                    break;
                }
            }
        }
        history
    }

    fn unreadable(filter: &str, sequence: u64, reason: String) -> Self {
        tracing::error!(stream.sequence = sequence, "a message on {filter} is not an event: {reason}");
        let reason = format!("message {sequence} of the log is not an event: {reason}");
        Self { events: Vec::new(), unreadable: Some(reason), already: None, guard: ExpectedVersion::Any }
    }
}
