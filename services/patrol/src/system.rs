//! The local system: nats-server and Postgres as children unless configured otherwise, and where everything is.

use crate::failure::Failure;
use crate::instance::{Announcement, Instance};
use anyhow::{Context, Result};
use local_servers::{
    InstanceLock, NatsOptions, NatsServer, PostgresOptions, PostgresServer, find_nats_server, find_postgres,
    free_port_or,
};
use service_runtime::EnvironmentReader;
use std::path::{Path, PathBuf};

/// The port that NATS clients try first.
const NATS_PORT: u16 = 4222;

/// Servers and addresses of one instance. Dropping it stops the servers that it started.
pub struct System {
    pub variables: EnvironmentReader,
    pub addresses: Instance,
    nats: Option<NatsServer>,
    postgres: Option<PostgresServer>,
    _announcement: Announcement,
    _lock: InstanceLock,
}

/// `PATROL_DATA_DIR` as an absolute path.
pub fn data_dir(variables: &mut EnvironmentReader) -> Result<PathBuf> {
    let data_dir: PathBuf = variables.or_default("PATROL_DATA_DIR", "var");
    std::path::absolute(&data_dir).with_context(|| format!("PATROL_DATA_DIR: {} is no path", data_dir.display()))
}

/// Makes the folder of `PATROL_DATA_DIR`, whose name a later failure to write below it would not tell.
pub fn make_data_dir(variables: &mut EnvironmentReader) -> Result<(), Failure> {
    let folder = data_dir(variables)?;
    let made = std::fs::create_dir_all(&folder);
    let mistake = |error| format!("PATROL_DATA_DIR: {} cannot be made: {error}", folder.display());
    made.map_err(|error| Failure::configuration(mistake(error)))
}

impl System {
    /// Starts what is not configured by `NATS_URL` and `DATABASE_URL`, and announces the addresses.
    ///
    /// # Errors
    /// A second instance on the same data directory says so and leaves the first alone.
    pub async fn start(mut variables: EnvironmentReader) -> Result<Self, Failure> {
        let data_dir = data_dir(&mut variables)?;
        let lock = InstanceLock::acquire(&data_dir.join("patrol.lock"))?;
        let tools = data_dir.join("tools");
        let nats = match variables.optional::<String>("NATS_URL") {
            Some(_) => None,
            None => {
                // Set-up unpacks it into the checkout, whatever the data directory is.
                let binary = find_nats_server(&tools).or_else(|_| find_nats_server(Path::new("var/tools")))?;
                let mut options = NatsOptions::new(binary, data_dir.join("nats"));
                options.port = Some(free_port_or(NATS_PORT)?);
                Some(NatsServer::start(options))
            }
        };
        let postgres = match variables.optional::<String>("DATABASE_URL") {
            Some(_) => None,
            None => {
                let folder = data_dir.join("postgres");
                Some(PostgresServer::start(PostgresOptions::new(find_postgres(&folder)?, folder)))
            }
        };
        // Both start at the same time: the first start of Postgres takes seconds.
        let (nats, postgres) = tokio::join!(maybe(nats), maybe(postgres));
        let (nats, postgres) = (nats.transpose()?, postgres.transpose()?);
        if let Some(nats) = &nats {
            variables.set("NATS_URL", nats.url());
        }
        if let Some(postgres) = &postgres {
            variables.set("DATABASE_URL", postgres.url());
        }
        if variables.optional::<String>("PATROL_STORE_URL").is_none() {
            variables.set("PATROL_STORE_URL", format!("file://{}", data_dir.join("store").display()));
        }
        let addresses = addresses(&mut variables);
        let announcement = addresses.announce(&data_dir)?;
        Ok(Self { variables, addresses, nats, postgres, _announcement: announcement, _lock: lock })
    }

    /// Stops the servers that were started here, NATS last: what is still being written reaches it.
    pub async fn stop(self) {
        if let Some(postgres) = self.postgres {
            postgres.stop().await;
        }
        if let Some(nats) = self.nats {
            nats.stop().await;
        }
    }
}

async fn maybe<T>(starting: Option<impl Future<Output = T>>) -> Option<T> {
    match starting {
        Some(starting) => Some(starting.await),
        None => None,
    }
}

fn addresses(variables: &mut EnvironmentReader) -> Instance {
    let mut text = |name, default| variables.or_default::<String>(name, default);
    Instance {
        pid: std::process::id(),
        nats_url: text("NATS_URL", ""),
        database_url: text("DATABASE_URL", ""),
        store_url: text("PATROL_STORE_URL", ""),
        gateway: text("GATEWAY_BIND", "127.0.0.1:8000"),
    }
}
