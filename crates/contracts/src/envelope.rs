//! CloudEvents 1.0 in the NATS binding's binary mode: the attributes are headers, the payload is the JSON data.
//!
//! Source: CloudEvents specification 1.0.2 and its NATS protocol binding 1.0.2.

use crate::events::{Event, EventError};
use crate::ids::{CommandId, EventId, RunId};
use chrono::{DateTime, SecondsFormat, Utc};
use uuid::Uuid;

/// Attributes that travel as headers beside the payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// `ce-id`, equal to `Nats-Msg-Id`.
    pub id: Uuid,
    /// `ce-source`: the service that wrote it, `/patrol/<service>`.
    pub source: String,
    /// `ce-type`: `patrol.<aggregate>.<event>.v<version>` or `patrol.<aggregate>.<verb>.v<version>`.
    pub kind: String,
    /// `ce-time`, RFC 3339.
    pub time: DateTime<Utc>,
    /// `ce-subject`: the run it is about.
    pub subject: Option<String>,
    /// `ce-correlationid`: the command that began it all.
    pub correlation_id: Option<Uuid>,
    /// `ce-causationid`: the command or event that directly caused it.
    pub causation_id: Option<Uuid>,
    /// W3C Trace Context.
    pub traceparent: Option<String>,
}

/// A header that is absent or cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    #[error("header `{0}` is missing")]
    Missing(&'static str),
    #[error("header `{name}` cannot be read: `{value}` is not {expected}")]
    Invalid { name: &'static str, value: String, expected: &'static str },
}

/// The CloudEvents version that this code writes and reads.
pub const SPEC_VERSION: &str = "1.0";

impl Envelope {
    /// An envelope for `event`, caused by nothing yet.
    pub fn for_event(event: &Event, id: EventId, source: &str, time: DateTime<Utc>) -> Self {
        Self {
            id: id.0,
            source: format!("/patrol/{source}"),
            kind: event.kind(),
            time,
            subject: event.run_id().map(|run| run.to_string()),
            correlation_id: None,
            causation_id: None,
            traceparent: None,
        }
    }

    /// An envelope for a command with the ce-type `kind`.
    pub fn for_command(kind: String, id: CommandId, source: &str, time: DateTime<Utc>, run: Option<RunId>) -> Self {
        Self {
            id: id.0,
            source: format!("/patrol/{source}"),
            kind,
            time,
            subject: run.map(|run| run.to_string()),
            correlation_id: Some(id.0),
            causation_id: None,
            traceparent: None,
        }
    }

    /// The same envelope as the direct consequence of `cause`: correlation and trace are inherited.
    pub fn caused_by(mut self, cause: &Envelope) -> Self {
        self.causation_id = Some(cause.id);
        self.correlation_id = cause.correlation_id.or(Some(cause.id));
        self.traceparent = cause.traceparent.clone();
        self
    }

    /// Header names and values, `Nats-Msg-Id` included.
    pub fn to_headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("Nats-Msg-Id", self.id.to_string()),
            ("ce-specversion", SPEC_VERSION.to_owned()),
            ("ce-id", self.id.to_string()),
            ("ce-source", self.source.clone()),
            ("ce-type", self.kind.clone()),
            ("ce-time", self.time.to_rfc3339_opts(SecondsFormat::Micros, true)),
        ];
        let optional = [
            ("ce-subject", self.subject.clone()),
            ("ce-correlationid", self.correlation_id.map(|id| id.to_string())),
            ("ce-causationid", self.causation_id.map(|id| id.to_string())),
            ("traceparent", self.traceparent.clone()),
        ];
        headers.extend(optional.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))));
        headers
    }

    /// Reads an envelope from headers; `header` looks one up by name.
    pub fn from_headers<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Result<Self, EnvelopeError> {
        let text = |name: &'static str| header(name).ok_or(EnvelopeError::Missing(name));
        let version = text("ce-specversion")?;
        if version != SPEC_VERSION {
            return Err(invalid("ce-specversion", version, "CloudEvents version 1.0"));
        }
        let time = text("ce-time")?;
        Ok(Self {
            id: read_uuid("ce-id", text("ce-id")?)?,
            source: text("ce-source")?.to_owned(),
            kind: text("ce-type")?.to_owned(),
            time: DateTime::parse_from_rfc3339(time)
                .map_err(|_| invalid("ce-time", time, "an RFC 3339 time"))?
                .with_timezone(&Utc),
            subject: header("ce-subject").map(str::to_owned),
            correlation_id: header("ce-correlationid").map(|id| read_uuid("ce-correlationid", id)).transpose()?,
            causation_id: header("ce-causationid").map(|id| read_uuid("ce-causationid", id)).transpose()?,
            traceparent: header("traceparent").map(str::to_owned),
        })
    }
}

/// An event as it stands in the log.
#[derive(Clone, Debug)]
pub struct RecordedEvent {
    /// Its sequence in `PATROL_EVENTS`.
    pub sequence: u64,
    /// When the server stored it.
    pub recorded_at: DateTime<Utc>,
    pub envelope: Envelope,
    /// Its payload as stored, with any field that this version does not know.
    pub payload: Vec<u8>,
}

impl RecordedEvent {
    /// The typed view, brought to the current version by the upcasters.
    pub fn event(&self) -> Result<Event, EventError> {
        Event::decode(&self.envelope.kind, &self.payload)
    }
}

fn read_uuid(name: &'static str, value: &str) -> Result<Uuid, EnvelopeError> {
    Uuid::parse_str(value).map_err(|_| invalid(name, value, "a UUID"))
}

fn invalid(name: &'static str, value: &str, expected: &'static str) -> EnvelopeError {
    let value = value.chars().take(80).collect();
    EnvelopeError::Invalid { name, value, expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope() -> Envelope {
        Envelope {
            id: Uuid::from_u128(1),
            source: "/patrol/ingest".into(),
            kind: "patrol.run.started.v1".into(),
            time: DateTime::from_timestamp_micros(1_700_000_000_123_456).expect("a valid time"),
            subject: Some("x".into()),
            correlation_id: Some(Uuid::from_u128(2)),
            causation_id: None,
            traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".into()),
        }
    }

    fn read(headers: &[(&'static str, String)]) -> Result<Envelope, EnvelopeError> {
        Envelope::from_headers(|name| headers.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str()))
    }

    #[test]
    fn headers_round_trip() {
        assert_eq!(read(&envelope().to_headers()), Ok(envelope()));
    }

    #[test]
    fn each_missing_or_broken_header_is_named() {
        let mut headers = envelope().to_headers();
        headers.retain(|(name, _)| *name != "ce-type");
        assert_eq!(read(&headers), Err(EnvelopeError::Missing("ce-type")));
        let mut headers = envelope().to_headers();
        headers[2].1 = "seven".into();
        assert!(read(&headers).unwrap_err().to_string().contains("`ce-id` cannot be read: `seven` is not a UUID"));
    }

    #[test]
    fn a_consequence_inherits_correlation_and_trace() {
        let child = Envelope { id: Uuid::from_u128(9), traceparent: None, ..envelope() }.caused_by(&envelope());
        assert_eq!(child.causation_id, Some(Uuid::from_u128(1)));
        assert_eq!(child.correlation_id, Some(Uuid::from_u128(2)));
        assert_eq!(child.traceparent, envelope().traceparent);
    }
}
