//! A real browser: pages of an allowed origin can do all that a front end does, those of another origin nothing, and the
//! documentation shows itself without a network.

use crate::world::{PATIENCE, World};
use anyhow::{Context, Result, bail};
use axum::Router;
use axum::extract::State;
use axum::response::Html;
use axum::routing::{get, post};
use serde_json::{Value, json};
use service_runtime::Secret;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use test_support::run_to_end;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

const TOKEN: &str = "open-sesame";
/// Names under which distributions and vendors install it.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_an_allowed_origin_can_do_what_a_front_end_does() -> Result<()> {
    let (mut pages, world, session) = pages_and_gateway().await?;
    let report = pages.visit("localhost", &world, session).await?;
    assert_eq!(
        report,
        json!({
            "list": 1, "start": "202 queued true", "missing": "404 string", "stranger": 401,
            "subprotocol": "connection_ack training_status pong patrol",
            "query": "connection_ack training_status pong ", "unknown": 4404,
            "events": format!("{session} patrol.run.requested.v1"), "upload": "422 body.file", "stop": 200, "delete": 204
        })
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_origin_can_do_nothing() -> Result<()> {
    let (mut pages, world, session) = pages_and_gateway().await?;
    // The same page by the other name of this machine, which is another origin.
    let report = pages.visit("127.0.0.1", &world, session).await?;
    let fields = report.as_object().context("a report")?;
    assert_eq!(fields.len(), 11);
    for (name, outcome) in fields {
        let refused = match name.as_str() {
            // Closed before anything was said.
            "unknown" => outcome == 1006,
            _ => outcome.as_str().is_some_and(|outcome| outcome.starts_with("failed: ")),
        };
        assert!(refused, "{name}: {outcome}");
    }
    let list = world.request(reqwest::Method::GET, "/api/v1/training/list").bearer_auth(TOKEN).send().await?;
    let list: Value = list.json().await?;
    assert_eq!((&list["total"], &list["sessions"][0]["status"]), (&json!(1), &json!("queued")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documentation_shows_itself() -> Result<()> {
    let world = World::with(|config| config.token = Some(Secret::new(TOKEN))).await?;
    let profile = tempfile::tempdir()?;
    let mut browser = browser(profile.path())?;
    // No name is ever looked up: what the page shows came with it.
    browser.args([
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--virtual-time-budget=10000",
        "--dump-dom",
    ]);
    browser.arg(format!("http://{}/docs?token={TOKEN}", world.address));
    let shown = run_to_end(browser, PATIENCE).await?;
    for words in [
        "/api/v1/training/start",
        "Watch a session over a WebSocket",
        "two robots in a cave",
        // A parameter's type and bounds; what leads to an operation, and to the document.
        "<td>integer (uint32)</td>",
        "at least 1, at most 4294967295",
        r#"id="post_training_start""#,
        "/openapi.json?token=",
    ] {
        assert!(shown.contains(words), "{words}: {:.2000}", shown);
    }
    Ok(())
}

/// The page, where it is served, and what it reports.
struct Pages {
    port: u16,
    reports: mpsc::Receiver<String>,
}

/// A server for the page, and a gateway that it may call by the name `localhost` only; with a session.
async fn pages_and_gateway() -> Result<(Pages, World, i64)> {
    let (told, reports) = mpsc::channel(1);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let router = Router::new()
        .route("/", get(async || Html(include_str!("browser.html"))))
        .route(
            "/report",
            post(async |State(told): State<mpsc::Sender<String>>, report: String| drop(told.send(report).await)),
        )
        .with_state(told);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let world = World::with(|config| {
        config.token = Some(Secret::new(TOKEN));
        config.allowed_origins = format!("http://localhost:{port}").parse().into_iter().collect();
    })
    .await?;
    let body = json!({"name": "watched", "algorithm": "ppo", "total_timesteps": 10_000});
    let started = world.request(reqwest::Method::POST, "/api/v1/training/start").bearer_auth(TOKEN).json(&body);
    let session: Value = started.send().await?.json().await?;
    let session = session["id"].as_i64().with_context(|| format!("{session:#}"))?;
    Ok((Pages { port, reports }, world, session))
}

impl Pages {
    /// What the page reports when it is opened by this name of the machine.
    async fn visit(&mut self, name: &str, world: &World, session: i64) -> Result<Value> {
        let profile = tempfile::tempdir()?;
        let address = format!("http://{name}:{}/?gateway={}&token={TOKEN}&session={session}", self.port, world.address);
        let mut running = browser(profile.path())?.arg("--remote-debugging-port=0").arg(address).spawn()?;
        let report = tokio::time::timeout(PATIENCE, self.reports.recv()).await;
        end(&mut running, profile).await?;
        Ok(serde_json::from_str(&report.context("no report in time")?.context("the pages are gone")?)?)
    }
}

/// A browser without a window, with a profile of its own.
fn browser(profile: &Path) -> Result<Command> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let installed = |name: &&&str| std::env::split_paths(&paths).any(|folder| folder.join(name).is_file());
    let Some(name) = BROWSERS.iter().find(installed) else {
        bail!("there is no browser: run `cargo xtask setup --tests`, or install Chromium or Chrome");
    };
    let mut command = Command::new(name);
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]);
    command.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
    command.arg(format!("--user-data-dir={}", profile.display()));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    Ok(command)
}

/// Ends a browser; its helpers go with it, and then its profile.
async fn end(browser: &mut Child, profile: TempDir) -> Result<()> {
    browser.kill().await?;
    // They may still write for a moment.
    test_support::wait_for("the end of the browser's helpers", Duration::from_secs(20), async || {
        std::fs::remove_dir_all(profile.path()).map_err(|error| error.to_string())
    })
    .await
}
