//! From NATS messages to recorded events and back.

use crate::error::{Error, Result};
use async_nats::{HeaderMap, HeaderName, HeaderValue};
use chrono::{DateTime, Utc};
use contracts::{Envelope, RecordedEvent};
use std::str::FromStr;

/// Where a message stands in its stream.
pub(crate) struct Position<'a> {
    pub(crate) sequence: u64,
    pub(crate) subject: &'a str,
    pub(crate) recorded_at: DateTime<Utc>,
}

/// Headers of `envelope`, `Nats-Msg-Id` included.
pub(crate) fn headers(envelope: &Envelope) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in envelope.to_headers() {
        insert(&mut headers, name, &value)?;
    }
    Ok(headers)
}

/// Adds a header; one with a line break would forge others.
pub(crate) fn insert(headers: &mut HeaderMap, name: &str, value: &str) -> Result<()> {
    let invalid = || Error::Configuration(format!("header `{}` cannot be sent", name.escape_debug()));
    let name = HeaderName::from_str(name).map_err(|_| invalid())?;
    headers.insert(name, HeaderValue::from_str(value).map_err(|_| invalid())?);
    Ok(())
}

/// The first value of a header. `HeaderMap::get` would allocate for the name and panic at one that is none.
pub(crate) fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let (_, values) = headers.iter().find(|(candidate, _)| AsRef::<str>::as_ref(*candidate) == name)?;
    values.first().map(|value| value.as_str())
}

/// Reads an event; a message without a readable envelope is `Malformed`.
pub(crate) fn decode(position: Position<'_>, headers: Option<&HeaderMap>, payload: &[u8]) -> Result<RecordedEvent> {
    let header = |name: &str| headers.and_then(|headers| value(headers, name));
    let envelope = Envelope::from_headers(header).map_err(|error| Error::Malformed {
        sequence: position.sequence,
        subject: position.subject.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(RecordedEvent {
        sequence: position.sequence,
        recorded_at: position.recorded_at,
        envelope,
        payload: payload.to_vec(),
    })
}
