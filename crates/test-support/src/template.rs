//! The migrated cluster that every test process copies: `initdb` and the migrations run once per version of them.

use crate::directory::{TestDirectory, target_directory, workspace_root};
use crate::postgres::{execute, start_server};
use anyhow::{Context, Result, ensure};
use sqlx::migrate::Migrator;
use sqlx::{Connection, PgConnection};
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The migrated database of the template cluster.
pub(crate) const MIGRATED: &str = "migrated";

/// A stopped cluster on disk; not replaced while this value lives.
#[derive(Debug)]
pub(crate) struct Template {
    path: PathBuf,
    _reader: File,
}

impl Template {
    /// Finds it, or makes it while other processes wait.
    pub(crate) async fn ensure() -> Result<Self> {
        let parent = target_directory().join("postgres-template");
        fs::create_dir_all(&parent).with_context(|| format!("create {}", parent.display()))?;
        let guard = File::create(parent.join("lock")).context("open the template's lock")?;
        let path = parent.join(key(&workspace_root().join("migrations"))?);
        guard.lock_shared()?;
        if !path.exists() {
            guard.unlock()?;
            guard.lock()?;
            if !path.exists() {
                remove_others(&parent)?;
                build(&path).await.context("make the migrated template of the tests' Postgres")?;
            }
            // Both steps count as one for readers: nothing removes it but a process that builds another.
            guard.unlock()?;
            guard.lock_shared()?;
        }
        ensure!(path.exists(), "the migrations changed while tests were starting; run them again");
        Ok(Self { path, _reader: guard })
    }

    /// With owners and modes, so that the server accepts it.
    pub(crate) fn copy_to(&self, data_dir: &Path) -> Result<()> {
        copy(&self.path, data_dir)
    }
}

async fn build(path: &Path) -> Result<()> {
    let directory = TestDirectory::new("template")?;
    let data_dir = directory.path().join("postgres");
    let server = start_server(&data_dir).await?;
    execute(&server.url(), &format!("CREATE DATABASE {MIGRATED}")).await?;
    migrate(&server.url_of(MIGRATED)).await?;
    server.stop().await;
    drop(server);
    let partial = path.with_extension("partial");
    copy(&data_dir, &partial)?;
    Ok(fs::rename(&partial, path)?)
}

async fn migrate(url: &str) -> Result<()> {
    let migrations = workspace_root().join("migrations");
    if !migrations.is_dir() {
        return Ok(());
    }
    let mut connection = PgConnection::connect(url).await?;
    Migrator::new(migrations).await?.run(&mut connection).await?;
    Ok(connection.close().await?)
}

/// Changes with the content of the migrations and with this file's own layout.
fn key(migrations: &Path) -> Result<String> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(migrations).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files.iter().filter(|file| file.is_file()) {
        file.file_name().hash(&mut hasher);
        fs::read(file).with_context(|| format!("read {}", file.display()))?.hash(&mut hasher);
    }
    let bin_dir = local_servers::find_postgres(Path::new(""))?;
    Ok(format!("v2-{:016x}", {
        bin_dir.hash(&mut hasher);
        hasher.finish()
    }))
}

fn remove_others(parent: &Path) -> Result<()> {
    for entry in fs::read_dir(parent)?.flatten() {
        if entry.path().is_dir() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    let status = Command::new("cp").args(["-a", "--reflink=auto"]).arg(from).arg(to).status().context("run cp")?;
    ensure!(status.success(), "cp -a {} {} failed", from.display(), to.display());
    Ok(())
}
