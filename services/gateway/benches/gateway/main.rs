//! The gateway under load, beside the least that could answer: `cargo bench -p gateway`.
//!
//! Client, gateway and the bare server share this process and take turns, so that ratios hold on a machine that is not
//! idle. Writes `target/bench/gateway.json` in the form of the summary: name → `{value, unit, limit?}`.

mod bare;
mod lists;
mod load;
#[path = "../../../../crates/read-models/tests/all/samples.rs"]
#[expect(dead_code, reason = "events of every kind; the bench needs few")]
mod samples;
mod sockets;
#[path = "../../tests/all/world.rs"]
#[expect(dead_code, reason = "the tests' servers and services; the bench needs few of their helpers")]
mod world;

use anyhow::{Context, Result, ensure};
use load::Load;
use reqwest::StatusCode;
use serde_json::{Map, Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use test_support::{BareQueries, wait_for, workspace_root};
use world::{PATIENCE, World};

/// Connections while throughput is compared.
const CONNECTIONS: usize = 8;
/// Clients while a run trains.
const CLIENTS: usize = 200;
/// Rounds in which bare server and gateway take turns.
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(800);
/// Sessions in the list, and how many of them a page shows.
const SESSIONS: usize = 40;
const PAGE: i64 = 20;
/// Pages of 1,000 frames that are timed after one that warms up.
const FRAME_PAGES: usize = 10;

#[derive(Default)]
struct Measurements(Map<String, Value>);

impl Measurements {
    fn add(&mut self, name: &str, value: f64, unit: &str) {
        println!("{name:<44} {value:>12.3} {unit}");
        self.0.insert(format!("gateway/{name}"), json!({ "value": value, "unit": unit }));
    }

    fn add_limited(&mut self, name: &str, value: f64, unit: &str, limit: f64) {
        println!("{name:<44} {value:>12.3} {unit}  ({:.0} % of {limit:.0})", 100.0 * value / limit);
        self.0.insert(format!("gateway/{name}"), json!({ "value": value, "unit": unit, "limit": limit }));
    }
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    // The other side of the sockets has a process of its own: its memory is not the gateway's.
    if arguments.next().as_deref() == Some(sockets::HOLD) {
        let url = arguments.next().context("an address")?;
        return runtime.block_on(sockets::hold(&url));
    }
    let mut measurements = Measurements::default();
    runtime.block_on(measure(&mut measurements))?;
    let directory = workspace_root().join("target/bench");
    std::fs::create_dir_all(&directory)?;
    std::fs::write(directory.join("gateway.json"), serde_json::to_string_pretty(&measurements.0)?)?;
    Ok(())
}

async fn measure(measurements: &mut Measurements) -> Result<()> {
    // First of all: later, memory that was used before and is free again would hide what sockets cost.
    let world = World::start().await?;
    let (number, run) = world.start_session("waiting").await?;
    sockets::idle(&world, number, measurements).await?;
    lists::long(&world, run, number, measurements).await?;
    drop(world);
    let world = World::with_trainer().await?;
    let (run, number) = recorded_run(&world).await?;
    frames(&world, number, measurements).await?;
    sockets::stalled(&world, run, number, measurements).await?;
    for session in 0..SESSIONS {
        world.start_session(&format!("waiting {session}")).await?;
    }
    // The only database of this world's server.
    let queries = BareQueries::connect(&world.postgres.url_of("test_0"), CONNECTIONS as u32).await?;
    let bare = bare::serve(queries).await?;
    throughput(&world, bare, number, measurements).await?;
    while_training(&world, measurements).await
}

/// A run of 20×20 cells whose every step is in the archive.
async fn recorded_run(world: &World) -> Result<(contracts::RunId, i64)> {
    let steps = 64 * 1600;
    let body = json!({"name": "recorded", "algorithm": "ppo", "total_timesteps": steps, "env_width": 20,
                      "env_height": 20, "num_envs": 64, "batch_size": 2048});
    let session = world.train(body).await?;
    let number = session["id"].as_i64().context("a number")?;
    let path = format!("/api/v1/playback/{number}/frames?page_size=1");
    wait_for("every step in the archive", PATIENCE, async || match world.found(&path).await {
        Ok(page) if page["total"].as_u64() >= Some(steps) => Ok(()),
        other => Err(format!("{other:.200?}")),
    })
    .await?;
    Ok((session["run_id"].as_str().context("a UUID")?.parse()?, number))
}

/// A page of 1,000 frames, warm.
async fn frames(world: &World, number: i64, measurements: &mut Measurements) -> Result<()> {
    let mut connection = load::Connection::open(world.address).await?;
    let path = format!("/api/v1/playback/{number}/frames?page_size=1000&page=2");
    let bytes = connection.get(&path).await?;
    let before = load::processor_seconds()?;
    let milliseconds = connection.median(&path, FRAME_PAGES).await?;
    let processor = (load::processor_seconds()? - before) * 1e3 / FRAME_PAGES as f64;
    measurements.add("frames_1000/p50", milliseconds, "ms");
    measurements.add("frames_1000/processor", processor, "ms");
    measurements.add("frames_1000/size", bytes as f64, "bytes");
    Ok(())
}

/// Requests per second of the gateway, limited by the bare server's.
async fn throughput(world: &World, bare: SocketAddr, number: i64, measurements: &mut Measurements) -> Result<()> {
    let targets = [
        ("livez", "/livez".to_owned(), "/livez".to_owned()),
        ("list", format!("/api/v1/training/list?page_size={PAGE}"), format!("/runs?count={PAGE}")),
        ("status", format!("/api/v1/training/{number}/status"), format!("/runs/{number}")),
    ];
    for (name, ours, theirs) in targets {
        let (mut gateway, mut limit) = (Load::default(), Load::default());
        for _ in 0..ROUNDS {
            limit.run(bare, &theirs, CONNECTIONS, ROUND).await?;
            gateway.run(world.address, &ours, CONNECTIONS, ROUND).await?;
        }
        measurements.add_limited(name, gateway.per_second(), "requests/s", limit.per_second());
    }
    Ok(())
}

/// Latency for many clients while a run trains on the same cores.
async fn while_training(world: &World, measurements: &mut Measurements) -> Result<()> {
    let body = json!({"name": "training", "algorithm": "ppo", "total_timesteps": 1_000_000_000_u64, "num_envs": 16});
    let (status, session) = world.post("/api/v1/training/start", body).await?;
    ensure!(status == StatusCode::ACCEPTED, "{session:#}");
    let path = format!("/api/v1/training/{}/status", session["id"]);
    wait_for("a run that trains", PATIENCE, async || match world.found(&path).await {
        Ok(session) if session["current_timestep"].as_i64() > Some(0) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await?;
    for (name, path) in [("status", path), ("list", "/api/v1/training/list".to_owned())] {
        let mut load = Load::default();
        load.run(world.address, &path, CLIENTS, Duration::from_secs(4)).await?;
        measurements.add(&format!("{CLIENTS}_clients/{name}/rate"), load.per_second(), "requests/s");
        measurements.add(&format!("{CLIENTS}_clients/{name}/p50"), load.percentile(0.5), "ms");
        measurements.add(&format!("{CLIENTS}_clients/{name}/p99"), load.percentile(0.99), "ms");
    }
    Ok(())
}
