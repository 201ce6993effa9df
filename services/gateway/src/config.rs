//! Configuration of the gateway.

use crate::limits::Limits;
use axum::http::HeaderValue;
use event_log::EventLogConfig;
use read_models::ReadModelsConfig;
use service_runtime::{EnvironmentReader, Secret};
use std::net::SocketAddr;
use std::time::Duration;

/// How long a command may take to reach the log before the client is told to try again later.
const COMMAND_RETRY: Duration = Duration::from_secs(4);
/// How long a request waits for a database connection.
const CONNECTION_WAIT: Duration = Duration::from_secs(5);

/// The dashboard, by either name of this machine.
const DASHBOARD: &str = "http://localhost:3000,http://127.0.0.1:3000";

#[derive(Clone, Debug)]
pub struct Config {
    pub bind: SocketAddr,
    /// Bearer token that every client must show; required on addresses other than loopback.
    pub token: Option<Secret>,
    /// Origins of browsers that may call; nothing else gets CORS headers.
    pub allowed_origins: Vec<HeaderValue>,
    pub limits: Limits,
    pub event_log: EventLogConfig,
    pub read_models: ReadModelsConfig,
    /// Where the archive and checkpoints are kept: `file:///absolute/folder` or `s3://bucket/prefix`.
    pub store_url: String,
}

impl Config {
    /// Reads `GATEWAY_BIND`, `GATEWAY_TOKEN`, `GATEWAY_ALLOWED_ORIGINS`, `GATEWAY_RATE_LIMIT`, `NATS_URL`,
    /// `NATS_CREDENTIALS`, `DATABASE_URL` and `PATROL_STORE_URL`.
    pub fn read(variables: &mut EnvironmentReader) -> Self {
        let bind: SocketAddr = variables.or_default("GATEWAY_BIND", "127.0.0.1:8000");
        let token = variables.secret("GATEWAY_TOKEN");
        if token.is_none() && !bind.ip().is_loopback() {
            let line =
                format!("GATEWAY_BIND: {bind} can be reached by others: set GATEWAY_TOKEN, or bind to 127.0.0.1");
            variables.mistake(line);
        }
        let origins: String = variables.or_default("GATEWAY_ALLOWED_ORIGINS", DASHBOARD);
        let mut event_log =
            EventLogConfig::new(variables.or_default::<String>("NATS_URL", "nats://127.0.0.1:4222"), "gateway");
        event_log.credentials = variables.optional("NATS_CREDENTIALS");
        event_log.retry_for = COMMAND_RETRY;
        let database: String = variables
            .required("DATABASE_URL", "the address of Postgres, postgres://user:password@host:port/database")
            .unwrap_or_default();
        let mut read_models = ReadModelsConfig::new(database, "gateway");
        read_models.acquire_within = CONNECTION_WAIT;
        let store_url =
            variables.required("PATROL_STORE_URL", "file:///absolute/folder or s3://bucket/prefix").unwrap_or_default();
        let limits = Limits::read(bind, variables);
        let allowed_origins = read_origins(&origins, variables);
        Self { bind, token, allowed_origins, limits, event_log, read_models, store_url }
    }
}

fn read_origins(list: &str, variables: &mut EnvironmentReader) -> Vec<HeaderValue> {
    let mut origins = Vec::new();
    for origin in list.split(',').map(str::trim).filter(|origin| !origin.is_empty()) {
        let plausible = origin.starts_with("http://") || origin.starts_with("https://");
        match HeaderValue::from_str(origin) {
            Ok(value) if plausible && !origin.ends_with('/') => origins.push(value),
            _ => variables.mistake(format!(
                "GATEWAY_ALLOWED_ORIGINS: `{origin}` is not an origin; write scheme://host:port without a path"
            )),
        }
    }
    origins
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(pairs: &[(&str, &str)]) -> Vec<String> {
        let needed = [("DATABASE_URL", "postgres://localhost/patrol"), ("PATROL_STORE_URL", "file:///store")];
        let mut variables = EnvironmentReader::from_pairs(needed.iter().chain(pairs).copied());
        Config::read(&mut variables);
        variables.finish().err().map(|error| error.mistakes).unwrap_or_default()
    }

    #[test]
    fn only_loopback_does_without_a_token() {
        assert_eq!(mistakes(&[]), [""; 0]);
        assert_eq!(mistakes(&[("GATEWAY_BIND", "[::1]:1")]), [""; 0]);
        assert!(mistakes(&[("GATEWAY_BIND", "0.0.0.0:8000")])[0].contains("set GATEWAY_TOKEN"));
        assert_eq!(mistakes(&[("GATEWAY_BIND", "0.0.0.0:8000"), ("GATEWAY_TOKEN", "secret")]), [""; 0]);
    }

    #[test]
    fn strangers_may_ask_less_often_and_zero_is_no_limit() {
        let limit = |pairs: &[(&str, &str)]| {
            let mut variables = EnvironmentReader::from_pairs(pairs.iter().copied());
            Config::read(&mut variables).limits.requests_per_second.map(u32::from)
        };
        assert_eq!(limit(&[]), Some(50_000));
        assert_eq!(limit(&[("GATEWAY_BIND", "0.0.0.0:8000")]), Some(500));
        assert_eq!(limit(&[("GATEWAY_RATE_LIMIT", "7")]), Some(7));
        assert_eq!(limit(&[("GATEWAY_RATE_LIMIT", "0")]), None);
        assert!(mistakes(&[("GATEWAY_RATE_LIMIT", "-1")])[0].contains("GATEWAY_RATE_LIMIT"));
    }

    #[test]
    fn an_origin_is_no_pattern_and_no_page() {
        assert!(mistakes(&[("GATEWAY_ALLOWED_ORIGINS", "*")])[0].contains("is not an origin"));
        assert!(mistakes(&[("GATEWAY_ALLOWED_ORIGINS", "http://a:1,http://b/")])[0].contains("http://b/"));
    }
}
