//! Single events of the log: one by its sequence, the last of a subject, one by its id.
//!
//! The leader is asked for them (`STREAM.MSG.GET`): replicas may not have heard of the last events yet (docs/adr/0008).

use crate::connection::EventLog;
use crate::definitions::{STREAM_NOT_FOUND, StreamName};
use crate::error::{Error, Result};
use crate::record::{self, Position};
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::RawMessage;
use contracts::RecordedEvent;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) const NO_MESSAGE_FOUND: u64 = 10037;

#[derive(Deserialize)]
struct Found {
    message: RawMessage,
}

impl EventLog {
    /// The event at `sequence` of the log.
    pub async fn event_at(&self, sequence: u64) -> Result<Option<RecordedEvent>> {
        let found = self.message(StreamName::Events, json!({ "seq": sequence })).await?;
        found.as_ref().map(decode_stored).transpose()
    }

    /// The last event on any subject that `filter` matches.
    pub async fn last_event(&self, filter: &str) -> Result<Option<RecordedEvent>> {
        self.last_message(filter).await?.as_ref().map(decode_stored).transpose()
    }

    /// The sequence of [`EventLog::last_event`], 0 when there is none: the version to expect in an append.
    pub async fn last_sequence_of(&self, filter: &str) -> Result<u64> {
        Ok(self.last_message(filter).await?.map_or(0, |message| message.sequence))
    }

    /// The sequence of the event with `id` on `subject` after `sequence`.
    pub(crate) async fn find(&self, subject: &str, id: Uuid, sequence: u64) -> Result<Option<u64>> {
        // The usual case, a lost acknowledgement, is the last message of the subject.
        match self.last_event(subject).await {
            Ok(Some(last)) if last.envelope.id == id => return Ok(Some(last.sequence)),
            Ok(None) => return Ok(None),
            Ok(Some(_)) | Err(Error::Malformed { .. }) => {}
            Err(error) => return Err(error),
        }
        let events = self.load_after(subject, sequence).await?;
        Ok(events.iter().find(|event| event.envelope.id == id).map(|event| event.sequence))
    }

    async fn last_message(&self, filter: &str) -> Result<Option<StreamMessage>> {
        self.message(StreamName::Events, json!({ "last_by_subj": filter })).await
    }

    /// One message of any stream, from its leader; `None` when there is none.
    pub(crate) async fn message(&self, stream: StreamName, query: Value) -> Result<Option<StreamMessage>> {
        let call = format!("STREAM.MSG.GET.{stream}");
        match self.api::<Found>(&call, &query).await {
            Ok(found) => Ok(Some(found.message.try_into().map_err(|error| Error::unavailable(call, error))?)),
            Err(Error::Rejected { code: NO_MESSAGE_FOUND, .. }) => Ok(None),
            Err(Error::Rejected { code: STREAM_NOT_FOUND, .. }) => {
                Err(Error::Missing { what: "stream", name: stream.to_string() })
            }
            Err(error) => Err(error),
        }
    }
}

fn decode_stored(message: &StreamMessage) -> Result<RecordedEvent> {
    let position = Position { sequence: message.sequence, subject: &message.subject, recorded_at: message.time };
    record::decode(position, Some(&message.headers), &message.payload)
}
