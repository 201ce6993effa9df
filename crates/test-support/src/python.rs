//! Python scripts of the tests, with the packages that `cargo xtask setup --tests` installs.

use crate::workspace_root;
use anyhow::{Context, Result, ensure};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// `python3 tests/python/<script>`, ready for arguments and environment; the process ends when its handle is dropped.
///
/// # Errors
/// The packages are not there.
pub fn python(script: &str) -> Result<Command> {
    let mut command = interpreter()?;
    command.arg(workspace_root().join("tests/python").join(script));
    Ok(command)
}

/// As [`python`], with the program itself.
///
/// # Errors
/// The packages are not there.
pub fn python_code(code: &str) -> Result<Command> {
    let mut command = interpreter()?;
    command.args(["-c", code]);
    Ok(command)
}

fn interpreter() -> Result<Command> {
    let packages = workspace_root().join("var/tools/python");
    ensure!(packages.is_dir(), "the Python packages of the tests are missing: run `cargo xtask setup --tests`");
    let mut command = Command::new("python3");
    // Neither what the user has installed nor compiled files in the checkout.
    command.env("PYTHONPATH", packages).env("PYTHONNOUSERSITE", "1");
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUNBUFFERED", "1");
    command.stdin(Stdio::null()).kill_on_drop(true);
    Ok(command)
}

/// Runs `command` to its end; what it wrote to standard output.
///
/// # Errors
/// It does not start, takes longer than `limit`, or fails: then the error holds everything that it wrote.
pub async fn run_to_end(mut command: Command, limit: Duration) -> Result<String> {
    let running = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output();
    let output = tokio::time::timeout(limit, running).await.with_context(|| format!("not done after {limit:?}"))?;
    let output = output.with_context(|| format!("cannot start {command:?}"))?;
    let written = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}\n{written}\n{complaints}", output.status);
    Ok(written)
}
