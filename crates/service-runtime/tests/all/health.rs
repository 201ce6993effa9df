use anyhow::Result;
use service_runtime::{Health, Lifecycle, Metrics, health};
use std::time::Duration;

#[tokio::test]
async fn readiness_follows_the_components_and_metrics_are_scraped() -> Result<()> {
    let (lifecycle, health, metrics) = (Lifecycle::new(), Health::new(), Metrics::new("ingest"));
    health.expect("nats");
    let batches = metrics.counter("batches", "Trajectory batches archived");
    let duration = metrics.seconds("batch_duration", "Time to archive one batch");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}", listener.local_addr()?);
    lifecycle.spawn("health", health::serve(listener, health.clone(), metrics, lifecycle.draining()));

    assert_eq!(reqwest::get(format!("{base}/livez")).await?.status(), 200);
    let waiting = reqwest::get(format!("{base}/readyz")).await?;
    assert_eq!(waiting.status(), 503);
    let report: serde_json::Value = waiting.json().await?;
    assert_eq!(report["components"]["nats"]["detail"], "starting");
    health.ready("nats", "2.15.1");
    assert_eq!(reqwest::get(format!("{base}/readyz")).await?.status(), 200);

    batches.inc_by(3);
    duration.observe(0.5);
    let text = reqwest::get(format!("{base}/metrics")).await?.text().await?;
    assert!(text.contains("patrol_ingest_batches_total 3\n"), "{text}");
    assert!(text.contains("# UNIT patrol_ingest_batch_duration_seconds seconds\n"), "{text}");
    assert!(text.contains("patrol_ingest_batch_duration_seconds_count 1\n"), "{text}");
    assert_eq!(lifecycle.finish(Duration::from_secs(20)).await, Ok(()));
    Ok(())
}
