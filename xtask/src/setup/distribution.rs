//! Packages of the distribution, through apt-get.

use anyhow::{Context, Result, ensure};
use std::process::{Command, ExitStatus, Stdio};

/// Installs `package`; `otherwise` is the advice for a machine or user that cannot.
pub fn install(package: &str, otherwise: &str) -> Result<()> {
    ensure!(runs("apt-get"), "{package} is missing and there is no apt-get: {otherwise}");
    eprintln!("Installing {package} from the distribution …");
    let wanted = ["install", "--yes", "--no-install-recommends", package];
    let installed = apt_get(package, &wanted)?.success() || {
        // A fresh machine has no package lists yet.
        apt_get(package, &["update"])?;
        apt_get(package, &wanted)?.success()
    };
    ensure!(installed, "cannot install {package}: run `sudo apt-get install {package}` yourself, or {otherwise}");
    Ok(())
}

/// Whether `program` is there and starts.
pub fn runs(program: &str) -> bool {
    let status = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn apt_get(package: &str, arguments: &[&str]) -> Result<ExitStatus> {
    let as_root = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self")?) == 0;
    let mut command = if as_root {
        Command::new("env")
    } else {
        ensure!(
            runs("sudo"),
            "{package} is missing and this user may not install it: ask an administrator to run `apt-get install {package}`"
        );
        let mut sudo = Command::new("sudo");
        sudo.arg("env");
        sudo
    };
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]).args(arguments);
    // Its chatter goes to standard error: standard output is for results.
    command.stdout(std::io::stderr()).status().context("cannot run apt-get")
}
