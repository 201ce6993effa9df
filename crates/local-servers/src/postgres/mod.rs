//! A Postgres with a database of its own.

mod account;
mod cluster;
mod probe;

use crate::supervisor::{Program, ServerState, Supervisor};
use crate::{InstanceLock, StartError, free_port};
use cluster::Cluster;
use nix::sys::signal::Signal;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::watch;

/// What a crash of the machine may cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Commits are on the disk (`fsync = on`).
    #[default]
    Durable,
    /// For tests: nothing is synchronised. A killed process still loses nothing.
    Volatile,
}

/// How to run the server.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// Directory of `postgres` and `initdb`.
    pub bin_dir: PathBuf,
    /// Holds `data` (the cluster) and `password`; made when missing.
    pub data_dir: PathBuf,
    /// Log file, appended to; `<data_dir>/server.log` by default.
    pub log: PathBuf,
    /// Port on 127.0.0.1; any free one by default.
    pub port: Option<u16>,
    /// Database and superuser made at the first start; `patrol` by default.
    pub database: String,
    pub durability: Durability,
    /// Further server settings, name and value; they win over the small defaults.
    pub settings: Vec<(String, String)>,
}

impl PostgresOptions {
    pub fn new(bin_dir: impl Into<PathBuf>, data_dir: impl Into<PathBuf>) -> Self {
        let data_dir = data_dir.into();
        Self {
            bin_dir: bin_dir.into(),
            log: data_dir.join("server.log"),
            data_dir,
            port: None,
            database: "patrol".to_owned(),
            durability: Durability::default(),
            settings: Vec::new(),
        }
    }
}

/// A running server; dropping it stops it.
#[derive(Debug)]
pub struct PostgresServer {
    port: u16,
    database: String,
    password: String,
    supervisor: Supervisor,
    _lock: InstanceLock,
}

impl PostgresServer {
    /// Makes the cluster at the first start, starts the server on 127.0.0.1 and returns when it answers.
    ///
    /// Started by root it runs as the owner of an existing cluster, else as `postgres`, else as `nobody`.
    ///
    /// # Errors
    /// [`StartError`]; a data directory in use by another instance is left alone.
    pub async fn start(options: PostgresOptions) -> Result<Self, StartError> {
        let lock = InstanceLock::acquire(&options.data_dir.join("lock"))?;
        let cluster = prepare(options.clone()).await?;
        let mut attempts_left = if options.port.is_some() { 1 } else { 3 };
        loop {
            let port = options.port.map_or_else(free_port, Ok)?;
            attempts_left -= 1;
            match Supervisor::start(program(&options, cluster.clone(), port)).await {
                Ok(supervisor) => {
                    let (database, password) = (options.database, cluster.password);
                    return Ok(Self { port, database, password, supervisor, _lock: lock });
                }
                // Somebody may have taken the free port meanwhile.
                Err(StartError::Exited { .. }) if attempts_left > 0 => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Of the database made at the first start, with the password in it: never log it.
    pub fn url(&self) -> String {
        self.url_of(&self.database)
    }

    /// Of another database of this server.
    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://{}:{}@127.0.0.1:{}/{database}", self.database, self.password, self.port)
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

    /// Stops it in order; returns when the process is gone.
    pub async fn stop(&self) {
        self.supervisor.stop().await;
    }
}

/// `initdb` takes about a second, so it runs on a thread of its own; like every child it must not outlive us.
async fn prepare(options: PostgresOptions) -> Result<Cluster, StartError> {
    let (reply, prepared) = tokio::sync::oneshot::channel();
    let data_dir = options.data_dir.clone();
    std::thread::spawn(move || reply.send(Cluster::prepare(&options)));
    let ended = |_| StartError::io("prepare", &data_dir)(std::io::Error::other("its thread has ended"));
    prepared.await.map_err(ended)?
}

fn program(options: &PostgresOptions, cluster: Cluster, port: u16) -> Program {
    let database = options.database.clone();
    let server_options = options.clone();
    Program {
        name: "postgres",
        log: options.log.clone(),
        pid_file: options.data_dir.join("server.pid"),
        // "Fast shutdown": ends sessions, writes a checkpoint (postgres(1)).
        stop_signal: Signal::SIGINT,
        patience: Duration::from_secs(10),
        command: Box::new(move || cluster.server(&server_options, port)),
        probe: Box::new(move || probe::probe(port, &database)),
    }
}
