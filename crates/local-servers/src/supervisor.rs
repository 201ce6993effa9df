//! The thread that owns one server: spawn, wait until it answers, restart with back-off, stop.

use crate::{StartError, predecessor, process};
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};

/// What a server is doing; the sequence is reported on a watch channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerState {
    Starting,
    /// It answers.
    Healthy {
        pid: u32,
    },
    /// It ended unasked, or did not come up again; the next attempt follows after a pause.
    Restarting {
        attempt: u32,
        reason: String,
    },
    /// As asked.
    Stopped,
    /// Given up after too many attempts.
    Failed {
        reason: String,
    },
}

/// What to run and how to know that it answers.
pub(crate) struct Program {
    pub name: &'static str,
    pub log: PathBuf,
    /// Remembers the process for [`predecessor::retire`].
    pub pid_file: PathBuf,
    /// Asks for an orderly end.
    pub stop_signal: Signal,
    /// How long an orderly end may take before SIGKILL.
    pub patience: Duration,
    pub command: Box<dyn Fn() -> Result<Command, StartError> + Send>,
    /// `Err` says what the server answered instead.
    pub probe: Box<dyn Fn() -> Result<(), String> + Send>,
}

/// How long a server may take until it answers.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// Consecutive attempts of which none became healthy, before giving up.
const MAXIMUM_ATTEMPTS: u32 = 10;

/// The handle; dropping it stops the server.
#[derive(Debug)]
pub(crate) struct Supervisor {
    messages: mpsc::Sender<Message>,
    state: watch::Receiver<ServerState>,
    thread: Option<JoinHandle<()>>,
}

enum Message {
    Exited,
    Stop(oneshot::Sender<()>),
    Restart(oneshot::Sender<Result<(), StartError>>),
    Signal(Signal),
}

impl Supervisor {
    /// Returns when the server answers, or with the reason why it does not.
    pub(crate) async fn start(program: Program) -> Result<Self, StartError> {
        let (messages, inbox) = mpsc::channel();
        let (reporter, state) = watch::channel(ServerState::Starting);
        let (started, outcome) = oneshot::channel();
        let watcher = Watcher { program, messages: messages.clone(), inbox, state: reporter };
        let thread = std::thread::Builder::new()
            .name("server-watcher".to_owned())
            .spawn(move || watcher.run(started))
            .map_err(StartError::io("start a thread for", &PathBuf::from("a server")))?;
        let supervisor = Self { messages, state, thread: Some(thread) };
        match outcome.await {
            Ok(result) => result.map(|()| supervisor),
            Err(_) => Err(gone()),
        }
    }

    pub(crate) fn state(&self) -> watch::Receiver<ServerState> {
        self.state.clone()
    }

    pub(crate) async fn stop(&self) {
        let (reply, stopped) = oneshot::channel();
        if self.messages.send(Message::Stop(reply)).is_ok() {
            let _ = stopped.await;
        }
    }

