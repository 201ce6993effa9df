//! One publish and its acknowledgement: the request every append, command and segment goes through.

use crate::backoff;
use crate::connection::EventLog;
use crate::definitions::{CONSUMER_NOT_FOUND, STREAM_NOT_FOUND};
use crate::error::{Error, Result};
use async_nats::client::Request;
use async_nats::jetstream::stream::{ConsumerError, ConsumerErrorKind};
use async_nats::{Client, HeaderMap, Message, RequestErrorKind};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::ops::RangeInclusive;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::time::Instant;

const WRONG_LAST_SEQUENCE: u64 = 10071;
/// The same refusal as the server words it when another write is in flight.
const WRONG_LAST_SEQUENCE_CONSTANT: u64 = 10164;
const DUPLICATE_IN_BATCH: u64 = 10201;
const STORE_FAILED: u64 = 10077;
const RESOURCES_EXCEEDED: u64 = 10002;
pub(crate) const STORAGE_EXCEEDED: u64 = 10047;
const MESSAGE_TOO_LARGE: u64 = 10054;
const BATCH_INCOMPLETE: u64 = 10176;
/// An earlier attempt of the same message is still being replicated.
const DUPLICATE_IN_PROCESS: u64 = 10158;
/// What a cluster says that has no leader, or not all its servers, at the moment.
const UNSETTLED: RangeInclusive<u64> = 10004..=10009;
const ABSENT: [u64; 2] = [STREAM_NOT_FOUND, CONSUMER_NOT_FOUND];
const TOO_MANY_BATCHES: [u64; 2] = [10210, 10211];

/// A stream that nobody has seen yet may have no leader for a moment after a restart, or not exist. One that was there has lost
/// its leader, and waits for another one as for a server.
const ABSENT_STREAM_PATIENCE: Duration = Duration::from_secs(3);

/// How long the answer to a request may take once the connection is back.
const ANSWER_AFTER_RECONNECT: Duration = Duration::from_secs(1);

/// A message ready to be sent.
#[derive(Clone)]
pub(crate) struct Publication {
    pub(crate) subject: String,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Bytes,
}

/// What the server said about a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Stored { sequence: u64, duplicate: bool },
    WrongLastSequence,
    DuplicateInBatch,
}

#[derive(Deserialize)]
struct PubAck {
    #[serde(default)]
    stream: String,
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    duplicate: bool,
    error: Option<ApiError>,
}

#[derive(Deserialize)]
struct ApiError {
    #[serde(default)]
    code: u64,
    #[serde(default)]
    err_code: u64,
    #[serde(default)]
    description: String,
}

impl EventLog {
    /// Publishes once and waits for the acknowledgement.
    pub(crate) async fn publish_once(&self, client: &Client, publication: Publication) -> Result<Verdict> {
        let (subject, bytes) = (publication.subject, publication.payload.len());
        let request = Request::new().payload(publication.payload).headers(publication.headers);
        let verdict = self.request(client, &subject, request).await.and_then(|it| read_verdict(&subject, &it.payload));
        if verdict.is_ok() {
            self.inner.answered.store(true, Relaxed);
        }
        verdict.map_err(|error| match error {
            Error::TooLarge { limit, .. } => Error::TooLarge { bytes, limit },
            other => other,
        })
    }

    /// Calls the JetStream API with a JSON body, repeating over outages.
    pub(crate) async fn api<T: DeserializeOwned>(&self, call: &str, body: &Value) -> Result<T> {
        let subject = format!("$JS.API.{call}");
        let answer = self.retrying(|| async {
            let request = Request::new().payload(Bytes::from(body.to_string()));
            let answer = self.request(&self.inner.control, &subject, request).await.map_err(no_jetstream)?;
            read_answer(call, &answer.payload)
        });
        serde_json::from_value(answer.await?).map_err(|error| Error::unavailable(call, error))
    }

    /// Repeats `attempt` over outages for [`crate::EventLogConfig::retry_for`].
    pub(crate) async fn retrying<T, F: Future<Output = Result<T>>>(&self, attempt: impl Fn() -> F) -> Result<T> {
        let started = Instant::now();
        let mut absent_since = None;
        let mut attempts = 0;
        loop {
            let error = match attempt().await {
                Err(error) if started.elapsed() < self.patience(&error) => error,
                Err(error) if self.is_being_made(&error, &mut absent_since) => error,
                done => return done,
            };
            tracing::warn!(attempts, "trying again: {error}");
            backoff::wait(attempts).await;
            attempts += 1;
        }
    }

    /// Completes when an answer that did not come by then was lost with its connection. async-nats itself would wait
    /// for the whole time-out; requests that were queued meanwhile still get their answer.
    pub(crate) async fn answer_lost(&self) {
        let mut connects = self.watch_connects();
        // The sender lives as long as this event log.
        let _ = connects.changed().await;
        tokio::time::sleep(ANSWER_AFTER_RECONNECT).await;
    }

    /// For how long an error is worth another attempt.
    fn patience(&self, error: &Error) -> Duration {
        match error {
            Error::Unavailable { .. } => self.inner.config.retry_for,
            Error::Missing { .. } | Error::NoJetStream if self.inner.answered.load(Relaxed) => {
                self.inner.config.retry_for
            }
            _ => Duration::ZERO,
        }
    }

    /// Whether a stream that nobody has seen yet may come. The time before the server said that it is not there does not count: a cluster
    /// that has just started says nothing until it has a leader.
    fn is_being_made(&self, error: &Error, absent_since: &mut Option<Instant>) -> bool {
        let patience = self.inner.config.retry_for.min(ABSENT_STREAM_PATIENCE);
        matches!(error, Error::Missing { .. }) && absent_since.get_or_insert_with(Instant::now).elapsed() < patience
    }

