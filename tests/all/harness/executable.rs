//! The executable under test: where it is, and its command line.

use super::{PATIENCE, Process};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use test_support::workspace_root;
use tokio::process::Command;

/// What a process may take over from the environment of the tests.
const INHERITED: [&str; 4] = ["PATH", "HOME", "TMPDIR", "USER"];

/// `patrol` with the variables of one system.
#[derive(Clone, Debug)]
pub struct Executable {
    path: PathBuf,
    variables: Vec<(&'static str, String)>,
}

/// How a command ended.
#[derive(Debug)]
pub struct Finished {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Executable {
    pub fn with_variables(variables: Vec<(&'static str, String)>) -> Result<Self> {
        Ok(Self { path: find()?, variables })
    }

    /// A system of its own below `data_dir`: it starts its nats-server and its Postgres itself.
    pub fn local(data_dir: &Path) -> Result<Self> {
        Self::with_variables(vec![
            ("PATROL_DATA_DIR", data_dir.display().to_string()),
            ("GATEWAY_BIND", free_address()?.to_string()),
        ])
    }

    /// The same with one more variable.
    pub fn and(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// What scripts of other languages need in order to find this executable and its system.
    pub fn variables(&self) -> impl Iterator<Item = (&'static str, String)> {
        let path = ("PATROL", self.path.display().to_string());
        self.variables.iter().cloned().chain([path])
    }

    /// Runs a command to its end.
    pub async fn run(&self, arguments: &[&str]) -> Result<Finished> {
        self.run_into(Stdio::piped(), arguments).await
    }

    /// The same with another standard output.
    pub async fn run_into(&self, stdout: Stdio, arguments: &[&str]) -> Result<Finished> {
        let child = self.command(arguments).stdout(stdout).stderr(Stdio::piped()).spawn()?;
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output());
        let output = output.await.with_context(|| format!("`patrol {}` does not end", arguments.join(" ")))??;
        Ok(Finished {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
        })
    }

    /// Runs a command that has to succeed with one JSON value on standard output.
    pub async fn json(&self, arguments: &[&str]) -> Result<Value> {
        let finished = self.run(arguments).await?;
        ensure!(finished.code == Some(0), "`patrol {}`: {finished:?}", arguments.join(" "));
        serde_json::from_str(&finished.stdout).with_context(|| format!("{finished:?}"))
    }

    /// Starts a command that goes on until it is ended; what it writes goes to `log`.
    pub fn start(&self, arguments: &[&str], log: &Path) -> Result<Process> {
        let file = std::fs::File::create(log).with_context(|| format!("create {}", log.display()))?;
        let child = self.command(arguments).stdout(file.try_clone()?).stderr(file).spawn();
        Ok(Process::new(child.with_context(|| format!("start {}", self.path.display()))?, log))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let inherited = INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        let mut command = Command::new(&self.path);
        command.args(arguments).env_clear().envs(inherited);
        command.envs(self.variables.iter().map(|(name, value)| (*name, value)));
        command.current_dir(workspace_root()).stdin(Stdio::null()).kill_on_drop(true);
        command
    }
}

/// `PATROL_BIN`, or the one that cargo built beside this test: `target/<profile>/deps/all-…` and `target/<profile>/patrol`.
/// An address of this machine that nobody listened on a moment ago.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn find() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("PATROL_BIN") {
        return std::path::absolute(path).context("PATROL_BIN");
    }
    let test = std::env::current_exe()?;
    let path = test.ancestors().nth(2).context("the target directory")?.join("patrol");
    ensure!(path.is_file(), "there is no {}: run `cargo build -p patrol` first, as `make test` does", path.display());
    Ok(path)
}
