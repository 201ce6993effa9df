//! Watchers: what an idle one costs, and what one that does not read does to the others.

use crate::Measurements;
use crate::world::World;
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use contracts::RunId;
use futures::StreamExt;
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio_tungstenite::connect_async;

/// First argument of the process that holds sockets open.
pub const HOLD: &str = "--hold-sockets";
const IDLE: usize = 1000;
const STALLED: usize = 50;
/// Live frames of 50×50 cells, as often as trainers send them.
const FRAMES: usize = 60;
const EVERY: Duration = Duration::from_millis(100);

/// Opens sockets and says so, until its input ends.
pub async fn hold(url: &str) -> Result<()> {
    let mut sockets = Vec::with_capacity(IDLE);
    for _ in 0..IDLE {
        let (mut socket, _) = connect_async(url).await?;
        // Acknowledgement and present state: from here on nothing happens.
        socket.next().await.context("an acknowledgement")??;
        sockets.push(socket);
    }
    println!("open");
    tokio::task::spawn_blocking(|| std::io::read_to_string(std::io::stdin())).await??;
    Ok(())
}

/// Memory of 1,000 sockets on which nothing happens.
pub async fn idle(world: &World, number: i64, measurements: &mut Measurements) -> Result<()> {
    let before = resident_bytes()?;
    let mut holder = Command::new(std::env::current_exe()?)
        .args([HOLD, &format!("ws://{}/ws/training/{number}", world.address)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(holder.stdout.take().context("its output")?).lines();
    let said = lines.next_line().await?;
    ensure!(said.as_deref() == Some("open"), "{said:?}");
    let grown = resident_bytes()? - before;
    measurements.add("1000_idle_sockets", grown / 1e6, "MB");
    drop(holder.stdin.take());
    holder.wait().await?;
    Ok(())
}

/// Delay of live frames for one watcher, alone and beside many that never read.
pub async fn stalled(world: &World, run: RunId, number: i64, measurements: &mut Measurements) -> Result<()> {
    let alone = delays(world, run, number).await?;
    let mut silent = Vec::new();
    for _ in 0..STALLED {
        let mut socket = TcpStream::connect(world.address).await?;
        let handshake = format!(
            "GET /ws/training/{number} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        );
        socket.write_all(handshake.as_bytes()).await?;
        silent.push(socket);
    }
    let beside = delays(world, run, number).await?;
    measurements.add("live_frame/p50_alone", alone, "ms");
    measurements.add(&format!("live_frame/p50_beside_{STALLED}_stalled"), beside, "ms");
    Ok(())
}

/// Median of the milliseconds from publishing a frame until a watcher has it.
async fn delays(world: &World, run: RunId, number: i64) -> Result<f64> {
    let (mut socket, _) = connect_async(format!("ws://{}/ws/training/{number}", world.address)).await?;
    let (width, height) = (50, 50);
    let grid = |value: Value| Value::from(vec![Value::from(vec![value; width]); height]);
    let mut frame = json!({
        "run_id": run, "episode": 0, "step": 0, "grid_width": width, "grid_height": height,
        "threat_grid": grid(json!(0.25)), "coverage_map": grid(json!(1)), "obstacles": grid(json!(false)),
        "robots": [{"id": 0, "x": 0, "y": 1, "orientation": 2, "battery_percentage": 90.0, "is_charging": false}],
        "suspicious_objects": [], "charging_stations": [{"x": 0, "y": 1}]
    });
    let mut milliseconds = Vec::with_capacity(FRAMES);
    let mut ticks = tokio::time::interval(EVERY);
    for step in 1..=FRAMES {
        ticks.tick().await;
        frame["step"] = json!(step);
        let sent = Instant::now();
        world.log.publish_live(run, Bytes::from(frame.to_string())).await?;
        // The first frames may be sent before the gateway listens.
        if tokio::time::timeout(Duration::from_secs(2), arrived(&mut socket, step)).await.is_ok() {
            milliseconds.push(sent.elapsed().as_secs_f64() * 1e3);
        }
    }
    ensure!(milliseconds.len() > FRAMES / 2, "{} of {FRAMES} frames arrived", milliseconds.len());
    milliseconds.sort_by(f64::total_cmp);
    Ok(milliseconds[milliseconds.len() / 2])
}

async fn arrived(
    socket: &mut (
             impl StreamExt<Item = Result<tokio_tungstenite::tungstenite::Message, tokio_tungstenite::tungstenite::Error>>
             + Unpin
         ),
    step: usize,
) -> Result<()> {
    let mark = format!("\"step\":{step},");
    while let Some(message) = socket.next().await {
        if message?.to_text().is_ok_and(|text| text.contains("environment_update") && text.contains(&mark)) {
            return Ok(());
        }
    }
    anyhow::bail!("the socket ended")
}

fn resident_bytes() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<f64>()? * 1024.0)
}