    pub(crate) async fn request(&self, client: &Client, subject: &str, request: Request) -> Result<Message> {
        let mut refusals = self.watch_refusals();
        let answer = tokio::select! {
            biased;
            answer = client.send_request(subject.to_owned(), request) => answer,
            refusal = refusals.of(subject) => return Err(refusal),
            () = self.answer_lost() => return Err(Error::unavailable(subject, "the connection was lost")),
        };
        answer.map_err(|error| match error.kind() {
            RequestErrorKind::NoResponders => Error::Missing { what: "stream for", name: subject.to_owned() },
            RequestErrorKind::InvalidSubject => Error::Configuration(format!("`{subject}` is not a subject")),
            RequestErrorKind::MaxPayloadExceeded => Error::TooLarge { bytes: 0, limit: client.max_payload() },
            _ => Error::unavailable(subject, error),
        })
    }
}

/// Reads a publish acknowledgement (ADR-1, ADR-50).
fn read_verdict(subject: &str, payload: &[u8]) -> Result<Verdict> {
    let ack: PubAck = serde_json::from_slice(payload).map_err(|error| Error::unavailable(subject, error))?;
    let Some(error) = ack.error else { return Ok(Verdict::Stored { sequence: ack.seq, duplicate: ack.duplicate }) };
    let reason = error.description;
    match error.err_code {
        WRONG_LAST_SEQUENCE | WRONG_LAST_SEQUENCE_CONSTANT => Ok(Verdict::WrongLastSequence),
        DUPLICATE_IN_BATCH => Ok(Verdict::DuplicateInBatch),
        STORE_FAILED if reason.contains("maximum") => Err(Error::StreamFull { stream: ack.stream, reason }),
        RESOURCES_EXCEEDED | STORAGE_EXCEEDED => Err(Error::StreamFull { stream: ack.stream, reason }),
        MESSAGE_TOO_LARGE => {
            Err(Error::Rejected { operation: format!("publish to {subject}"), code: MESSAGE_TOO_LARGE, reason })
        }
        BATCH_INCOMPLETE | DUPLICATE_IN_PROCESS => Err(Error::unavailable(subject, reason)),
        code if TOO_MANY_BATCHES.contains(&code) || error.code >= 500 => Err(Error::unavailable(subject, reason)),
        code => Err(Error::Rejected { operation: format!("publish to {subject}"), code, reason }),
    }
}

/// Reads an answer of the JetStream API.
fn read_answer(call: &str, payload: &[u8]) -> Result<Value> {
    let answer: Value = serde_json::from_slice(payload).map_err(|error| Error::unavailable(call, error))?;
    let Some(error) = answer.get("error") else { return Ok(answer) };
    let error: ApiError = serde_json::from_value(error.clone()).map_err(|error| Error::unavailable(call, error))?;
    match error.err_code {
        code if UNSETTLED.contains(&code) => Err(Error::unavailable(call, error.description)),
        code => Err(Error::Rejected { operation: call.to_owned(), code, reason: error.description }),
    }
}

/// What async-nats says about a consumer that cannot be had.
pub(crate) fn consumer_error(operation: &str, error: &ConsumerError) -> Error {
    match error.kind() {
        ConsumerErrorKind::JetStream(refusal) if ABSENT.contains(&refusal.error_code().0) => {
            Error::Missing { what: "stream or consumer", name: operation.to_owned() }
        }
        ConsumerErrorKind::JetStream(refusal) if UNSETTLED.contains(&refusal.error_code().0) => {
            Error::unavailable(operation, refusal)
        }
        ConsumerErrorKind::JetStream(refusal) if refusal.code() < 500 => {
            let reason = refusal.to_string();
            Error::Rejected { operation: operation.to_owned(), code: refusal.error_code().0, reason }
        }
        _ => Error::unavailable(operation, error),
    }
}

/// An API subject without anyone behind it means that JetStream is off.
fn no_jetstream(error: Error) -> Error {
    match error {
        Error::Missing { .. } => Error::NoJetStream,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(json: &str) -> Result<Verdict> {
        read_verdict("s", json.as_bytes())
    }

    fn refusal(code: u64, err_code: u64, text: &str) -> String {
        format!(r#"{{"error":{{"code":{code},"err_code":{err_code},"description":"{text}"}},"stream":"S","seq":0}}"#)
    }

    #[test]
    fn acknowledgements_and_refusals_are_told_apart() {
        let stored = |duplicate| Verdict::Stored { sequence: 7, duplicate };
        assert_eq!(verdict(r#"{"stream":"S","seq":7}"#).unwrap(), stored(false));
        assert_eq!(verdict(r#"{"stream":"S","seq":7,"duplicate":true}"#).unwrap(), stored(true));
        assert_eq!(verdict(&refusal(400, 10071, "wrong last sequence: 2")).unwrap(), Verdict::WrongLastSequence);
        assert_eq!(verdict(&refusal(400, 10164, "wrong last sequence")).unwrap(), Verdict::WrongLastSequence);
        assert_eq!(verdict(&refusal(400, 10201, "duplicate")).unwrap(), Verdict::DuplicateInBatch);
        assert!(matches!(verdict(&refusal(503, 10077, "maximum bytes exceeded")), Err(Error::StreamFull { .. })));
        assert!(matches!(verdict(&refusal(503, 10008, "unavailable")), Err(Error::Unavailable { .. })));
        assert!(matches!(verdict(&refusal(400, 10060, "no match")), Err(Error::Rejected { code: 10060, .. })));
        assert!(matches!(verdict("not json"), Err(Error::Unavailable { .. })));
    }
}
