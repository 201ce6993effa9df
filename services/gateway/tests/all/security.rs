use crate::world::{PATIENCE, World};
use anyhow::{Context, Result, bail};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::json;
use service_runtime::Secret;
use std::num::NonZeroU32;
use std::time::Duration;
use test_support::wait_for;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use uuid::Uuid;

const PROBLEM: &str = "application/problem+json";

#[tokio::test]
async fn a_token_opens_everything_but_the_probes() -> Result<()> {
    let world = World::with(|config| config.token = Some(Secret::new("open sesame"))).await?;
    let list = || world.request(Method::GET, "/api/v1/training/list");
    let refused = list().send().await?;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(refused.headers()["www-authenticate"], "Bearer");
    assert_eq!(refused.headers()["content-type"], PROBLEM);
    assert_eq!(list().bearer_auth("open sesam").send().await?.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(list().bearer_auth("open sesame").send().await?.status(), StatusCode::OK);
    assert_eq!(list().query(&[("token", "open sesame")]).send().await?.status(), StatusCode::OK);
    for scheme in ["bearer", "BEARER"] {
        let shown = list().header("authorization", format!("{scheme} open sesame")).send().await?;
        assert_eq!(shown.status(), StatusCode::OK, "{scheme}");
    }
    for open in ["/livez", "/health", "/api/v1/health/", "/api/v1/health"] {
        assert_eq!(world.request(Method::GET, open).send().await?.status(), StatusCode::OK, "{open}");
    }
    Ok(())
}

#[tokio::test]
async fn a_token_is_shown_where_headers_cannot_be_set() -> Result<()> {
    let world = World::with(|config| config.token = Some(Secret::new("open-sesame"))).await?;
    let handshake = |query: &str, protocols: Option<&'static str>| {
        let mut request = format!("ws://{}/ws/training/77{query}", world.address).into_client_request()?;
        if let Some(protocols) = protocols {
            request.headers_mut().insert("sec-websocket-protocol", protocols.parse()?);
        }
        anyhow::Ok(connect_async(request))
    };
    for (query, protocols) in [("", Some("patrol, bearer.open-sesame")), ("?token=open-sesame", None)] {
        let (_, answer) = handshake(query, protocols)?.await.with_context(|| format!("{query} {protocols:?}"))?;
        let chosen = answer.headers().get("sec-websocket-protocol");
        assert_eq!(chosen.is_some_and(|chosen| chosen == "patrol"), protocols.is_some(), "{chosen:?}");
    }
    for (query, protocols) in [("", None), ("", Some("patrol, bearer.open-sesam")), ("?token=sesame", None)] {
        match handshake(query, protocols)?.await {
            Err(Error::Http(answer)) => assert_eq!(answer.status().as_u16(), 401, "{query} {protocols:?}"),
            other => bail!("{query} {protocols:?}: {other:?}"),
        }
    }
    for (query, status) in [("token=open-sesame", StatusCode::OK), ("token=x", StatusCode::UNAUTHORIZED)] {
        let events = world.request(Method::GET, &format!("/api/v1/events?after=0&{query}")).send().await?;
        assert_eq!(events.status(), status, "{query}");
    }
    Ok(())
}

#[tokio::test]
async fn pages_of_other_origins_change_nothing_and_read_nothing_under_another_name() -> Result<()> {
    let world = World::start().await?;
    let (number, _) = world.start_session("mine").await?;
    let stop = format!("/api/v1/training/{number}/stop");
    // None of these needs a preflight.
    for origin in ["http://evil.example", "null"] {
        let stopped = world.request(Method::POST, &stop).header("origin", origin).send().await?;
        assert_eq!(stopped.status(), StatusCode::FORBIDDEN, "{origin}");
        let form = Form::new().part("file", Part::bytes(vec![0; 8]));
        let upload = world.request(Method::POST, "/api/v1/files/").header("origin", origin).multipart(form);
        assert_eq!(upload.send().await?.status(), StatusCode::FORBIDDEN, "{origin}");
    }
    let rebound = world.request(Method::GET, "/api/v1/training/list").header("host", "evil.example:8000");
    let refused = rebound.send().await?;
    assert_eq!((refused.status(), refused.headers()["content-type"].to_str()?), (StatusCode::FORBIDDEN, PROBLEM));
    let probed = world.request(Method::GET, "/livez").header("host", "probe.internal").send().await?;
    assert_eq!(probed.status(), StatusCode::OK);
    let status = world.found(&format!("/api/v1/training/{number}/status")).await?;
    assert_eq!(status["status"], "queued");
    let stopped = world.request(Method::POST, &stop).header("origin", "http://localhost:3000").send().await?;
    assert_eq!(stopped.status(), StatusCode::OK);
    Ok(())
}

