//! How much the gateway takes from its clients.

use service_runtime::EnvironmentReader;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

/// More than two cores answer: on loopback it only stops a loop that has gone wild.
const ON_LOOPBACK: &str = "50000";
/// Ten dashboards and a script.
const ELSEWHERE: &str = "500";

/// Limits on connections and requests. The defaults are those of a gateway on loopback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests per second of one client; none: without limit.
    pub requests_per_second: Option<NonZeroU32>,
    /// How long a client may take for the head of a request, and how long a connection may be idle.
    pub head_within: Duration,
    /// How long an answer may take to begin once the request is there, and how long its body may pause.
    pub answer_within: Duration,
    /// How long a body may take in all.
    pub body_within: Duration,
    /// Connections at once; further ones wait for a place.
    pub connections: usize,
    /// How often a watcher on a WebSocket hears a ping; one that is silent for three of them is gone.
    pub heartbeat: Duration,
}

impl Limits {
    /// Reads `GATEWAY_RATE_LIMIT`; 0 is no limit.
    pub fn read(bind: SocketAddr, variables: &mut EnvironmentReader) -> Self {
        let default = if bind.ip().is_loopback() { ON_LOOPBACK } else { ELSEWHERE };
        let per_second: u32 = variables.or_default("GATEWAY_RATE_LIMIT", default);
        Self { requests_per_second: NonZeroU32::new(per_second), ..Self::default() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_per_second: ON_LOOPBACK.parse().ok(),
            head_within: Duration::from_secs(30),
            answer_within: Duration::from_secs(30),
            // The largest upload at 600 kbit/s.
            body_within: Duration::from_secs(15 * 60),
            connections: 8192,
            heartbeat: Duration::from_secs(30),
        }
    }
}
