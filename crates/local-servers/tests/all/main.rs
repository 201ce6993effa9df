//! The real servers: start, crash, restart, second instance, orphan, closed parent directory.

use anyhow::{Context, Result, bail};
use local_servers::{
    Durability, InstanceLock, NatsOptions, NatsServer, PostgresOptions, PostgresServer, ServerState, StartError,
    find_nats_server, find_postgres,
};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

mod orphans;

fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../var/tools")
}

fn nats_options(dir: &Path) -> Result<NatsOptions> {
    Ok(NatsOptions::new(find_nats_server(&tools())?, dir.join("nats")))
}

fn postgres_options(dir: &Path) -> Result<PostgresOptions> {
    let data_dir = dir.join("postgres");
    let mut options = PostgresOptions::new(find_postgres(&data_dir)?, data_dir);
    options.durability = Durability::Volatile;
    Ok(options)
}

/// Runs one statement with the distribution's `psql`; returns the bare rows.
fn query(server: &PostgresServer, bin_dir: &Path, statement: &str) -> Result<String> {
    let output = std::process::Command::new(bin_dir.join("psql"))
        .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statement, &server.url()])
        .output()?;
    if !output.status.success() {
        bail!("psql: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// The process id of the next healthy state other than `before`.
async fn healthy_again(mut state: tokio::sync::watch::Receiver<ServerState>, before: u32) -> Result<u32> {
    let healthy = state.wait_for(|state| matches!(state, ServerState::Healthy { pid } if *pid != before));
    match &*tokio::time::timeout(Duration::from_secs(20), healthy).await.context("not healthy again")?? {
        ServerState::Healthy { pid } => Ok(*pid),
        other => bail!("{other:?}"),
    }
}

fn pid(state: &ServerState) -> Result<u32> {
    match state {
        ServerState::Healthy { pid } => Ok(*pid),
        other => bail!("not healthy but {other:?}"),
    }
}

/// What the server says first: one line `INFO {…}`.
fn greeting(server: &NatsServer) -> Result<String> {
    let mut line = String::new();
    BufReader::new(TcpStream::connect(("127.0.0.1", server.port()))?).read_line(&mut line)?;
    Ok(line)
}

/// One request to JetStream in the text protocol of NATS, and its answer.
fn ask(server: &NatsServer, subject: &str, body: &str) -> Result<String> {
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", server.port()))?);
    let length = body.len();
    write!(stream.get_mut(), "CONNECT {{\"verbose\":false}}\r\nSUB me 1\r\nPUB {subject} me {length}\r\n{body}\r\n")?;
    let mut line = String::new();
    while !line.starts_with("MSG ") {
        line.clear();
        anyhow::ensure!(stream.read_line(&mut line)? > 0, "closed without an answer to {subject}");
    }
    line.clear();
    stream.read_line(&mut line)?;
    Ok(line)
}

#[tokio::test]
async fn nats_has_the_configuration_of_the_repository_also_over_data_from_before() -> Result<()> {
    let dir = TempDir::new()?;
    let plain = dir.path().join("plain.conf");
    std::fs::write(&plain, "")?;
    let server = NatsServer::start(NatsOptions { config: Some(plain), ..nats_options(dir.path())? }).await?;
    assert!(greeting(&server)?.contains("\"max_payload\":1048576"), "{}", greeting(&server)?);
    let stream = r#"{"name":"OLD","subjects":["b"],"storage":"file","max_bytes":1000000}"#;
    assert!(!ask(&server, "$JS.API.STREAM.CREATE.OLD", stream)?.contains("\"error\""));
    assert!(ask(&server, "b", "kept")?.contains("\"seq\":1"));
    server.stop().await;
    drop(server);

    let server = NatsServer::start(nats_options(dir.path())?).await?;
    assert!(greeting(&server)?.contains("\"max_payload\":8388608"), "{}", greeting(&server)?);
    assert!(ask(&server, "$JS.API.STREAM.INFO.OLD", "")?.contains("\"messages\":1"));
    assert!(ask(&server, "b", "more")?.contains("\"seq\":2"));
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn nats_serves_jetstream_and_comes_back_after_a_crash_on_the_same_port() -> Result<()> {
    let dir = TempDir::new()?;
    let server = NatsServer::start(nats_options(dir.path())?).await?;
    let greeting = || greeting(&server);
    assert!(greeting()?.contains("\"version\":\"2.15.1\""), "{}", greeting()?);
    let first = pid(&server.state().borrow())?;
    server.kill();
    let second = healthy_again(server.state(), first).await?;
    assert!(greeting()?.starts_with("INFO"));
    server.restart().await?;
    let third = pid(&server.state().borrow())?;
    assert!(third != second && greeting()?.starts_with("INFO"));
    server.stop().await;
    assert_eq!(*server.state().borrow(), ServerState::Stopped);
    assert!(greeting().is_err());
    Ok(())
}

#[tokio::test]
async fn postgres_keeps_its_rows_through_restart_crash_and_a_second_start() -> Result<()> {
    let dir = TempDir::new()?;
    let options = postgres_options(dir.path())?;
    let bin_dir = options.bin_dir.clone();
    let server = PostgresServer::start(options.clone()).await?;
    query(&server, &bin_dir, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")?;
    server.restart().await?;
    query(&server, &bin_dir, "INSERT INTO kept VALUES (2)")?;
    let before = pid(&server.state().borrow())?;
    server.kill();
    healthy_again(server.state(), before).await?;
    assert_eq!(query(&server, &bin_dir, "SELECT sum(n) FROM kept")?, "3");
    drop(server);
    let server = PostgresServer::start(options).await?;
    assert_eq!(query(&server, &bin_dir, "SELECT sum(n) FROM kept")?, "3");
    Ok(())
}

#[tokio::test]
async fn postgres_asks_for_the_password_and_listens_on_loopback_only() -> Result<()> {
    let dir = TempDir::new()?;
    let options = postgres_options(dir.path())?;
    let bin_dir = options.bin_dir.clone();
    let server = PostgresServer::start(options).await?;
    let wrong = format!("postgres://patrol:wrong@127.0.0.1:{}/patrol", server.port());
    let output = std::process::Command::new(bin_dir.join("psql")).args(["-c", "SELECT 1", &wrong]).output()?;
    assert!(String::from_utf8_lossy(&output.stderr).contains("password authentication failed"));
    assert_eq!(query(&server, &bin_dir, "SHOW listen_addresses")?, "127.0.0.1");
    let mode = std::fs::metadata(dir.path().join("postgres/password"))?.permissions().mode();
    assert_eq!(mode & 0o077, 0, "others may read the password: {mode:o}");
    Ok(())
}

#[tokio::test]
async fn postgres_starts_below_a_directory_that_its_user_cannot_enter() -> Result<()> {
    let dir = TempDir::new()?;
    let closed = dir.path().join("home");
    std::fs::create_dir(&closed)?;
    std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o700))?;
    let options = postgres_options(&closed)?;
    let bin_dir = options.bin_dir.clone();
    let server = PostgresServer::start(options).await?;
    for statement in ["CREATE TABLE t AS SELECT 1 AS n", "CHECKPOINT", "CREATE DATABASE other TEMPLATE patrol"] {
        query(&server, &bin_dir, statement)?;
    }
    server.restart().await?;
    assert_eq!(query(&server, &bin_dir, "SELECT n FROM t")?, "1");
    Ok(())
}

#[tokio::test]
async fn a_second_instance_names_the_first_and_leaves_it_alone() -> Result<()> {
    let dir = TempDir::new()?;
    let server = NatsServer::start(nats_options(dir.path())?).await?;
    let error = NatsServer::start(nats_options(dir.path())?).await.expect_err("it is in use");
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    assert!(std::net::TcpStream::connect(("127.0.0.1", server.port())).is_ok());
    Ok(())
}

#[test]
fn a_lock_is_free_again_after_its_holder() -> Result<()> {
    let dir = TempDir::new()?;
    let path = dir.path().join("deep/patrol.lock");
    let first = InstanceLock::acquire(&path)?;
    assert!(matches!(InstanceLock::acquire(&path), Err(StartError::Held { .. })));
    drop(first);
    InstanceLock::acquire(&path)?;
    Ok(())
}

#[tokio::test]
async fn an_interrupted_first_start_is_done_again() -> Result<()> {
    let dir = TempDir::new()?;
    let options = postgres_options(dir.path())?;
    let partial = options.data_dir.join("data.partial");
    std::fs::create_dir_all(&partial)?;
    std::fs::write(partial.join("PG_VERSION"), "15")?;
    PostgresServer::start(options).await?;
    assert!(!partial.exists());
    Ok(())
}

#[tokio::test]
async fn a_stale_pid_file_of_a_reused_process_id_does_not_stop_the_start() -> Result<()> {
    let dir = TempDir::new()?;
    let options = postgres_options(dir.path())?;
    PostgresServer::start(options.clone()).await?.stop().await;
    // As after a power cut: the recorded id now belongs to an unrelated process, this one.
    let text = format!("{}\n/\n0\n5432\n\n127.0.0.1\n", std::process::id());
    std::fs::write(options.data_dir.join("data/postmaster.pid"), text)?;
    PostgresServer::start(options).await?;
    Ok(())
}

#[tokio::test]
async fn data_of_another_version_is_refused_untouched() -> Result<()> {
    let dir = TempDir::new()?;
    let options = postgres_options(dir.path())?;
    std::fs::create_dir_all(options.data_dir.join("data"))?;
    std::fs::write(options.data_dir.join("data/PG_VERSION"), "9\n")?;
    let error = PostgresServer::start(options.clone()).await.expect_err("wrong version");
    assert!(error.to_string().contains("was written by Postgres 9"), "{error}");
    assert!(options.data_dir.join("data/PG_VERSION").exists());
    Ok(())
}

#[tokio::test]
async fn a_server_that_cannot_start_is_reported_with_its_own_words() -> Result<()> {
    let dir = TempDir::new()?;
    let mut options = nats_options(dir.path())?;
    let config = dir.path().join("broken.conf");
    std::fs::write(&config, "jetstream { no_such_setting: 1 }")?;
    options.config = Some(config);
    let error = NatsServer::start(options).await.expect_err("a broken configuration");
    assert!(error.to_string().contains("no_such_setting"), "{error}");
    Ok(())
}
