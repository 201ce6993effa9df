//! Connecting: two connections, endless reconnects, refused permissions made visible, server version probed.

use crate::backoff;
use crate::error::{Error, Result};
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, ServerError};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::time::Instant;

/// The oldest nats-server whose atomic batches and strict requests this code relies on.
const OLDEST_SERVER: &str = "2.12.0";
/// Refusals that a slow waiter may have pending.
const REFUSALS: usize = 64;

/// How to reach the event log.
#[derive(Clone, Debug)]
pub struct EventLogConfig {
    /// `nats://[user:password@]host:port`, several separated by commas.
    pub url: String,
    /// A `.creds` file (JWT and NKey seed).
    pub credentials: Option<PathBuf>,
    /// Name of this service: shown by the server, and part of its inboxes `_INBOX.<name>.>`.
    pub name: String,
    /// How long [`EventLog::connect`] tries to reach a server that does not answer.
    pub connect_within: Duration,
    /// How long a call repeats itself over an outage before it returns a retryable error.
    pub retry_for: Duration,
    /// How long one attempt waits for the server's answer.
    pub request_timeout: Duration,
}

impl EventLogConfig {
    /// Defaults: 10 s to connect, outages of 60 s bridged, 5 s per attempt.
    pub fn new(url: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            credentials: None,
            name: name.into(),
            connect_within: Duration::from_secs(10),
            retry_for: Duration::from_secs(60),
            request_timeout: Duration::from_secs(5),
        }
    }
}

/// The event log. Cheap to clone.
#[derive(Clone)]
pub struct EventLog {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    /// Appends, acknowledgements, heartbeats, requests.
    pub(crate) control: Client,
    /// Trajectories and replays.
    pub(crate) bulk: Client,
    pub(crate) config: EventLogConfig,
    refusals: broadcast::Sender<Arc<str>>,
}

impl EventLog {
    /// Connects, tries again while no server answers, and checks the server's version.
    ///
    /// # Errors
    /// `Unreachable` after [`EventLogConfig::connect_within`], `Refused` for wrong credentials, `ServerTooOld`,
    /// `Configuration` for an address or credentials file that cannot be read.
    pub async fn connect(config: EventLogConfig) -> Result<Self> {
        check_name(&config.name)?;
        let (refusals, _) = broadcast::channel(REFUSALS);
        let deadline = Instant::now() + config.connect_within;
        let control = open(&config, "control", &refusals, deadline).await?;
        check_version(&control.server_info().version)?;
        let bulk = open(&config, "bulk", &refusals, deadline).await?;
        Ok(Self { inner: Arc::new(Inner { control, bulk, config, refusals }) })
    }

    /// Waits until everything published so far, acknowledgements included, has reached the server.
    pub async fn flush(&self) -> Result<()> {
        for client in [&self.inner.control, &self.inner.bulk] {
            let flushed = tokio::time::timeout(self.inner.config.request_timeout, client.flush()).await;
            flushed
                .map_err(|_| Error::unavailable("flush", "timed out"))?
                .map_err(|e| Error::unavailable("flush", e))?;
        }
        Ok(())
    }

    /// Whether both connections are up right now.
    pub fn is_connected(&self) -> bool {
        let connected = |client: &Client| client.connection_state() == async_nats::connection::State::Connected;
        connected(&self.inner.control) && connected(&self.inner.bulk)
    }

    /// The server's version, e.g. `2.15.1`.
    pub fn server_version(&self) -> String {
        self.inner.control.server_info().version
    }

    /// Bytes that one message, headers included, may have.
    pub fn max_payload(&self) -> usize {
        self.inner.control.max_payload()
    }

    /// Returns the server's words as soon as it refuses `subject` or one of our inboxes.
    ///
    /// The server reports a refusal beside the request, which itself would just time out.
    pub(crate) fn watch_refusals(&self) -> Refusals {
        Refusals { receiver: self.inner.refusals.subscribe() }
    }
}

/// Refusals from the moment of its creation on.
pub(crate) struct Refusals {
    receiver: broadcast::Receiver<Arc<str>>,
}

