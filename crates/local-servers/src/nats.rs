//! A nats-server with JetStream.

use crate::supervisor::{Program, ServerState, Supervisor};
use crate::{InstanceLock, StartError, free_port};
use nix::sys::signal::Signal;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tokio::sync::watch;

const CONFIGURATION: &str = include_str!("../../../nats/nats-server.conf");

/// How to run the server.
#[derive(Clone, Debug)]
pub struct NatsOptions {
    /// The program, version 2.12 or newer.
    pub binary: PathBuf,
    /// Where streams are stored; made when missing.
    pub data_dir: PathBuf,
    /// Log file, appended to; `<data_dir>/server.log` by default.
    pub log: PathBuf,
    /// Port on 127.0.0.1; any free one by default.
    pub port: Option<u16>,
    /// Server configuration file; address, port and store directory above win over it. By default `nats/nats-server.conf` as this
    /// program was built with it, written below the data directory.
    pub config: Option<PathBuf>,
    /// Further options of its command line, for example those of a cluster.
    pub arguments: Vec<String>,
}

impl NatsOptions {
    pub fn new(binary: impl Into<PathBuf>, data_dir: impl Into<PathBuf>) -> Self {
        let data_dir = data_dir.into();
        let log = data_dir.join("server.log");
        Self { binary: binary.into(), log, data_dir, port: None, config: None, arguments: Vec::new() }
    }
}

/// A running server; dropping it stops it.
#[derive(Debug)]
pub struct NatsServer {
    port: u16,
    supervisor: Supervisor,
    _lock: InstanceLock,
}

impl NatsServer {
    /// Starts the server on 127.0.0.1 and returns when it answers.
    ///
    /// # Errors
    /// [`StartError`]; a data directory in use by another instance is left alone.
    pub async fn start(mut options: NatsOptions) -> Result<Self, StartError> {
        let lock = InstanceLock::acquire(&options.data_dir.join("lock"))?;
        if options.config.is_none() {
            options.config = Some(write_configuration(&options.data_dir)?);
        }
        let mut attempts_left = if options.port.is_some() { 1 } else { 3 };
        loop {
            let port = options.port.map_or_else(free_port, Ok)?;
            attempts_left -= 1;
            match Supervisor::start(program(&options, port)).await {
                Ok(supervisor) => return Ok(Self { port, supervisor, _lock: lock }),
                // Somebody may have taken the free port meanwhile.
                Err(StartError::Exited { .. }) if attempts_left > 0 => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// `nats://127.0.0.1:<port>`
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Health, as it changes.
    pub fn state(&self) -> watch::Receiver<ServerState> {
        self.supervisor.state()
    }

    /// Stops it in order and starts it again on the same port.
    pub async fn restart(&self) -> Result<(), StartError> {
        self.supervisor.restart().await
    }

    /// SIGKILL, as a crash would; the supervisor then restarts it on the same port. For fault tests.
    pub fn kill(&self) {
        self.supervisor.signal(Signal::SIGKILL);
    }

    /// Stops it where it is, as a machine that hangs or that the network has lost: connections stay, nothing is answered. For fault tests.
    pub fn freeze(&self) {
        self.supervisor.signal(Signal::SIGSTOP);
    }

    /// Lets it go on as if no time had passed.
    pub fn thaw(&self) {
        self.supervisor.signal(Signal::SIGCONT);
    }

    /// Stops it in order; returns when the process is gone.
    pub async fn stop(&self) {
        self.supervisor.stop().await;
    }
}

/// Anew at each start: the one of this version holds.
fn write_configuration(data_dir: &Path) -> Result<PathBuf, StartError> {
    let path = data_dir.join("nats-server.conf");
    std::fs::write(&path, CONFIGURATION).map_err(StartError::io("write", &path))?;
    Ok(path)
}

fn program(options: &NatsOptions, port: u16) -> Program {
    let command_options = options.clone();
    Program {
        name: "nats-server",
        log: options.log.clone(),
        pid_file: options.data_dir.join("server.pid"),
        stop_signal: Signal::SIGINT,
        patience: Duration::from_secs(10),
        command: Box::new(move || Ok(command(&command_options, port))),
        probe: Box::new(move || probe(port)),
    }
}

fn command(options: &NatsOptions, port: u16) -> Command {
    let mut command = Command::new(&options.binary);
    if let Some(config) = &options.config {
        command.arg("--config").arg(config);
    }
    command.args(["--addr", "127.0.0.1", "--port", &port.to_string(), "--jetstream", "--store_dir"]);
    command.arg(&options.data_dir).args(&options.arguments);
    command
}

/// The server greets with one line `INFO {…}`; it listens only once the streams are recovered.
fn probe(port: u16) -> Result<(), String> {
    const GREETING_LIMIT: u64 = 64 << 10;
    let timeout = Duration::from_millis(500);
    let greeting = || -> std::io::Result<String> {
        let stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), timeout)?;
        stream.set_read_timeout(Some(timeout))?;
        let mut line = String::new();
        BufReader::new(stream.take(GREETING_LIMIT)).read_line(&mut line)?;
        Ok(line)
    };
    let line = greeting().map_err(|error| error.to_string())?;
    if line.starts_with("INFO ") && line.contains("\"jetstream\":true") {
        Ok(())
    } else {
        Err(format!("no JetStream behind its greeting `{}`", line.trim().chars().take(80).collect::<String>()))
    }
}
