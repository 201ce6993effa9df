//! Random frames, below the level of any WebSocket library.

use crate::world::{PATIENCE, World};
use anyhow::{Context, Result, ensure};
use futures::{SinkExt, StreamExt};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

/// A frame as it goes over the wire (RFC 6455, section 5.2).
#[derive(Clone, Debug)]
struct Frame {
    finished: bool,
    reserved: u8,
    opcode: u8,
    masked: bool,
    payload: Vec<u8>,
    /// What the header says, where it lies.
    claimed: Option<u64>,
}

const TEXT: u8 = 1;
const CLOSE: u8 = 8;

impl Frame {
    fn whole(opcode: u8, payload: &[u8]) -> Self {
        Self { finished: true, reserved: 0, opcode, masked: true, payload: payload.to_vec(), claimed: None }
    }

    fn bytes(&self) -> Vec<u8> {
        const MASK: [u8; 4] = [0xA5, 0x5A, 0x01, 0xFE];
        let mut bytes = vec![u8::from(self.finished) << 7 | self.reserved << 4 | self.opcode];
        let mask_bit = u8::from(self.masked) << 7;
        match self.claimed.unwrap_or(self.payload.len() as u64) {
            short @ 0..126 => bytes.push(mask_bit | short as u8),
            middle @ 126..0x1_0000 => {
                bytes.push(mask_bit | 126);
                bytes.extend((middle as u16).to_be_bytes());
            }
            long => {
                bytes.push(mask_bit | 127);
                bytes.extend(long.to_be_bytes());
            }
        }
        if self.masked {
            bytes.extend(MASK);
            bytes.extend(self.payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        } else {
            bytes.extend(&self.payload);
        }
        bytes
    }
}

/// Mostly right, so that a connection survives long enough to reach odd states.
fn frame() -> impl Strategy<Value = Frame> {
    let opcode = prop_oneof![4 => Just(TEXT), 2 => Just(2), 3 => Just(0), 2 => Just(9), 2 => Just(10), 1 => Just(CLOSE), 1 => 0..16_u8];
    let payload = prop_oneof![
        3 => vec(any::<u8>(), 0..125),
        2 => r#"\{"type": ?("ping"|"pong"|7|null|\[\])\}|[ -~]{0,40}|\PC{0,20}"#.prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 125..4_000),
        // More than a message may have, in one frame or in several.
        1 => vec(any::<u8>(), 9_000..20_000),
    ];
    let claimed = prop_oneof![30 => Just(None), 1 => any::<u64>().prop_map(Some), 1 => (0..200_u64).prop_map(Some)];
    let reserved = prop_oneof![20 => Just(0_u8), 1 => 1..8_u8];
    (prop::bool::weighted(0.8), reserved, opcode, prop::bool::weighted(0.95), payload, claimed).prop_map(
        |(finished, reserved, opcode, masked, payload, claimed)| Frame {
            finished,
            reserved,
            opcode,
            masked,
            payload,
            claimed,
        },
    )
}

#[test]
fn no_frames_disturb_the_gateway_or_other_clients() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let world = World::start().await?;
        let (number, _) = world.start_session("watched").await?;
        let path = format!("/ws/training/{number}");
        let (mut bystander, _) = connect_async(format!("ws://{}{path}", world.address)).await?;
        let mut runner = TestRunner::new_with_rng(
            Config { cases: 150, failure_persistence: None, ..Config::default() },
            TestRng::deterministic_rng(RngAlgorithm::ChaCha),
        );
        let strategy = (vec(frame(), 0..12), 1..4096_usize);
        for _ in 0..runner.config().cases {
            let case = strategy.new_tree(&mut runner).map_err(|reason| anyhow::anyhow!("{reason}"))?.current();
            survives(world.address, &path, &case.0, case.1).await.with_context(|| format!("{case:?}"))?;
            bystander.send(Message::text(r#"{"type":"ping"}"#)).await?;
            pong(&mut bystander).await.with_context(|| format!("a bystander, after {case:?}"))?;
        }
        ensure!(world.get("/readyz").await?.0.is_success(), "the gateway is not well");
        Ok(())
    })
}

