//! A nats-server private to one test, and a cluster of them.

use crate::{TestDirectory, wait_for, workspace_root};
use anyhow::{Context, Result};
use local_servers::{NatsOptions, NatsServer, find_nats_server, free_port};
use serde_json::Value;
use std::ops::Deref;
use std::path::PathBuf;
use std::time::Duration;

/// How long a cluster may take to agree on a leader.
const ELECTION: Duration = Duration::from_secs(30);

/// Starting one takes tens of milliseconds, so none is shared: the streams' names are fixed.
#[derive(Debug)]
pub struct TestNats {
    // Dropped first: the directory may only go after the server.
    server: NatsServer,
    directory: TestDirectory,
}

impl TestNats {
    pub async fn start() -> Result<Self> {
        Self::start_with(|_| {}).await
    }

    /// With other options, for example a configuration file with accounts.
    pub async fn start_with(adjust: impl FnOnce(&mut NatsOptions)) -> Result<Self> {
        let directory = TestDirectory::new("nats")?;
        let mut options = NatsOptions::new(binary()?, directory.path().join("nats"));
        adjust(&mut options);
        Ok(Self { server: NatsServer::start(options).await?, directory })
    }

    /// A connection of this test.
    pub async fn client(&self) -> Result<async_nats::Client> {
        Ok(async_nats::connect(self.server.url()).await?)
    }

    /// For further files of the test.
    pub fn directory(&self) -> &TestDirectory {
        &self.directory
    }
}

/// `url`, `restart`, `kill`, `stop`, `state`.
impl Deref for TestNats {
    type Target = NatsServer;

    fn deref(&self) -> &NatsServer {
        &self.server
    }
}

/// Servers that keep a copy of every stream each.
#[derive(Debug)]
pub struct TestCluster {
    // Dropped first, as above.
    servers: Vec<NatsServer>,
    _directory: TestDirectory,
}

impl TestCluster {
    /// How many there are, as many as a stream has copies.
    pub const SERVERS: usize = 3;

    /// Starts them; who leads is for them to agree on.
    pub async fn start() -> Result<Self> {
        let directory = TestDirectory::new("nats-cluster")?;
        let binary = binary()?;
        let routes = (0..Self::SERVERS).map(|_| Ok(format!("nats://127.0.0.1:{}", free_port()?)));
        let routes = routes.collect::<Result<Vec<_>>>()?;
        let mut servers = Vec::new();
        for (index, route) in routes.iter().enumerate() {
            let mut options = NatsOptions::new(&binary, directory.path().join(name(index)));
            let cluster = ["--name", &name(index), "--cluster_name", "patrol", "--cluster", route];
            options.arguments = cluster.map(str::to_owned).to_vec();
            options.arguments.extend(["--routes".to_owned(), routes.join(",")]);
            servers.push(NatsServer::start(options).await?);
        }
        Ok(Self { servers, _directory: directory })
    }

    /// The addresses of all, as `NATS_URL` takes them.
    pub fn url(&self) -> String {
        self.servers.iter().map(NatsServer::url).collect::<Vec<_>>().join(",")
    }

    /// A connection of this test to any of them.
    pub async fn client(&self) -> Result<async_nats::Client> {
        let addresses: Vec<String> = self.servers.iter().map(NatsServer::url).collect();
        Ok(async_nats::connect(addresses.as_slice()).await?)
    }

    /// The server that leads a stream, and the others; waits while there is none.
    pub async fn leader_of(&self, stream: &str) -> Result<(&NatsServer, Vec<&NatsServer>)> {
        let client = self.client().await?;
        let leader = wait_for("a leader", ELECTION, async || {
            let answer = client.request(format!("$JS.API.STREAM.INFO.{stream}"), "".into()).await?;
            let info: Value = serde_json::from_slice(&answer.payload)?;
            let leader = info["cluster"]["leader"].as_str().map(str::to_owned);
            leader.with_context(|| format!("none leads: {info}"))
        });
        let leader = leader.await?;
        let index =
            (0..self.servers.len()).find(|index| name(*index) == leader).context("a leader of another cluster")?;
        let others = (0..self.servers.len()).filter(|other| *other != index).map(|other| &self.servers[other]);
        Ok((&self.servers[index], others.collect()))
    }
}

fn binary() -> Result<PathBuf> {
    Ok(find_nats_server(&workspace_root().join("var/tools"))?)
}

fn name(index: usize) -> String {
    format!("nats-{index}")
}