#[tokio::test]
async fn browsers_of_other_origins_get_nothing() -> Result<()> {
    let world = World::start().await?;
    let from = |origin: &'static str| world.request(Method::GET, "/livez").header("origin", origin).send();
    let ours = from("http://localhost:3000").await?;
    assert_eq!(ours.headers()["access-control-allow-origin"], "http://localhost:3000");
    assert_eq!(ours.headers()["x-content-type-options"], "nosniff");
    assert!(from("http://evil.example").await?.headers().get("access-control-allow-origin").is_none());
    Ok(())
}

#[tokio::test]
async fn large_bodies_and_other_media_types_are_refused() -> Result<()> {
    let world = World::start().await?;
    let start = || world.request(Method::POST, "/api/v1/training/start");
    let large = start().header("content-type", "application/json").body(vec![b' '; 1 << 20]).send().await?;
    assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let other = start().header("content-type", "text/plain").body("{}").send().await?;
    assert_eq!(other.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(world.get("/nowhere").await?.0, StatusCode::NOT_FOUND);
    assert_eq!(world.post("/livez", serde_json::json!({})).await?.0, StatusCode::METHOD_NOT_ALLOWED);
    Ok(())
}

#[tokio::test]
async fn answers_have_an_id_and_come_in_time() -> Result<()> {
    let world = World::with(|config| config.limits.answer_within = Duration::from_millis(500)).await?;
    let ask = |id: &'static str| world.request(Method::GET, "/nowhere").header("x-request-id", id).send();
    assert_eq!(ask("my-id.7").await?.headers()["x-request-id"], "my-id.7");
    let replaced = ask("two words").await?;
    assert!(replaced.headers()["x-request-id"].to_str()?.parse::<Uuid>().is_ok(), "{replaced:?}");
    // It would wait for five seconds.
    world.stop_deciding().await?;
    let body = json!({"name": "late", "algorithm": "ppo", "total_timesteps": 1000});
    let late = world.request(Method::POST, "/api/v1/training/start").json(&body).send().await?;
    assert_eq!((late.status(), late.headers()["retry-after"].to_str()?), (StatusCode::SERVICE_UNAVAILABLE, "1"));
    Ok(())
}

#[tokio::test]
async fn a_client_that_asks_too_often_has_to_wait() -> Result<()> {
    let world = World::with(|config| config.limits.requests_per_second = NonZeroU32::new(4)).await?;
    let ask = || world.request(Method::GET, "/api/v1/environment/definitions").send();
    let mut refused = None;
    for _ in 0..200 {
        let answer = ask().await?;
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            refused = Some(answer);
            break;
        }
        assert_eq!(answer.status(), StatusCode::OK);
    }
    let refused = refused.context("two hundred requests were not too many")?;
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(refused.headers()["content-type"], PROBLEM);
    assert_eq!(refused.headers()["x-content-type-options"], "nosniff");
    for _ in 0..20 {
        assert_eq!(world.request(Method::GET, "/livez").send().await?.status(), StatusCode::OK);
    }
    wait_for("a place in the bucket", PATIENCE, async || match ask().await {
        Ok(answer) if answer.status() == StatusCode::OK => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await
}

#[tokio::test]
async fn a_token_is_not_guessed_quickly() -> Result<()> {
    let world = World::with(|config| {
        config.token = Some(Secret::new("open sesame"));
        config.limits.requests_per_second = NonZeroU32::new(4);
    })
    .await?;
    let mut answers = Vec::new();
    for attempt in 0..200 {
        let guess = format!("open {attempt}");
        answers.push(world.request(Method::GET, "/metrics").bearer_auth(guess).send().await?.status());
        if answers.last() == Some(&StatusCode::TOO_MANY_REQUESTS) {
            return Ok(());
        }
    }
    bail!("every guess was looked at: {answers:?}")
}
