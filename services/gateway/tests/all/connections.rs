//! Clients that speak TCP themselves: too much, too slowly, or while the gateway stops.

use crate::world::{PATIENCE, World};
use anyhow::{Context, Result};
use futures::StreamExt;
use reqwest::{Method, StatusCode};
use std::time::Duration;
use test_support::wait_for;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

/// Writes `bytes`; everything that comes until the gateway closes the connection.
async fn last_words(world: &World, bytes: &[u8]) -> Result<String> {
    let mut stream = TcpStream::connect(world.address).await?;
    stream.write_all(bytes).await?;
    all_that_comes(&mut stream).await
}

async fn all_that_comes(stream: &mut TcpStream) -> Result<String> {
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    read.context("the connection was not closed in time")??;
    Ok(String::from_utf8(answer)?)
}

#[tokio::test]
async fn large_heads_and_those_that_never_end_are_turned_away() -> Result<()> {
    let world = World::with(|config| config.limits.head_within = Duration::from_millis(300)).await?;
    let many: String = (0..100).map(|number| format!("x-{number}: 1\r\n")).collect();
    let head = |rest: &str| format!("GET /livez HTTP/1.1\r\nhost: here\r\n{rest}\r\n");
    let answer = last_words(&world, head(&many).as_bytes()).await?;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let large = format!("x: {}\r\n", "y".repeat(20_000));
    let answer = last_words(&world, head(&large).as_bytes()).await?;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let path = format!("GET /{} HTTP/1.1\r\nhost: here\r\n\r\n", "y".repeat(20_000));
    let answer = last_words(&world, path.as_bytes()).await?;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert_eq!(last_words(&world, b"GET /livez HTTP/1.1\r\nhost: he").await?, "", "it waited for the rest");
    let answer = last_words(&world, b"\x16\x03\x01 no HTTP at all \r\n\r\n").await?;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let fitting: String = (0..60).map(|number| format!("x-{number}: {}\r\n", "y".repeat(200))).collect();
    let answer = last_words(&world, head(&fitting).as_bytes()).await?;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    Ok(())
}

/// A request for a world whose body of `length` bytes follows.
fn head_of_body(content_type: &str, length: usize) -> String {
    format!(
        "POST /api/v1/environment/sessions HTTP/1.1\r\nhost: localhost\r\ncontent-type: {content_type}\r\n\
         content-length: {length}\r\n\r\n"
    )
}

#[tokio::test]
async fn a_body_may_be_slow_but_neither_stall_nor_take_for_ever() -> Result<()> {
    const PAUSE: Duration = Duration::from_millis(200);
    let world = World::with(|config| {
        config.limits.answer_within = Duration::from_secs(1);
        config.limits.body_within = Duration::from_secs(4);
    })
    .await?;
    let body = br#"{"width": 5, "height": 5}"#;
    // As long as the limit of an answer, twice.
    let mut slow = TcpStream::connect(world.address).await?;
    let mut pace = tokio::time::interval(PAUSE);
    let head = head_of_body("application/json", body.len()).replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
    slow.write_all(head.as_bytes()).await?;
    for piece in body.chunks(3) {
        pace.tick().await;
        slow.write_all(piece).await?;
    }
    let answer = all_that_comes(&mut slow).await?;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");

    let answer = last_words(&world, head_of_body("application/json", 9).as_bytes()).await?;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("connection: close"), "{answer}");

    let (mut read, mut write) = TcpStream::connect(world.address).await?.into_split();
    write.write_all(head_of_body("application/json", 10_000).as_bytes()).await?;
    let dripping = async {
        while write.write_all(b" ").await.is_ok() {
            pace.tick().await;
        }
        std::future::pending::<()>().await;
    };
    let mut answer = [0; 13];
    tokio::select! {
        answered = tokio::time::timeout(PATIENCE, read.read_exact(&mut answer)) => {
            answered.context("no answer")??;
        }
        () = dripping => {}
    }
    assert_eq!(&answer, b"HTTP/1.1 408 ");
    Ok(())
}

#[tokio::test]
async fn a_connection_goes_on_after_a_refusal_or_says_that_it_ends() -> Result<()> {
    let world = World::start().await?;
    // The body is there: it is read over.
    let next = "GET /livez HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n";
    let both = format!("{}0123456789{next}", head_of_body("text/plain", 10));
    let answers = last_words(&world, both.as_bytes()).await?;
    assert!(answers.starts_with("HTTP/1.1 415 ") && answers.contains("HTTP/1.1 200 "), "{answers}");
    // It is not, and who waits to be asked for it never sends it.
    for head in [
        head_of_body("text/plain", 10),
        head_of_body("text/plain", 10).replace("\r\n\r\n", "\r\nexpect: 100-continue\r\n\r\n"),
    ] {
        let answer = last_words(&world, head.as_bytes()).await?;
        assert!(answer.starts_with("HTTP/1.1 415 ") && answer.contains("connection: close"), "{answer}");
    }
    Ok(())
}

/// The server of the log allows a thousand readers, and services need some of them.
#[tokio::test]
async fn not_everybody_may_follow_the_log_at_once() -> Result<()> {
    let world = World::start().await?;
    let follow = || world.request(Method::GET, "/api/v1/events").send();
    let mut followers = Vec::new();
    while followers.len() < 256 {
        followers.push(follow().await?.error_for_status()?);
    }
    assert_eq!(follow().await?.status(), StatusCode::TOO_MANY_REQUESTS);
    followers.pop();
    wait_for("a place", PATIENCE, async || follow().await?.error_for_status().map(drop)).await
}

#[tokio::test]
async fn what_has_begun_is_finished_before_the_gateway_stops() -> Result<()> {
    let world = World::start().await?;
    let (number, _) = world.start_session("watched").await?;
    let (mut socket, _) = connect_async(format!("ws://{}/ws/training/{number}", world.address)).await?;
    let mut events = world.request(Method::GET, "/api/v1/events?after=0").send().await?.bytes_stream();
    tokio::time::timeout(PATIENCE, events.next()).await?.context("an event")??;
    let mut idle = TcpStream::connect(world.address).await?;
    let mut begun = TcpStream::connect(world.address).await?;
    let body = r#"{"width": 5, "height": 5}"#;
    let head = format!(
        "POST /api/v1/environment/sessions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nexpect: 100-continue\r\n\r\n",
        body.len()
    );
    begun.write_all(head.as_bytes()).await?;
    // The handler asks for the body: the request is being served.
    let mut go_on = [0; 25];
    tokio::time::timeout(PATIENCE, begun.read_exact(&mut go_on)).await.context("no 100 in time")??;
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");

    world.shut_down();
    wait_for("the end of listening", PATIENCE, async || match TcpStream::connect(world.address).await {
        Ok(_) => Err("it still takes connections".to_owned()),
        Err(_) => Ok(()),
    })
    .await?;
    assert_eq!(all_that_comes(&mut idle).await?, "");
    let close = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Message::Close(close) = socket.next().await.context("no farewell")?? {
                return anyhow::Ok(close);
            }
        }
    });
    assert_eq!(close.await??.map(|close| u16::from(close.code)), Some(1001));
    let rest = tokio::time::timeout(PATIENCE, async { while let Some(Ok(_)) = events.next().await {} });
    rest.await.context("the event stream did not end")?;
    begun.write_all(body.as_bytes()).await?;
    let answer = all_that_comes(&mut begun).await?;
    assert!(answer.starts_with(&format!("HTTP/1.1 {} ", StatusCode::CREATED.as_u16())), "{answer}");
    Ok(())
}
