//! A server left over by an owner that was killed: found by process id *and* start time, stopped before a new start.
//!
//! The directory's lock is held by us, so whoever still serves it lost its owner.

use crate::StartError;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::Path;
use std::time::{Duration, Instant};

/// Remembers the child of this start.
pub(crate) fn record(file: &Path, pid: u32) -> Result<(), StartError> {
    let text = format!("{pid} {}\n", start_time(pid).unwrap_or_default());
    std::fs::write(file, text).map_err(StartError::io("write", file))
}

/// Stops the child of an earlier start if it still runs: gently first, then by force after `patience`.
pub(crate) fn retire(file: &Path, stop_signal: Signal, patience: Duration) {
    let Some((pid, started)) = recorded(file) else { return };
    let alive = || start_time(pid).is_some_and(|now| now == started);
    let Ok(raw) = i32::try_from(pid) else { return };
    if alive() {
        tracing::warn!(process.pid = pid, "stopping a server whose owner was killed");
        for (signal, patience) in [(stop_signal, patience), (Signal::SIGKILL, Duration::from_secs(2))] {
            let _ = kill(Pid::from_raw(raw), signal);
            wait_until(patience, || !alive());
        }
    }
    let _ = std::fs::remove_file(file);
}

fn recorded(file: &Path) -> Option<(u32, u64)> {
    let text = std::fs::read_to_string(file).ok()?;
    let (pid, started) = text.trim().split_once(' ')?;
    Some((pid.parse().ok()?, started.parse().ok()?))
}

/// Start of a process in clock ticks since boot; `None` for one that is gone or only waits to be reaped
/// (field 22 and 3 of proc_pid_stat(5), counted behind the name in parentheses).
fn start_time(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    (state != "Z").then(|| fields.nth(18)?.parse().ok())?
}

fn wait_until(patience: Duration, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !done() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
}
