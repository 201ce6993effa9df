//! A process that goes on until it is killed or asked to end.

use super::PATIENCE;
use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::{Path, PathBuf};
use tokio::process::Child;

/// Dropping it is a kill.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    pub fn new(child: Child, log: &Path) -> Self {
        Self { child, log: log.to_owned() }
    }

    /// SIGKILL, as the kernel does when memory is short; returns when the process is gone.
    pub async fn kill(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Stops it where it is, as a machine that swaps or a paused container does.
    pub fn freeze(&self) -> Result<()> {
        Ok(kill(self.pid()?, Signal::SIGSTOP)?)
    }

    /// Lets it go on as if no time had passed.
    pub fn thaw(&self) -> Result<()> {
        Ok(kill(self.pid()?, Signal::SIGCONT)?)
    }

    /// Ctrl-C; returns the exit code.
    pub async fn interrupt(mut self) -> Result<Option<i32>> {
        kill(self.pid()?, Signal::SIGINT)?;
        self.exit_code().await
    }

    /// Waits for its end.
    pub async fn exit_code(&mut self) -> Result<Option<i32>> {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        Ok(ended.with_context(|| format!("it does not end; it wrote: {}", self.output()))??.code())
    }

    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Process ids of its children, as `/proc/<pid>/task/<tid>/children` has them.
    pub fn children(&self) -> Result<Vec<String>> {
        let pid = self.pid()?;
        let mut children = Vec::new();
        for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
            let text = std::fs::read_to_string(task?.path().join("children"))?;
            children.extend(text.split_whitespace().map(str::to_owned));
        }
        Ok(children)
    }

    /// What it wrote so far.
    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn pid(&self) -> Result<Pid> {
        let pid = self.child.id().with_context(|| format!("it has ended; it wrote: {}", self.output()))?;
        Ok(Pid::from_raw(i32::try_from(pid)?))
    }
}
