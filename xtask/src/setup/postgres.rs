//! Postgres from the distribution. Its own cluster is neither started nor used.

use anyhow::{Context, Result, bail, ensure};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

/// Installs the package unless the programs are there.
pub fn ensure(data_dir: &Path) -> Result<()> {
    if local_servers::find_postgres(data_dir).is_ok() {
        return Ok(());
    }
    if !runs("apt-get", "--version") {
        bail!(
            "Postgres is missing and there is no apt-get: install Postgres 14 or newer with your package manager, or set DATABASE_URL"
        );
    }
    eprintln!("Installing Postgres from the distribution …");
    let installed = apt_get(&["install", "--yes", "--no-install-recommends", "postgresql"])?.success() || {
        // A fresh machine has no package lists yet.
        apt_get(&["update"])?;
        apt_get(&["install", "--yes", "--no-install-recommends", "postgresql"])?.success()
    };
    ensure!(installed, "cannot install Postgres: run `sudo apt-get install postgresql` yourself, or set DATABASE_URL");
    local_servers::find_postgres(data_dir)?;
    Ok(())
}

fn apt_get(arguments: &[&str]) -> Result<ExitStatus> {
    let as_root = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self")?) == 0;
    let mut command = if as_root {
        Command::new("env")
    } else {
        let advice = "Postgres is missing and this user may not install it: ask an administrator to run `apt-get install postgresql`, or set DATABASE_URL";
        ensure!(runs("sudo", "--version"), advice);
        let mut sudo = Command::new("sudo");
        sudo.arg("env");
        sudo
    };
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]).args(arguments);
    // Its chatter goes to standard error: standard output is for results.
    command.stdout(std::io::stderr()).status().context("cannot run apt-get")
}

fn runs(program: &str, argument: &str) -> bool {
    let status = Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