    pub(crate) async fn restart(&self) -> Result<(), StartError> {
        let (reply, restarted) = oneshot::channel();
        self.messages.send(Message::Restart(reply)).map_err(|_| gone())?;
        restarted.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Sends a signal to the server as it is now.
    pub(crate) fn signal(&self, signal: Signal) {
        let _ = self.messages.send(Message::Signal(signal));
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        let (reply, _) = oneshot::channel();
        let _ = self.messages.send(Message::Stop(reply));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The other end, on the server's own thread.
struct Watcher {
    program: Program,
    messages: mpsc::Sender<Message>,
    inbox: mpsc::Receiver<Message>,
    state: watch::Sender<ServerState>,
}

impl Watcher {
    fn run(self, started: oneshot::Sender<Result<(), StartError>>) {
        predecessor::retire(&self.program.pid_file, self.program.stop_signal, self.program.patience);
        let mut child = match self.bring_up() {
            Ok(child) => child,
            Err(error) => {
                self.state.send_replace(ServerState::Failed { reason: error.to_string() });
                let _ = started.send(Err(error));
                return;
            }
        };
        let _ = started.send(Ok(()));
        while let Ok(message) = self.inbox.recv() {
            let next = match message {
                Message::Exited => self.recover(child),
                Message::Signal(signal) => {
                    process::signal(&child, signal);
                    Some(child)
                }
                Message::Restart(reply) => self.restart(child, reply),
                Message::Stop(reply) => {
                    self.bring_down(child);
                    self.state.send_replace(ServerState::Stopped);
                    let _ = reply.send(());
                    None
                }
            };
            match next {
                Some(running) => child = running,
                None => return,
            }
        }
    }

    fn restart(&self, child: Child, reply: oneshot::Sender<Result<(), StartError>>) -> Option<Child> {
        self.bring_down(child);
        let (result, child) = match self.bring_up() {
            Ok(child) => (Ok(()), Some(child)),
            Err(error) => {
                self.state.send_replace(ServerState::Failed { reason: error.to_string() });
                (Err(error), None)
            }
        };
        let _ = reply.send(result);
        child
    }

    /// After an unasked end: tries again with growing pauses until it answers, is stopped, or the attempts run out.
    fn recover(&self, mut child: Child) -> Option<Child> {
        let mut reason = match child.wait() {
            Ok(status) => format!("ended with {status}"),
            Err(error) => format!("was lost: {error}"),
        };
        for attempt in 1..=MAXIMUM_ATTEMPTS {
            tracing::warn!(server = self.program.name, attempt, reason, "server ended unasked; restarting it");
            self.state.send_replace(ServerState::Restarting { attempt, reason: reason.clone() });
            if self.stopped_during(pause_before(attempt)) {
                return None;
            }
            match self.bring_up() {
                Ok(child) => return Some(child),
                Err(error) => reason = error.to_string(),
            }
        }
        tracing::error!(server = self.program.name, reason, "server given up");
        self.state.send_replace(ServerState::Failed { reason });
        None
    }

    /// Pauses; true when asked to stop meanwhile.
    fn stopped_during(&self, pause: Duration) -> bool {
        let deadline = Instant::now() + pause;
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            match self.inbox.recv_timeout(left) {
                Ok(Message::Stop(reply)) => {
                    self.state.send_replace(ServerState::Stopped);
                    let _ = reply.send(());
                    return true;
                }
                Ok(Message::Restart(_) | Message::Signal(_) | Message::Exited) => {}
                Err(mpsc::RecvTimeoutError::Timeout) => return false,
                Err(mpsc::RecvTimeoutError::Disconnected) => return true,
            }
        }
        false
    }

    /// Spawns and waits until it answers. On error nothing is left running.
    fn bring_up(&self) -> Result<Child, StartError> {
        let program = &self.program;
        let mut child = process::spawn((program.command)()?, program.stop_signal, &program.log)?;
        let ready =
            predecessor::record(&program.pid_file, child.id()).and_then(|()| self.wait_until_it_answers(&mut child));
        if let Err(error) = ready {
            let _ = child.kill();
            let _ = child.wait();
            return Err(error);
        }
        self.state.send_replace(ServerState::Healthy { pid: child.id() });
        self.report_exit_of(child.id());
        Ok(child)
    }

    fn wait_until_it_answers(&self, child: &mut Child) -> Result<(), StartError> {
        let deadline = Instant::now() + READY_WITHIN;
        let program = &self.program;
        loop {
            let answer = match (program.probe)() {
                Ok(()) => return Ok(()),
                Err(answer) => answer,
            };
            if let Ok(Some(status)) = child.try_wait() {
                return Err(self.exited(status));
            }
            if Instant::now() > deadline {
                let seconds = READY_WITHIN.as_secs();
                let log = program.log.clone();
                return Err(StartError::NotReady { program: program.name, seconds, last_answer: answer, log });
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn exited(&self, status: ExitStatus) -> StartError {
        let log = self.program.log.clone();
        StartError::Exited { program: self.program.name, status, last_line: process::last_line(&log), log }
    }

    /// Waits for the end on a thread of its own without reaping, so the process id stays ours until we have.
    fn report_exit_of(&self, pid: u32) {
        let messages = self.messages.clone();
        let Ok(pid) = i32::try_from(pid) else { return };
        std::thread::spawn(move || {
            let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
            while waitid(Id::Pid(Pid::from_raw(pid)), flags) == Err(nix::errno::Errno::EINTR) {}
            let _ = messages.send(Message::Exited);
        });
    }

    /// Orderly end, then SIGKILL. Leaves no exit message of this child behind.
    fn bring_down(&self, mut child: Child) {
        process::signal(&child, self.program.stop_signal);
        let deadline = Instant::now() + self.program.patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.inbox.recv_timeout(left) {
                Ok(Message::Exited) => break,
                Ok(Message::Stop(reply)) => drop(reply.send(())),
                Ok(Message::Restart(_) | Message::Signal(_)) => {}
                Err(_) => {
                    tracing::warn!(server = self.program.name, "server did not stop in time and is killed");
                    let _ = child.kill();
                    while !matches!(self.inbox.recv(), Ok(Message::Exited) | Err(_)) {}
                    break;
                }
            }
        }
        let _ = child.wait();
        let _ = std::fs::remove_file(&self.program.pid_file);
    }
}

/// 50 ms, doubling up to 5 s.
fn pause_before(attempt: u32) -> Duration {
    Duration::from_millis(50 << attempt.saturating_sub(1).min(7)).min(Duration::from_secs(5))
}

fn gone() -> StartError {
    let reason = std::io::Error::other("its watcher has ended");
    StartError::Io { action: "supervise", path: PathBuf::from("a server"), source: reason }
}
