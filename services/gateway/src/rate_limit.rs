//! A bucket of requests for every client: the generic cell rate algorithm (ITU-T I.371, annex A), which needs one instant
//! per client instead of a count and a time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Clients that are told apart, at some 50 bytes each.
const MOST_CLIENTS: usize = 16_384;
/// IPv6 hosts pick addresses of their network as they like: its upper bits are the client (RFC 4291, section 2.5.1).
const IPV6_NETWORK: u128 = u128::MAX << 64;
/// How often a full table is searched for clients that have been quiet.
const SEARCH_EVERY: Duration = Duration::from_secs(1);

/// Whose requests are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    Address(IpAddr),
    /// Everybody who shows the token, wherever they are.
    Token,
    /// Everybody for whom the table has no place.
    Rest,
}

impl Client {
    /// The client behind an address.
    pub fn at(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6((u128::from(address) & IPV6_NETWORK).into()),
            address => address,
        })
    }
}

/// So many requests per second of each client, and as many at once after a second of silence.
#[derive(Debug)]
pub struct RateLimiter {
    interval: Duration,
    most_clients: usize,
    buckets: Mutex<Buckets>,
}

#[derive(Debug, Default)]
struct Buckets {
    /// When each bucket will be full again.
    full_at: HashMap<Client, Instant>,
    search_from: Option<Instant>,
}

impl RateLimiter {
    pub fn new(per_second: NonZeroU32) -> Self {
        Self {
            interval: Duration::from_secs(1) / per_second.get(),
            most_clients: MOST_CLIENTS,
            buckets: Mutex::default(),
        }
    }

    /// Counts a request of `client` at `now`.
    ///
    /// # Errors
    /// How long it should wait, when its bucket is empty; a refused request costs nothing.
    pub fn admit(&self, client: Client, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let client = buckets.place(client, self.most_clients, now);
        let full_at = buckets.full_at.entry(client).or_insert(now);
        let after = (*full_at).max(now) + self.interval;
        let wait = after.saturating_duration_since(now).saturating_sub(Duration::from_secs(1));
        if wait.is_zero() {
            *full_at = after;
            Ok(())
        } else {
            Err(wait)
        }
    }
}

impl Buckets {
    /// `client`, or the rest when there is no place for it. Whose bucket is full again needs none.
    fn place(&mut self, client: Client, most: usize, now: Instant) -> Client {
        if self.full_at.len() < most || self.full_at.contains_key(&client) {
            return client;
        }
        if self.search_from.is_none_or(|from| from <= now) {
            self.search_from = Some(now + SEARCH_EVERY);
            self.full_at.retain(|_, full_at| *full_at > now);
        }
        if self.full_at.len() < most { client } else { Client::Rest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(per_second: u32, most_clients: usize) -> RateLimiter {
        let limiter = RateLimiter::new(NonZeroU32::new(per_second).expect("not zero"));
        RateLimiter { most_clients, ..limiter }
    }

    fn address(text: &str) -> Client {
        Client::at(text.parse().expect("an address"))
    }

    /// How many of `requests` at `now` are admitted.
    fn admitted(limiter: &RateLimiter, client: Client, requests: usize, now: Instant) -> usize {
        (0..requests).filter(|_| limiter.admit(client, now).is_ok()).count()
    }

    #[test]
    fn a_bucket_holds_a_second_and_fills_evenly() {
        let (limiter, start) = (limiter(10, 100), Instant::now());
        let client = address("192.0.2.1");
        assert_eq!(admitted(&limiter, client, 50, start), 10);
        assert_eq!(limiter.admit(client, start), Err(Duration::from_millis(100)));
        assert_eq!(admitted(&limiter, client, 50, start + Duration::from_millis(250)), 2);
        assert_eq!(admitted(&limiter, client, 50, start + Duration::from_secs(60)), 10, "it does not overflow");
    }

    #[test]
    fn clients_do_not_share_but_networks_do() {
        let (limiter, now) = (limiter(3, 100), Instant::now());
        assert_eq!(admitted(&limiter, address("192.0.2.1"), 9, now), 3);
        assert_eq!(admitted(&limiter, address("192.0.2.2"), 9, now), 3);
        assert_eq!(admitted(&limiter, address("::ffff:192.0.2.2"), 9, now), 0, "the same written in another way");
        assert_eq!(admitted(&limiter, address("2001:db8::1"), 2, now), 2);
        assert_eq!(admitted(&limiter, address("2001:db8::2"), 9, now), 1, "the same network");
        assert_eq!(admitted(&limiter, address("2001:db8:0:1::1"), 9, now), 3);
    }

    #[test]
    fn memory_is_bounded_and_known_clients_keep_their_buckets() {
        let (limiter, now) = (limiter(4, 8), Instant::now());
        let numbered = |number: u32| Client::at(IpAddr::V4(number.into()));
        assert_eq!(admitted(&limiter, numbered(0), 2, now), 2);
        let strangers: usize = (1..1000).map(|number| admitted(&limiter, numbered(number), 1, now)).sum();
        assert_eq!(strangers, 7 + 4, "seven have places, the others share one bucket");
        assert_eq!(limiter.buckets.lock().expect("whole").full_at.len(), 9);
        assert_eq!(admitted(&limiter, numbered(0), 9, now), 2);
        let later = now + Duration::from_secs(2);
        assert_eq!(admitted(&limiter, numbered(5000), 9, later), 4, "who was quiet has made place");
    }
}