impl Refusals {
    /// Completes when `subject` was refused; never otherwise.
    pub(crate) async fn of(&mut self, subject: &str) -> Error {
        let quoted = format!("\"{subject}\"").to_lowercase();
        loop {
            match self.receiver.recv().await {
                Ok(text) if concerns(&text, &quoted) => {
                    return Error::Refused { subject: subject.to_owned(), reason: text.to_string() };
                }
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}

fn concerns(refusal: &str, quoted_subject: &str) -> bool {
    let refusal = refusal.to_lowercase();
    refusal.contains(quoted_subject) || (refusal.contains("subscription") && refusal.contains("_inbox"))
}

async fn open(
    config: &EventLogConfig,
    role: &str,
    refusals: &broadcast::Sender<Arc<str>>,
    deadline: Instant,
) -> Result<Client> {
    let addresses: Vec<&str> = config.url.split(',').map(str::trim).collect();
    let mut attempt = 0;
    loop {
        let options = options(config, role, refusals.clone()).await?;
        let error = match options.connect(addresses.as_slice()).await {
            Ok(client) => return Ok(client),
            Err(error) => error,
        };
        match error.kind() {
            ConnectErrorKind::ServerParse => {
                return Err(Error::Configuration(format!("NATS_URL `{}` is not an address", redacted(&config.url))));
            }
            ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
                return Err(Error::Refused { subject: "connect".into(), reason: error.to_string() });
            }
            _ if Instant::now() >= deadline => {
                return Err(Error::Unreachable { url: redacted(&config.url), reason: error.to_string() });
            }
            _ => backoff::wait(attempt).await,
        }
        attempt += 1;
    }
}

async fn options(config: &EventLogConfig, role: &str, refusals: broadcast::Sender<Arc<str>>) -> Result<ConnectOptions> {
    let name = format!("{}-{role}", config.name);
    let options = ConnectOptions::new()
        .name(&name)
        .custom_inbox_prefix(format!("_INBOX.{}", config.name))
        .request_timeout(Some(config.request_timeout))
        .reconnect_delay_callback(|attempt| backoff::delay(u32::try_from(attempt).unwrap_or(u32::MAX)))
        .event_callback(move |event| {
            report(&name, event, &refusals);
            std::future::ready(())
        });
    let Some(path) = &config.credentials else { return Ok(options) };
    options
        .credentials_file(path)
        .await
        .map_err(|error| Error::Configuration(format!("NATS_CREDENTIALS {} cannot be read: {error}", path.display())))
}

fn report(connection: &str, event: Event, refusals: &broadcast::Sender<Arc<str>>) {
    match event {
        Event::Connected => tracing::debug!(nats.connection = connection, "connected to nats-server"),
        Event::Disconnected => tracing::warn!(nats.connection = connection, "lost nats-server, reconnecting"),
        Event::ServerError(ServerError::Other(text)) if text.to_lowercase().contains("permissions violation") => {
            tracing::error!(nats.connection = connection, "nats-server refused a permission: {text}");
            // Nobody waiting is fine: the log line above is then all there is to say.
            let _ = refusals.send(Arc::from(text));
        }
        other => tracing::warn!(nats.connection = connection, "nats: {other}"),
    }
}

fn check_name(name: &str) -> Result<()> {
    let valid = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    valid.then_some(()).ok_or_else(|| {
        Error::Configuration(format!("the service name `{name}` may hold letters, digits, `-` and `_` only"))
    })
}

fn check_version(found: &str) -> Result<()> {
    let too_old = || Error::ServerTooOld { found: found.to_owned(), needed: OLDEST_SERVER };
    (parse_version(found) >= parse_version(OLDEST_SERVER)).then_some(()).ok_or_else(too_old)
}

/// Major and minor version; `None`, which is older than any, when it cannot be read.
fn parse_version(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim_start_matches('v').split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

/// The address without a password.
fn redacted(url: &str) -> String {
    let hide = |address: &str| match (address.find("://"), address.rfind('@')) {
        (scheme, Some(at)) => {
            format!("{}***{}", &address[..scheme.map_or(0, |start| start + 3).min(at)], &address[at..])
        }
        _ => address.to_owned(),
    };
    url.split(',').map(hide).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number_and_unreadable_ones_are_too_old() {
        assert!(check_version("2.15.1").is_ok());
        assert!(check_version("2.12.0-beta.1").is_ok());
        assert!(check_version("2.9.10").is_err());
        assert!(check_version("3.0").is_ok());
        assert!(check_version("unknown").is_err());
    }

    #[test]
    fn passwords_stay_out_of_messages() {
        assert_eq!(redacted("nats://me:secret@host:4222"), "nats://***@host:4222");
        assert_eq!(redacted("nats://host:4222"), "nats://host:4222");
        assert_eq!(redacted("a:b@h,nats://c"), "***@h,nats://c");
    }
}
