//! From a message to a command with an identity: reads the envelope, or fills it in for a bare publish.
//!
//! The command's id is its `ce-id` or `Nats-Msg-Id` when that is a UUID. Otherwise it is derived from where the message
//! stands in its stream, so that every delivery of it has the same id. A `ce-id` that is no UUID is a reason to reject it, which
//! quotes it: under the derived id nobody would wait for the outcome.

use chrono::{DateTime, SecondsFormat, Utc};
use contracts::validation::unknown_command;
use contracts::{Command, CommandId, Envelope, Reason, subjects};
use uuid::Uuid;

/// A command as it came in, readable or not.
#[derive(Debug)]
pub struct Incoming {
    pub id: CommandId,
    /// `<aggregate>.<verb>` as sent, at most 120 characters.
    pub name: String,
    /// The cause of every event that the command leads to.
    pub envelope: Envelope,
    pub command: Result<Command, Vec<Reason>>,
}

/// A message of the command stream.
pub struct RawCommand<'a> {
    pub subject: &'a str,
    pub payload: &'a [u8],
    /// When its stream was created.
    pub stream_identity: DateTime<Utc>,
    pub sequence: u64,
    pub recorded_at: DateTime<Utc>,
}

/// Reads a message; `header` looks one up by name. Nothing is refused here: what is wrong stands in `command`.
pub fn read<'a>(raw: &RawCommand<'_>, header: impl Fn(&str) -> Option<&'a str>) -> Incoming {
    let id = command_id(raw, &header);
    let name = name(raw.subject);
    let bare = Envelope {
        id: id.0,
        source: "/client".to_owned(),
        kind: format!("patrol.{name}.v1"),
        time: raw.recorded_at,
        subject: None,
        correlation_id: Some(id.0),
        causation_id: None,
        traceparent: header("traceparent").map(str::to_owned),
    };
    let (envelope, header_reason) = match complete(&bare, header) {
        Ok(envelope) => (envelope, None),
        Err(reason) => (bare, Some(reason)),
    };
    let command = match (decode(raw), header_reason) {
        (Ok(_), Some(reason)) => Err(vec![reason]),
        (Err(reasons), Some(reason)) => Err([vec![reason], reasons].concat()),
        (decoded, None) => decoded,
    };
    Incoming { id, name, envelope, command }
}

fn decode(raw: &RawCommand<'_>) -> Result<Command, Vec<Reason>> {
    match subjects::parse_command(raw.subject) {
        Some((aggregate, verb)) => Command::decode(aggregate, verb, raw.payload),
        None => Err(vec![unknown_command(&name(raw.subject), "")]),
    }
}

fn command_id<'a>(raw: &RawCommand<'_>, header: impl Fn(&str) -> Option<&'a str>) -> CommandId {
    let given = ["ce-id", "Nats-Msg-Id"].into_iter().find_map(|name| header(name)?.parse().ok());
    given.unwrap_or_else(|| {
        let stream = raw.stream_identity.to_rfc3339_opts(SecondsFormat::Nanos, true);
        let place = format!("patrol-commands/{stream}/{}", raw.sequence);
        CommandId(Uuid::new_v5(&Uuid::NAMESPACE_OID, place.as_bytes()))
    })
}

fn name(subject: &str) -> String {
    let sent = subject.strip_prefix("patrol.cmd.").unwrap_or(subject);
    sent.chars().filter(|c| !c.is_control()).take(120).collect()
}

/// What the headers say; for those that are absent, what `bare` says. A header that is present has to be right.
fn complete<'a>(bare: &Envelope, header: impl Fn(&str) -> Option<&'a str>) -> Result<Envelope, Reason> {
    let wrong = |message: String| Reason::new("", "invalid_header", message);
    let (id, time) = (bare.id.to_string(), bare.time.to_rfc3339_opts(SecondsFormat::Micros, true));
    let found = Envelope::from_headers(|name| match (name, header(name)) {
        (_, Some(value)) => Some(value),
        ("ce-id", None) => Some(&id),
        ("ce-specversion", None) => Some(contracts::envelope::SPEC_VERSION),
        ("ce-source", None) => Some(&bare.source),
        ("ce-type", None) => Some(&bare.kind),
        ("ce-time", None) => Some(&time),
        _ => None,
    });
    let mut envelope = found.map_err(|error| wrong(error.to_string()))?;
    if envelope.kind != bare.kind {
        let sent: String = envelope.kind.chars().take(120).collect();
        return Err(wrong(format!("header `ce-type` is `{sent}`, but the subject means `{}`", bare.kind)));
    }
    envelope.correlation_id = envelope.correlation_id.or(bare.correlation_id);
    Ok(envelope)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &[u8] = br#"{"total_timesteps": 1000}"#;

    fn raw<'a>(subject: &'a str, payload: &'a [u8]) -> RawCommand<'a> {
        let time = DateTime::UNIX_EPOCH;
        RawCommand { subject, payload, stream_identity: time, sequence: 5, recorded_at: time }
    }

    fn read_with(headers: &[(&str, &'static str)]) -> Incoming {
        read(&raw("patrol.cmd.run.start", START), |name| headers.iter().find(|(n, _)| *n == name).map(|(_, v)| *v))
    }

    #[test]
    fn a_bare_publish_gets_an_envelope_and_the_same_id_every_time() {
        let (first, again) = (read_with(&[]), read_with(&[]));
        assert_eq!(first.envelope, again.envelope);
        assert_eq!(first.envelope.kind, "patrol.run.start.v1");
        assert_eq!(first.envelope.correlation_id, Some(first.id.0));
        assert!(first.command.is_ok());
        let mut other = raw("patrol.cmd.run.start", START);
        other.sequence = 6;
        assert_ne!(read(&other, |_| None).id, first.id);
    }

    #[test]
    fn a_clients_id_is_the_commands_id() {
        let id = "018f0000-0000-7000-8000-000000000001";
        assert_eq!(read_with(&[("Nats-Msg-Id", id)]).id.to_string(), id);
        let both = [("ce-id", id), ("Nats-Msg-Id", "018f0000-0000-7000-8000-000000000002")];
        assert_eq!(read_with(&both).id.to_string(), id);
        assert_eq!(read_with(&[("Nats-Msg-Id", "mine")]).id, read_with(&[]).id);
    }

    #[test]
    fn a_header_that_is_present_has_to_be_right() {
        for (name, value) in [
            ("ce-id", "job-17"),
            ("ce-specversion", "0.3"),
            ("ce-time", "yesterday"),
            ("ce-type", "patrol.run.stop.v1"),
            ("ce-correlationid", "seven"),
        ] {
            let incoming = read_with(&[(name, value)]);
            let reasons = incoming.command.expect_err(name);
            assert_eq!(reasons[0].code, "invalid_header");
            assert!(reasons[0].message.contains(name) && reasons[0].message.contains(value), "{}", reasons[0].message);
            assert_eq!(incoming.id, read_with(&[]).id);
        }
    }

    #[test]
    fn a_subject_that_is_no_command_is_named() {
        for subject in ["patrol.cmd.run.start.now", "patrol.cmd.run", "patrol.cmd.run.fly"] {
            let incoming = read(&raw(subject, START), |_| None);
            let reasons = incoming.command.expect_err(subject);
            assert_eq!(reasons[0].code, "unknown_command");
            assert!(reasons[0].message.contains(&incoming.name), "{}", reasons[0].message);
        }
    }
}
