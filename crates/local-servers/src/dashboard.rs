//! The dashboard: a Node.js server that renders its pages.

use crate::supervisor::{Program, Supervisor};
use crate::{InstanceLock, StartError};
use nix::sys::signal::Signal;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How to run it.
#[derive(Clone, Debug)]
pub struct DashboardOptions {
    /// The built application, as [`find_dashboard`] finds it.
    pub application: PathBuf,
    /// Holds its log and its process id; made when missing.
    pub data_dir: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where a browser finds the gateway, `http://host:port`.
    pub gateway: String,
    /// Where a browser finds the gateway's WebSocket, `ws://host:port`; by default the same place.
    pub websocket: Option<String>,
}

/// A running dashboard; dropping it stops it.
#[derive(Debug)]
pub struct DashboardServer {
    address: SocketAddr,
    supervisor: Supervisor,
    _lock: InstanceLock,
}

impl DashboardServer {
    /// Starts it and returns when it serves its first page.
    ///
    /// # Errors
    /// [`StartError`]; without Node.js it cannot be run.
    pub async fn start(options: DashboardOptions) -> Result<Self, StartError> {
        let lock = InstanceLock::acquire(&options.data_dir.join("lock"))?;
        let address = options.address;
        let supervisor = Supervisor::start(program(options)).await?;
        Ok(Self { address, supervisor, _lock: lock })
    }

    /// `http://host:port`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops it in order; returns when the process is gone.
    pub async fn stop(&self) {
        self.supervisor.stop().await;
    }
}

/// The application that set-up built into the tools directory, if it did.
pub fn find_dashboard(tools: &Path) -> Option<PathBuf> {
    let application = tools.join("dashboard/server/index.mjs");
    application.is_file().then_some(application)
}

fn program(options: DashboardOptions) -> Program {
    let address = options.address;
    Program {
        name: "the dashboard",
        log: options.data_dir.join("server.log"),
        pid_file: options.data_dir.join("server.pid"),
        stop_signal: Signal::SIGTERM,
        patience: Duration::from_secs(5),
        command: Box::new(move || Ok(command(&options))),
        probe: Box::new(move || probe(address)),
    }
}

fn command(options: &DashboardOptions) -> Command {
    let mut command = Command::new("node");
    command.arg(&options.application).env("NODE_ENV", "production");
    command.env("NITRO_HOST", options.address.ip().to_string()).env("NITRO_PORT", options.address.port().to_string());
    command.env("NUXT_PUBLIC_API_BASE_URL", &options.gateway);
    command.env("NUXT_PUBLIC_WS_URL", options.websocket.as_deref().unwrap_or_default());
    command
}

/// Asks for its first page, as a browser does.
fn probe(address: SocketAddr) -> Result<(), String> {
    const STATUS_LINE: u64 = 64;
    let timeout = Duration::from_secs(2);
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, timeout)?;
        stream.set_read_timeout(Some(timeout))?;
        write!(stream, "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut head = String::new();
        stream.take(STATUS_LINE).read_to_string(&mut head)?;
        Ok(head.lines().next().unwrap_or_default().to_owned())
    };
    match ask() {
        Ok(status) if status.starts_with("HTTP/1.1 200") => Ok(()),
        Ok(status) => Err(format!("it answers `{status}`")),
        Err(error) => Err(error.to_string()),
    }
}
