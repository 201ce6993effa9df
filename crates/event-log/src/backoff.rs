//! Exponential backoff without jitter: 50 ms doubling up to 2 s.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

/// How long to wait before attempt `attempt + 1`, counted from 0.
pub(crate) fn delay(attempt: u32) -> Duration {
    FIRST.saturating_mul(2_u32.saturating_pow(attempt.min(16))).min(LONGEST)
}

/// Waits before the next attempt.
pub(crate) async fn wait(attempt: u32) {
    tokio::time::sleep(delay(attempt)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_and_is_bounded() {
        assert_eq!(delay(0), Duration::from_millis(50));
        assert_eq!(delay(1), Duration::from_millis(100));
        assert_eq!(delay(6), LONGEST);
        assert_eq!(delay(u32::MAX), LONGEST);
    }
}
