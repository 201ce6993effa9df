//! How commands begin and end: readiness, mistakes in the configuration, readers that go away.

use crate::harness::{Executable, Finished, PATIENCE, Process, SMALL, System};
use anyhow::{Context, Result, ensure};
use contracts::RunId;
use std::fs::OpenOptions;
use std::net::TcpListener;
use std::process::Stdio;
use test_support::{TestDirectory, wait_for};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const READY: &str = "Patrol is ready";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_to_be_ready_answers_the_first_request() -> Result<()> {
    let directory = TestDirectory::new("ready")?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let address = format!("127.0.0.1:{port}");
    let executable = Executable::local(&directory.path().join("data"))?.and("GATEWAY_BIND", &address);
    let mut up = executable.start(&["up"], &directory.path().join("up.log"))?;
    said_to_be_ready(&mut up).await?;
    for path in ["/api/v1/training/list", "/readyz"] {
        let answer = get(&address, path).await?;
        ensure!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
    }
    assert_eq!(up.interrupt().await?, Some(0));
    Ok(())
}

#[tokio::test]
async fn what_cannot_serve_is_not_said_to_be_ready() -> Result<()> {
    let directory = TestDirectory::new("taken")?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let executable = Executable::local(&directory.path().join("data"))?;
    let executable = executable.and("GATEWAY_BIND", taken.local_addr()?.to_string()).and("LOG_LEVEL", "off");
    let finished = executable.run(&["up"]).await?;
    ensure!(finished.code == Some(1) && !finished.stderr.contains(READY), "{finished:?}");
    ensure!(finished.stderr.starts_with("patrol: gateway: GATEWAY_BIND: cannot listen"), "{finished:?}");
    assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
    Ok(())
}

#[tokio::test]
async fn mistakes_are_told_line_by_line_before_anything_is_started() -> Result<()> {
    let directory = TestDirectory::new("mistakes")?;
    let data = directory.path().join("data");
    let mistaken = |variables: &[(&'static str, &str)]| {
        let executable = Executable::local(&data)?;
        Ok::<_, anyhow::Error>(variables.iter().fold(executable, |it, (name, value)| it.and(name, *value)))
    };
    let lines = |finished: Finished| -> Result<Vec<String>> {
        ensure!(finished.code == Some(2), "{finished:?}");
        Ok(finished.stderr.lines().map(str::to_owned).collect())
    };
    let several = [
        ("ENVIRONMENT", "staging"),
        ("LOG_LEVEL", "loud"),
        ("NATS_URL", "nonsense"),
        ("NATS_CREDENTIALS", "/no/such/file"),
        ("DATABASE_URL", "nonsense"),
        ("PATROL_STORE_URL", "s3://"),
        ("TRAINER_THREADS", "many"),
    ];
    for command in ["up", "demo"] {
        let told = lines(mistaken(&several)?.run(&[command]).await?)?;
        assert_eq!(told.len(), several.len(), "{command}: {told:?}");
        for (name, _) in several {
            ensure!(told.iter().any(|line| line.starts_with(&format!("patrol: {name}: "))), "{name}: {told:?}");
        }
    }
    assert!(!data.join("nats").exists() && !data.join("postgres").exists(), "a server was started");
    for (name, value) in [("LOG_DIR", "/proc/no"), ("PATROL_DATA_DIR", "/proc/no")] {
        let told = lines(mistaken(&[(name, value)])?.run(&["up"]).await?)?;
        ensure!(told.len() == 1 && told[0].starts_with(&format!("patrol: {name}: ")), "{told:?}");
    }
    let told = lines(mistaken(&several[2..6])?.run(&["status"]).await?)?;
    assert_eq!(told.len(), 4, "{told:?}");
    let store = [("PATROL_STORE_URL", "file:///store")];
    let told = lines(mistaken(&store)?.run(&["trainer", "--lanes", "3"]).await?)?;
    ensure!(told.len() == 1 && told[0].contains("--role actor"), "{told:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_go_away_are_no_error_and_full_disks_are() -> Result<()> {
    let system = System::start().await?;
    let _services = [system.service("ingest")?, system.service("projector")?];
    system.ready().await?;
    let start: Vec<&str> = ["run", "start", "--steps", "512"].into_iter().chain(SMALL).collect();
    for _ in 0..3 {
        system.executable.json(&start).await?;
    }
    system.settle().await?;
    let commands: [&[&str]; 6] = [
        &["status"],
        &["run", "list"],
        &["events"],
        &["events", "--json"],
        &["replay", "project", "--check"],
        &["verify", "model"],
    ];
    for command in commands {
        let (reader, writer) = std::io::pipe()?;
        drop(reader);
        let unread = system.executable.run_into(writer.into(), command).await?;
        ensure!(unread.code == Some(0) && unread.stderr.is_empty(), "{command:?}: {unread:?}");
        let full: Stdio = OpenOptions::new().write(true).open("/dev/full")?.into();
        let full = system.executable.run_into(full, command).await?;
        let code = if command[0] == "verify" { 2 } else { 1 };
        ensure!(full.code == Some(code) && full.stderr.lines().count() == 1, "{command:?}: {full:?}");
        ensure!(full.stderr.contains("standard output cannot be written"), "{command:?}: {full:?}");
    }
    lists_say_what_they_leave_out(&system).await?;
    what_is_not_there_is_named(&system).await
}

async fn lists_say_what_they_leave_out(system: &System) -> Result<()> {
    let short = system.executable.run(&["run", "list", "--limit", "1"]).await?;
    ensure!(short.stdout.ends_with("… and 2 more: `--all` lists them\n"), "{short:?}");
    let all = system.executable.json(&["run", "list", "--all", "--json"]).await?;
    assert_eq!(all.as_array().map(Vec::len), Some(3), "{all:#}");
    let run = all[0].as_object().context("a run")?;
    ensure!(run.contains_key("best_checkpoint_mean_threat") && run.contains_key("best_mean_threat"), "{all:#}");
    let status = system.executable.json(&["status", "--json"]).await?;
    assert_eq!(status["more_runs"], 0);
    Ok(())
}

async fn what_is_not_there_is_named(system: &System) -> Result<()> {
    let nobody: RunId = crate::harness::run_id(4711);
    for run in ["0", "999999", &nobody.to_string()] {
        let finished = system.executable.run(&["events", "--run", run]).await?;
        ensure!(
            finished.code == Some(1) && finished.stderr.contains(&format!("there is no run {run}")),
            "{finished:?}"
        );
    }
    Ok(())
}

async fn said_to_be_ready(up: &mut Process) -> Result<()> {
    wait_for("the line that says so", PATIENCE, async || match up.output() {
        output if output.contains(READY) => Ok(()),
        output => Err(output),
    })
    .await?;
    ensure!(up.is_running()?, "{}", up.output());
    Ok(())
}

/// One request without a client that would try again.
async fn get(address: &str, path: &str) -> Result<String> {
    let mut connection = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    Ok(answer)
}
