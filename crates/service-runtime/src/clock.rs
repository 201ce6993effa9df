//! Time and ids as parameters. The ambient ones are banned elsewhere (see `clippy.toml`): a decision that asks the clock
//! cannot be replayed.

use chrono::{DateTime, TimeDelta, Utc};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use uuid::Uuid;

/// Where the current time comes from.
pub trait Clock: Send + Sync {
    fn now(&self) -> DateTime<Utc>;
}

/// Where new ids come from.
pub trait IdSource: Send + Sync {
    /// A UUID that was never given before.
    fn next_id(&self) -> Uuid;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the machine's clock")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// UUIDv7 (RFC 9562): sortable by time, 74 random bits.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

impl IdSource for RandomIds {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that makes random ids")]
    fn next_id(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// A clock that stands still until it is moved; for tests.
#[derive(Debug)]
pub struct ManualClock {
    microseconds: AtomicI64,
}

impl ManualClock {
    pub fn at(time: DateTime<Utc>) -> Self {
        Self { microseconds: AtomicI64::new(time.timestamp_micros()) }
    }

    pub fn advance(&self, by: TimeDelta) {
        let by = by.num_microseconds().unwrap_or(i64::MAX);
        self.microseconds.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.microseconds.load(Ordering::SeqCst)).unwrap_or_default()
    }
}

/// The ids 1, 2, 3, …; for tests.
#[derive(Debug, Default)]
pub struct SequentialIds {
    given: AtomicU64,
}

impl IdSource for SequentialIds {
    fn next_id(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.given.fetch_add(1, Ordering::SeqCst)) + 1)
    }
}
