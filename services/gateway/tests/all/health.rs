use crate::world::{PATIENCE, World};
use anyhow::Result;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use test_support::wait_for;

#[tokio::test]
async fn health_follows_the_servers() -> Result<()> {
    let world = World::start().await?;
    for path in ["/health", "/api/v1/health/"] {
        let report = world.found(path).await?;
        assert_eq!(report["status"], "healthy", "{report:#}");
        for component in ["database", "nats", "object_store", "projector"] {
            assert_eq!(report["components"][component]["status"], "healthy", "{report:#}");
        }
    }
    world.postgres.stop().await;
    let unhealthy = |report: &Value| report["components"]["database"]["status"] == "unhealthy";
    wait_for("an unhealthy database", PATIENCE, async || match world.get("/health").await {
        Ok((StatusCode::SERVICE_UNAVAILABLE, report)) if unhealthy(&report) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await?;
    assert_eq!(world.request(Method::GET, "/livez").send().await?.text().await?, "alive\n");
    Ok(())
}

#[tokio::test]
async fn requests_are_counted_by_route() -> Result<()> {
    let world = World::start().await?;
    world.get("/api/v1/training/77/status").await?;
    let text = world.request(Method::GET, "/metrics").send().await?.text().await?;
    let line = r#"patrol_gateway_requests_total{method="GET",route="/api/v1/training/{id}/status",status="404"} 1"#;
    assert!(text.contains(line), "{text}");
    Ok(())
}