/// Sends `frames` in pieces of `piece` bytes, then a ping and a farewell. The gateway must end the connection in time and
/// send nothing but frames; where nothing was wrong, a pong and a farewell.
async fn survives(address: SocketAddr, path: &str, frames: &[Frame], piece: usize) -> Result<()> {
    let (mut read, mut write) = handshake(address, path).await?.into_split();
    let mut all = frames.to_vec();
    all.push(Frame::whole(TEXT, br#"{"type":"ping"}"#));
    all.push(Frame::whole(CLOSE, &1000_u16.to_be_bytes()));
    let bytes: Vec<u8> = all.iter().flat_map(Frame::bytes).collect();
    let writing = async {
        for piece in bytes.chunks(piece) {
            // The gateway may have had enough.
            if write.write_all(piece).await.is_err() {
                break;
            }
        }
        let _ = write.shutdown().await;
    };
    let mut answer = Vec::new();
    let reading = async {
        // A reset is an end, too.
        let _ = read.read_to_end(&mut answer).await;
    };
    let both = tokio::time::timeout(PATIENCE, async { tokio::join!(writing, reading) });
    both.await.context("the gateway neither closed the connection nor took what came")?;
    let heard = parsed(&answer)?;
    if frames.iter().all(is_proper) {
        let texts = heard.iter().filter(|(opcode, _)| *opcode == TEXT);
        ensure!(texts.clone().any(|(_, payload)| payload == br#"{"type":"pong"}"#), "no pong in {heard:?}");
        ensure!(heard.last().is_some_and(|(opcode, _)| *opcode == CLOSE), "no farewell in {heard:?}");
    }
    Ok(())
}

/// Whether it leaves the gateway no reason to close.
fn is_proper(frame: &Frame) -> bool {
    let Frame { finished: true, reserved: 0, masked: true, claimed: None, opcode, payload } = frame else {
        return false;
    };
    match opcode {
        1 => payload.len() < 16 * 1024 && std::str::from_utf8(payload).is_ok(),
        2 => payload.len() < 16 * 1024,
        9 | 10 => payload.len() < 126,
        _ => false,
    }
}

/// A connection on which both sides speak WebSocket from now on.
pub async fn handshake(address: SocketAddr, path: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tokio::time::timeout(PATIENCE, stream.read_u8()).await.context("no handshake in time")??);
    }
    ensure!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    Ok(stream)
}

/// Opcodes and payloads of what the gateway sent: whole, unmasked frames. The last may be cut off by the end.
fn parsed(mut bytes: &[u8]) -> Result<Vec<(u8, Vec<u8>)>> {
    let mut frames = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        ensure!(first & 0xF0 == 0x80, "neither whole nor plain: {first:#x}");
        ensure!(second & 0x80 == 0, "a server does not mask");
        let (length, rest) = match (second, rest) {
            (126, [high, low, rest @ ..]) => (usize::from(u16::from_be_bytes([*high, *low])), rest),
            (127, [length @ .., _]) if length.len() >= 8 => {
                let (length, rest) = rest.split_at(8);
                (usize::try_from(u64::from_be_bytes(length.try_into()?))?, rest)
            }
            (126 | 127, _) => break,
            (short, rest) => (usize::from(*short), rest),
        };
        let Some((payload, rest)) = rest.split_at_checked(length) else { break };
        frames.push((first & 0x0F, payload.to_vec()));
        bytes = rest;
    }
    Ok(frames)
}

/// Waits until a client hears an answer to its ping.
async fn pong<S>(socket: &mut S) -> Result<()>
where
    S: futures::Stream<Item = Result<Message, tokio_tungstenite::tungstenite::Error>> + Unpin,
{
    let heard = tokio::time::timeout(PATIENCE, async {
        loop {
            if socket.next().await.context("it was closed")?? == Message::text(r#"{"type":"pong"}"#) {
                return anyhow::Ok(());
            }
        }
    });
    heard.await.context("no pong in time")?
}
