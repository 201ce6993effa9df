//! What becomes of the servers when their owner is killed.

use super::{nats_options, postgres_options, query};
use anyhow::{Context, Result};
use local_servers::{NatsServer, PostgresServer, ServerState};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const OWNER_DIRECTORY: &str = "LOCAL_SERVERS_TEST_OWNER_DIRECTORY";

#[tokio::test]
#[ignore = "the body of the process that the test below starts and kills"]
async fn owner_process() -> Result<()> {
    let dir = std::env::var_os(OWNER_DIRECTORY).context("started by the test below only")?;
    let dir = Path::new(&dir);
    let nats = NatsServer::start(nats_options(dir)?).await?;
    let postgres = PostgresServer::start(postgres_options(dir)?).await?;
    let ServerState::Healthy { pid: nats_pid } = *nats.state().borrow() else { return Ok(()) };
    let ServerState::Healthy { pid: postgres_pid } = *postgres.state().borrow() else { return Ok(()) };
    std::fs::write(dir.join("pids.partial"), format!("{nats_pid} {postgres_pid}"))?;
    std::fs::rename(dir.join("pids.partial"), dir.join("pids"))?;
    std::future::pending().await
}

#[tokio::test]
async fn servers_die_with_a_killed_owner_and_the_next_owner_starts_cleanly() -> Result<()> {
    let dir = TempDir::new()?;
    let mut owner = Command::new(std::env::current_exe()?)
        .args(["--ignored", "--exact", "orphans::owner_process"])
        .env(OWNER_DIRECTORY, dir.path())
        .stdout(Stdio::null())
        .spawn()?;
    let pids = poll("the owner's servers", || std::fs::read_to_string(dir.path().join("pids")).ok())?;
    owner.kill()?;
    owner.wait()?;
    // At once, while they may still be stopping: the new owner must cope.
    let nats = NatsServer::start(nats_options(dir.path())?).await?;
    let options = postgres_options(dir.path())?;
    let bin_dir = options.bin_dir.clone();
    let postgres = PostgresServer::start(options).await?;
    assert_eq!(query(&postgres, &bin_dir, "SELECT 1")?, "1");
    assert!(nats.port() > 0);
    for pid in pids.split_whitespace() {
        poll("the end of an orphan", || is_gone(pid).then_some(()))?;
    }
    Ok(())
}

/// No such process, or one that nobody has reaped yet.
fn is_gone(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, fields)| fields.starts_with('Z'))
}

fn poll<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> Result<T> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = attempt() {
            return Ok(found);
        }
        if Instant::now() > deadline {
            return None.with_context(|| format!("waited in vain for {what}"));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
