//! A Postgres per test process and a database per test, cloned from one that was migrated once.

use crate::TestDirectory;
use crate::template::{MIGRATED, Template};
use anyhow::{Context, Result};
use local_servers::{Durability, PostgresOptions, PostgresServer, find_postgres};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::ops::Deref;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use tokio::sync::Mutex;

/// A server whose cluster was copied from the migrated template.
#[derive(Debug)]
pub struct TestPostgres {
    // Dropped first: the directory may only go after the server.
    server: PostgresServer,
    _directory: TestDirectory,
    databases: AtomicU32,
}

/// A database of one test; it goes away with the server.
#[derive(Clone, Debug)]
pub struct TestDatabase {
    url: String,
}

static SHARED: Mutex<Weak<TestPostgres>> = Mutex::const_new(Weak::new());

impl TestPostgres {
    /// The server of this test process, alive as long as some test holds it.
    pub async fn shared() -> Result<Arc<Self>> {
        let mut shared = SHARED.lock().await;
        if let Some(running) = shared.upgrade() {
            return Ok(running);
        }
        let started = Arc::new(Self::start().await?);
        *shared = Arc::downgrade(&started);
        Ok(started)
    }

    /// A server of one's own, for tests that stop or kill it.
    pub async fn start() -> Result<Self> {
        let directory = TestDirectory::new("postgres")?;
        let data_dir = directory.path().join("postgres");
        Template::ensure().await?.copy_to(&data_dir)?;
        let server = start_server(&data_dir).await?;
        Ok(Self { server, _directory: directory, databases: AtomicU32::new(0) })
    }

    /// A migrated database of one's own.
    pub async fn fresh_database(&self) -> Result<TestDatabase> {
        self.create(MIGRATED).await
    }

    /// A database without any table.
    pub async fn empty_database(&self) -> Result<TestDatabase> {
        self.create("template1").await
    }

    async fn create(&self, template: &str) -> Result<TestDatabase> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let statement = format!("CREATE DATABASE {name} TEMPLATE {template}");
        execute(&self.server.url(), &statement).await?;
        Ok(TestDatabase { url: self.server.url_of(&name) })
    }
}

/// `restart`, `kill`, `stop`, `state`.
impl Deref for TestPostgres {
    type Target = PostgresServer;

    fn deref(&self) -> &PostgresServer {
        &self.server
    }
}

impl TestDatabase {
    pub fn url(&self) -> &str {
        &self.url
    }
}

pub(crate) async fn start_server(data_dir: &Path) -> Result<PostgresServer> {
    let mut options = PostgresOptions::new(find_postgres(data_dir)?, data_dir);
    options.durability = Durability::Volatile;
    Ok(PostgresServer::start(options).await?)
}

pub(crate) async fn execute(url: &str, statement: &str) -> Result<()> {
    let mut connection = PgConnection::connect(url).await.context("connect to the test's Postgres")?;
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(&mut connection)
        .await
        .with_context(|| statement.to_owned())?;
    Ok(connection.close().await?)
}
