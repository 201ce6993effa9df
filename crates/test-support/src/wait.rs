//! Waiting for a condition instead of sleeping.

use anyhow::{Result, bail};
use std::fmt::Display;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Tries until it succeeds; the attempt's error is its view of the state, and the last one is in ours.
///
/// ```no_run
/// # async fn example() -> anyhow::Result<()> {
/// # async fn rows() -> u32 { 3 }
/// use std::time::Duration;
/// test_support::wait_for("three rows", Duration::from_secs(5), async || match rows().await {
///     3 => Ok(()),
///     other => Err(format!("{other} rows")),
/// })
/// .await?;
/// # Ok(()) }
/// ```
pub async fn wait_for<T, E: Display>(
    what: &str,
    timeout: Duration,
    mut attempt: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T> {
    let deadline = Instant::now() + timeout;
    loop {
        match attempt().await {
            Ok(found) => return Ok(found),
            Err(state) if Instant::now() >= deadline => {
                bail!("waited {timeout:?} in vain for {what}; last state: {state:#}")
            }
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
}
