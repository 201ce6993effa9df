//! Spawning a child that dies with us, writes to a log file and is not reached by the terminal's Ctrl-C.

use crate::StartError;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpid, getppid};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Spawns with the given signal at the death of *the calling thread*, in a process group of its own.
pub(crate) fn spawn(mut command: Command, stop_signal: Signal, log: &Path) -> Result<Child, StartError> {
    let output = open_log(log).map_err(StartError::io("open", log))?;
    let errors = output.try_clone().map_err(StartError::io("open", log))?;
    command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
    die_with_parent(&mut command, stop_signal);
    let program = Path::new(command.get_program()).to_owned();
    command.spawn().map_err(StartError::io("run", &program))
}

/// Sends a signal to a child that has not been reaped, so its id cannot belong to anybody else.
pub(crate) fn signal(child: &Child, signal: Signal) {
    if let Ok(pid) = i32::try_from(child.id()) {
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// The last non-empty line of a log, for error messages.
pub(crate) fn last_line(log: &Path) -> String {
    const TAIL: u64 = 4096;
    let read = || -> std::io::Result<String> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it wrote nothing").trim().to_owned()
}

/// Sets the parent-death signal. After the user id has changed, because that change clears it (prctl(2)).
pub(crate) fn die_with_parent(command: &mut Command, stop_signal: Signal) {
    let parent = getpid();
    // SAFETY: the closure runs between fork and exec and makes async-signal-safe system calls only.
    unsafe {
        command.pre_exec(move || {
            nix::sys::prctl::set_pdeathsig(stop_signal)?;
            // The parent may have died before the line above.
            if getppid() == parent { Ok(()) } else { Err(nix::errno::Errno::ESRCH.into()) }
        });
    }
}

/// Appends to the log; a big one is put aside first, so two generations bound what a server can fill.
pub(crate) fn open_log(log: &Path) -> std::io::Result<File> {
    const MAXIMUM: u64 = 16 << 20;
    if let Some(parent) = log.parent() {
        std::fs::create_dir_all(parent)?;
    }
    if std::fs::metadata(log).is_ok_and(|metadata| metadata.len() > MAXIMUM) {
        std::fs::rename(log, log.with_extension("log.1"))?;
    }
    OpenOptions::new().create(true).append(true).open(log)
}
