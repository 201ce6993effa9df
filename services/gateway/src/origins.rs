//! Which pages in a browser may call: those of the allowed origins, and our own.
//!
//! A browser sends requests of any page to any address, this machine's included. It withholds answers from pages that CORS
//! does not name, but a request that has arrived may have changed something, and a page whose name its owner has pointed
//! at this machine (DNS rebinding) counts as our own.

use crate::config::Config;
use crate::error::{Error, Result};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use std::net::IpAddr;

/// What browsers say about who asks; pages cannot set it (Fetch Metadata).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Who is let in.
#[derive(Clone, Debug)]
pub struct Origins {
    allowed: Vec<HeaderValue>,
    /// Without a token on loopback only this machine's names are ours: anyone can own another that leads here.
    any_host: bool,
}

impl Origins {
    pub fn new(config: &Config) -> Self {
        let any_host = config.token.is_some() || !config.bind.ip().is_loopback();
        Self { allowed: config.allowed_origins.clone(), any_host }
    }

    /// Whether a request that changes something, or a WebSocket, comes from a page that may call, or from no page.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn check(&self, headers: &HeaderMap) -> Result<()> {
        let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
        let same_site = headers.get(SEC_FETCH_SITE).is_some_and(|site| site == "same-origin");
        let own = same_site || page(origin).is_some_and(|at| Some(at) == host(headers));
        if own || self.allowed.contains(origin) {
            Ok(())
        } else {
            Err(Error::Forbidden("this origin is not in GATEWAY_ALLOWED_ORIGINS".to_owned()))
        }
    }

    /// Whether the client means this gateway by the name that it uses for it.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn check_host(&self, headers: &HeaderMap) -> Result<()> {
        let Some(host) = host(headers).filter(|_| !self.any_host) else { return Ok(()) };
        let name = host.parse::<Authority>().ok();
        if name.is_some_and(|name| is_of_this_machine(name.host()) || self.names_of_pages().any(|it| it == name.host()))
        {
            Ok(())
        } else {
            let message = "without GATEWAY_TOKEN, use an address, localhost or a name of GATEWAY_ALLOWED_ORIGINS";
            Err(Error::Forbidden(message.to_owned()))
        }
    }

    /// Names of the machines that the allowed pages come from.
    fn names_of_pages(&self) -> impl Iterator<Item = &str> {
        self.allowed.iter().filter_map(page).map(|at| at.split_once(':').map_or(at, |(name, _)| name))
    }
}

/// Name and port of an origin.
fn page(origin: &HeaderValue) -> Option<&str> {
    origin.to_str().ok()?.split_once("://").map(|(_, at)| at)
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST)?.to_str().ok()
}

/// A number, which nobody can point elsewhere, or a name that always means this machine (RFC 6761, section 6.3).
fn is_of_this_machine(host: &str) -> bool {
    let number = host.trim_start_matches('[').trim_end_matches(']');
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    number.parse::<IpAddr>().is_ok() || name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(any_host: bool) -> Origins {
        let allowed = ["http://localhost:3000", "https://lab.example"].map(HeaderValue::from_static);
        Origins { allowed: allowed.into(), any_host }
    }

    fn asked(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn only_our_pages_and_the_allowed_ones_may_change_something() {
        let from = |host, origin| asked(&[(header::HOST, host), (header::ORIGIN, origin)]);
        for (host, origin, welcome) in [
            ("127.0.0.1:8000", "http://localhost:3000", true),
            ("127.0.0.1:8000", "http://127.0.0.1:8000", true),
            ("127.0.0.1:8000", "http://localhost:3001", false),
            ("127.0.0.1:8000", "http://evil.example", false),
            ("127.0.0.1:8000", "null", false),
        ] {
            assert_eq!(origins(false).check(&from(host, origin)).is_ok(), welcome, "{host} {origin}");
        }
        assert!(origins(false).check(&asked(&[(header::HOST, "127.0.0.1:8000")])).is_ok(), "no browser");
        // Behind a proxy that ends TLS the browser knows better than the headers.
        let mut proxied = from("gateway:8000", "https://patrol.example");
        assert!(origins(true).check(&proxied).is_err());
        proxied.insert(SEC_FETCH_SITE, HeaderValue::from_static("same-origin"));
        assert!(origins(true).check(&proxied).is_ok());
    }

    #[test]
    fn a_strange_name_is_not_ours_unless_there_is_a_token() {
        let named = |host| asked(&[(header::HOST, host)]);
        for host in
            ["127.0.0.1:8000", "localhost:8000", "LOCALHOST", "[::1]:8000", "patrol.localhost", "lab.example:8000"]
        {
            assert!(origins(false).check_host(&named(host)).is_ok(), "{host}");
        }
        for host in ["evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "", "a b"] {
            assert!(origins(false).check_host(&named(host)).is_err(), "{host}");
            assert!(origins(true).check_host(&named(host)).is_ok(), "{host}");
        }
        assert!(origins(false).check_host(&HeaderMap::new()).is_ok(), "HTTP/1.0 has no host");
    }
}
