use crate::world::World;
use anyhow::Result;
use reqwest::{Method, StatusCode};

#[tokio::test]
async fn a_token_opens_everything_but_the_probes() -> Result<()> {
    let world = World::with(Some("open sesame")).await?;
    let list = || world.request(Method::GET, "/api/v1/training/list");
    let refused = list().send().await?;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(refused.headers()["www-authenticate"], "Bearer");
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    assert_eq!(list().bearer_auth("open sesam").send().await?.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(list().bearer_auth("open sesame").send().await?.status(), StatusCode::OK);
    assert_eq!(list().query(&[("token", "open sesame")]).send().await?.status(), StatusCode::OK);
    assert_eq!(world.request(Method::GET, "/livez").send().await?.status(), StatusCode::OK);
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
