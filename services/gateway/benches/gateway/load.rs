//! A client that costs little: requests one after the other on connections that stay open.

use anyhow::{Context, Result, ensure};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// One HTTP/1.1 connection.
pub struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, buffer: Vec::with_capacity(1 << 16) })
    }

    /// Bytes of the body of a successful answer.
    pub async fn get(&mut self, path: &str) -> Result<usize> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        self.socket.write_all(request.as_bytes()).await?;
        self.buffer.clear();
        let head = loop {
            ensure!(self.socket.read_buf(&mut self.buffer).await? > 0, "the connection was closed");
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let text = std::str::from_utf8(&self.buffer[..head])?;
        ensure!(text.starts_with("HTTP/1.1 200"), "{path}: {text}");
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).context("a length")?;
        let length: usize = length.trim().parse()?;
        let mut missing = (head + length).saturating_sub(self.buffer.len());
        self.buffer.clear();
        while missing > 0 {
            let read = self.socket.read_buf(&mut self.buffer).await?;
            ensure!(read > 0, "the answer was cut off");
            missing = missing.saturating_sub(read);
            self.buffer.clear();
        }
        Ok(length)
    }

    /// Median of the milliseconds that so many requests take, one after the other.
    pub async fn median(&mut self, path: &str, requests: usize) -> Result<f64> {
        let mut milliseconds = Vec::with_capacity(requests);
        for _ in 0..requests {
            let began = Instant::now();
            self.get(path).await?;
            milliseconds.push(began.elapsed().as_secs_f64() * 1e3);
        }
        milliseconds.sort_by(f64::total_cmp);
        milliseconds.get(requests / 2).copied().context("no requests")
    }
}

/// Requests and how long they took.
#[derive(Default)]
pub struct Load {
    milliseconds: Vec<f64>,
    seconds: f64,
}

impl Load {
    /// Asks for `path` on `connections` connections for a while.
    pub async fn run(&mut self, address: SocketAddr, path: &str, connections: usize, during: Duration) -> Result<()> {
        let began = Instant::now();
        let mut clients = JoinSet::new();
        for _ in 0..connections {
            let path = path.to_owned();
            clients.spawn(async move {
                let mut connection = Connection::open(address).await?;
                let mut milliseconds = Vec::new();
                while began.elapsed() < during {
                    let asked = Instant::now();
                    connection.get(&path).await?;
                    milliseconds.push(asked.elapsed().as_secs_f64() * 1e3);
                }
                anyhow::Ok(milliseconds)
            });
        }
        while let Some(client) = clients.join_next().await {
            self.milliseconds.extend(client??);
        }
        self.seconds += began.elapsed().as_secs_f64();
        Ok(())
    }

    pub fn per_second(&self) -> f64 {
        self.milliseconds.len() as f64 / self.seconds.max(1e-9)
    }

    /// Milliseconds within which this share of the requests was answered.
    pub fn percentile(&self, share: f64) -> f64 {
        let mut sorted = self.milliseconds.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(((sorted.len().saturating_sub(1)) as f64 * share) as usize).copied().unwrap_or(f64::NAN)
    }
}

/// Processor time of this process, user and system (`proc(5)`: ticks of 10 ms).
pub fn processor_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').context("a process name")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? / 100.0)
}
