//! The fence: this trainer appends to a run only while it owns it.
//!
//! Every append is guarded by the last sequence of the run's lifecycle. When that has moved, the new events are read: if
//! the run was taken over, the append fails for good with [`Error::Lost`]; if a client merely asked for a pause or a stop,
//! it is repeated with the new sequence. A trainer that was frozen and wakes up after a takeover cannot append anything.

use crate::claim::{Control, control};
use crate::error::{Error, Result};
use contracts::ids::{EventId, RunId};
use contracts::{Envelope, Event, subjects};
use event_log::{EventLog, ExpectedVersion, NewEvent};
use service_runtime::Clock;
use std::sync::Arc;

pub struct Fence {
    log: EventLog,
    clock: Arc<dyn Clock>,
    run: RunId,
    trainer_id: String,
    /// The event that caused this training, and with it its trace.
    cause: Envelope,
    sequence: u64,
    control: Control,
}

impl Fence {
    /// A fence behind the lifecycle event at `sequence`, which is not yet ours.
    pub fn new(
        log: EventLog,
        clock: Arc<dyn Clock>,
        run: RunId,
        trainer_id: String,
        cause: Envelope,
        sequence: u64,
    ) -> Self {
        Self { log, clock, run, trainer_id, cause, sequence, control: Control::Continue }
    }

    /// What clients asked for so far.
    pub fn control(&self) -> Control {
        self.control
    }

    /// The last lifecycle event that was read.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Takes over what a client asked for before this trainer came.
    pub fn ask(&mut self, control: Control) {
        self.control = control;
    }

    /// `event` with the id that it always has within the run under `name`.
    pub fn envelop(&self, event: &Event, name: &str) -> Result<NewEvent> {
        let id = EventId(self.run.derive(name));
        let envelope = Envelope::for_event(event, id, "trainer", self.clock.now()).caused_by(&self.cause);
        Ok(NewEvent::new(event, envelope)?)
    }

    /// Appends all events or none; returns where the last one stands.
    ///
    /// # Errors
    /// [`Error::Lost`] when the run has another owner or has ended.
    pub async fn append(&mut self, events: &[NewEvent]) -> Result<u64> {
        if self.control == Control::Lost {
            return Err(Error::Lost);
        }
        loop {
            let expected = ExpectedVersion::exact(subjects::run_lifecycle(self.run), self.sequence);
            match self.log.append_batch(events, &expected).await {
                Ok(appended) => {
                    let last_of_run = events.iter().any(|event| event.subject.starts_with("patrol.evt.run."));
                    if last_of_run {
                        self.sequence = self.sequence.max(appended.sequence);
                    }
                    return Ok(appended.sequence);
                }
                Err(event_log::Error::Conflict { .. }) => self.refresh().await?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reads the lifecycle events since the last look.
    ///
    /// # Errors
    /// [`Error::Lost`] when the run has another owner or has ended.
    pub async fn refresh(&mut self) -> Result<()> {
        let news = self.log.load_after(&subjects::run_lifecycle(self.run), self.sequence).await?;
        for recorded in news {
            self.sequence = self.sequence.max(recorded.sequence);
            self.control = control(self.control, &recorded.event()?, &self.trainer_id);
        }
        if self.control == Control::Lost { Err(Error::Lost) } else { Ok(()) }
    }
}
