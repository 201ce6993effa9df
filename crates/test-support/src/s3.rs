//! An object store that speaks S3, with one empty bucket.

use crate::{python_code, wait_for};
use anyhow::{Context, Result, ensure};
use local_servers::free_port;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Child;

/// Moto, which keeps everything in memory; it ends with this handle.
#[derive(Debug)]
pub struct TestS3 {
    _server: Child,
    address: String,
}

/// Python needs a moment to read all that moto consists of.
const PATIENCE: Duration = Duration::from_secs(60);

impl TestS3 {
    /// The bucket's name.
    pub const BUCKET: &str = "patrol";

    pub async fn start() -> Result<Self> {
        let port = free_port()?;
        let code = format!("from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])");
        let server = python_code(&code)?.stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("start moto")?;
        let address = format!("127.0.0.1:{port}");
        wait_for("the object store", PATIENCE, async || make_bucket(&address).await).await?;
        Ok(Self { _server: server, address })
    }

    /// What a client of the bucket needs in its environment.
    pub fn variables(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ENDPOINT", format!("http://{}", self.address)),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
        ]
    }
}

async fn make_bucket(address: &str) -> Result<()> {
    let mut connection = TcpStream::connect(address).await?;
    let bucket = TestS3::BUCKET;
    let request =
        format!("PUT /{bucket} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    Ok(())
}
