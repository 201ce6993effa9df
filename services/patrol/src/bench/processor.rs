//! Processor time: unlike a clock, it says the same on a machine that does other things too.

use crate::failure::Failure;
use anyhow::Context;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Clock ticks per second in `/proc/<pid>/stat`: the same on every Linux that Rust runs on (proc(5), sysconf(3)).
const TICKS: u64 = 100;

/// Processor time, in user and kernel mode, that this process and its children have spent: the local nats-server and
/// Postgres are among them. To within a hundredth of a second per process.
pub fn spent() -> Result<Duration, Failure> {
    let own = std::process::id();
    let mut ticks = 0;
    for entry in fs::read_dir("/proc").context("cannot read /proc")? {
        let path = entry.context("cannot read /proc")?.path();
        // Processes end while they are being listed.
        let Some(process) = stat(&path) else { continue };
        if process.id == own || process.parent == own {
            ticks += process.ticks;
        }
    }
    Ok(Duration::from_millis(ticks * 1000 / TICKS))
}

struct Process {
    id: u32,
    parent: u32,
    ticks: u64,
}

fn stat(path: &Path) -> Option<Process> {
    let id = path.file_name()?.to_str()?.parse().ok()?;
    let stat = fs::read_to_string(path.join("stat")).ok()?;
    // The name, in brackets, may hold anything; fields are counted behind it, from the third on.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some(Process { id, parent: u32::try_from(number(4)?).ok()?, ticks: number(14)? + number(15)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;

    #[test]
    fn work_is_counted_and_waiting_is_not() {
        let before = spent().expect("a time");
        let mut rounds = 0_u64;
        while spent().expect("a time") < before + Duration::from_millis(50) {
            rounds += black_box((0..100_000_u64).sum::<u64>() & 1) + 1;
            assert!(rounds < 10_000_000, "no time was counted");
        }
        assert!(rounds > 1);
    }
}
