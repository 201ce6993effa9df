//! The dashboard in a real browser, before the whole system: a researcher's walk through every page, in both languages.

use crate::harness::{Executable, PATIENCE, free_address};
use anyhow::{Result, ensure};
use std::time::Duration;
use test_support::{TestDirectory, run_to_end, wait_for, workspace_root};
use tokio::process::Command;

/// A minute and a half at a load of 4.
const WALK: Duration = Duration::from_secs(300);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_walk_through_the_dashboard() -> Result<()> {
    let directory = TestDirectory::new("dashboard")?;
    let data_dir = directory.path().join("data");
    let address = free_address()?;
    let executable = Executable::local(&data_dir)?.and("DASHBOARD_BIND", address.to_string());
    let mut up = executable.start(&["up"], &directory.path().join("up.log"))?;
    let ready = wait_for("the dashboard's address", PATIENCE, async || match up.output() {
        output if output.contains(&format!("http://{address}")) => Ok(()),
        output => Err(output),
    });
    ready.await?;

    let mut walk = Command::new("node");
    walk.arg(workspace_root().join("services/dashboard/e2e/walk.mjs")).env("DASHBOARD", format!("http://{address}"));
    let said = run_to_end(walk, WALK).await?;
    ensure!(said.contains("every page is as it should be"), "{said}");
    ensure!(up.is_running()?, "{}", up.output());
    assert_eq!(up.interrupt().await?, Some(0));
    Ok(())
}
