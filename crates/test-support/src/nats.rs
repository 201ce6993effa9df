//! A nats-server private to one test.

use crate::{TestDirectory, workspace_root};
use anyhow::Result;
use local_servers::{NatsOptions, NatsServer, find_nats_server};
use std::ops::Deref;

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
        let binary = find_nats_server(&workspace_root().join("var/tools"))?;
        let mut options = NatsOptions::new(binary, directory.path().join("nats"));
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
