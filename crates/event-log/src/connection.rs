//! Connecting: two connections, endless reconnects, refused permissions made visible, server version probed.

use crate::backoff;
use crate::error::{Error, Result};
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event, ServerAddr, ServerError};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

/// The oldest nats-server whose atomic batches and strict requests this code relies on.
const OLDEST_SERVER: &str = "2.12.0";
/// How often a connection is tried; one that misses three answers is lost, although nothing has closed it.
const PING_EVERY: Duration = Duration::from_secs(3);
/// Refusals that a slow waiter may have pending.
const REFUSALS: usize = 64;

/// How to reach the event log.
#[derive(Clone, Debug)]
pub struct EventLogConfig {
    /// `nats://[user:password@|token@]host:port`, several separated by commas; the first user stands for all.
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
    /// The streams were there: if nobody answers for one, it has no leader at the moment.
    pub(crate) answered: AtomicBool,
    signals: Signals,
}

/// What the connections report beside the answers to requests.
#[derive(Clone)]
struct Signals {
    /// The server's words when it refused a permission.
    refusals: broadcast::Sender<Arc<str>>,
    /// How often a connection came up: whoever waits for an answer from before waits in vain.
    connects: watch::Sender<u64>,
}

impl EventLog {
    /// Connects, tries again while no server answers, and checks the server's version.
    ///
    /// # Errors
    /// `Unreachable` after [`EventLogConfig::connect_within`], `Refused` for wrong credentials, `ServerTooOld`,
    /// `Configuration` for an address or credentials file that cannot be read.
    pub async fn connect(config: EventLogConfig) -> Result<Self> {
        check_name(&config.name)?;
        let signals = Signals { refusals: broadcast::channel(REFUSALS).0, connects: watch::channel(0).0 };
        let deadline = Instant::now() + config.connect_within;
        let control = open(&config, "control", &signals, deadline).await?;
        check_version(&control.server_info().version)?;
        let bulk = open(&config, "bulk", &signals, deadline).await?;
        Ok(Self { inner: Arc::new(Inner { control, bulk, config, answered: AtomicBool::new(false), signals }) })
    }

    /// Waits until everything published so far, acknowledgements included, is on its way: call it before the process ends.
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
        Refusals { receiver: self.inner.signals.refusals.subscribe() }
    }

    /// Changes when a connection came up again.
    pub(crate) fn watch_connects(&self) -> watch::Receiver<u64> {
        self.inner.signals.connects.subscribe()
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

async fn open(config: &EventLogConfig, role: &str, signals: &Signals, deadline: Instant) -> Result<Client> {
    let not_an_address = |_| Error::Configuration(format!("NATS_URL `{}` is not an address", redacted(&config.url)));
    let parse = |address: &str| address.trim().parse::<ServerAddr>();
    let addresses = config.url.split(',').map(parse).collect::<Result<Vec<_>, _>>().map_err(not_an_address)?;
    let mut attempt = 0;
    loop {
        let options = with_user(options(config, role, signals.clone()).await?, &addresses);
        let error = match options.connect(addresses.as_slice()).await {
            Ok(client) => return Ok(client),
            Err(error) => error,
        };
        match error.kind() {
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

async fn options(config: &EventLogConfig, role: &str, signals: Signals) -> Result<ConnectOptions> {
    let name = format!("{}-{role}", config.name);
    let options = ConnectOptions::new()
        .name(&name)
        .custom_inbox_prefix(format!("_INBOX.{}", config.name))
        .request_timeout(Some(config.request_timeout))
        .ping_interval(PING_EVERY)
        .reconnect_delay_callback(|attempt| backoff::delay(u32::try_from(attempt).unwrap_or(u32::MAX)))
        .event_callback(move |event| {
            report(&name, event, &signals);
            std::future::ready(())
        });
    let Some(path) = &config.credentials else { return Ok(options) };
    options
        .credentials_file(path)
        .await
        .map_err(|error| Error::Configuration(format!("NATS_CREDENTIALS {} cannot be read: {error}", path.display())))
}

/// async-nats leaves the user in an address unused.
fn with_user(options: ConnectOptions, addresses: &[ServerAddr]) -> ConnectOptions {
    let user = addresses.iter().find_map(|address| Some((address.username()?, address.password())));
    match user {
        Some((user, Some(password))) => options.user_and_password(user.to_owned(), password.to_owned()),
        Some((token, None)) => options.token(token.to_owned()),
        None => options,
    }
}

fn report(connection: &str, event: Event, signals: &Signals) {
    match event {
        Event::Connected => {
            tracing::debug!(nats.connection = connection, "connected to nats-server");
            signals.connects.send_modify(|connects| *connects += 1);
        }
        Event::Closed => tracing::debug!(nats.connection = connection, "closed, as asked"),
        Event::Disconnected => tracing::warn!(nats.connection = connection, "lost nats-server, reconnecting"),
        Event::ServerError(ServerError::Other(text)) if text.to_lowercase().contains("permissions violation") => {
            tracing::error!(nats.connection = connection, "nats-server refused a permission: {text}");
            // Nobody waiting is fine: the log line above is then all there is to say.
            let _ = signals.refusals.send(Arc::from(text));
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
