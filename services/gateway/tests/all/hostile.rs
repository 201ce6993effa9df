//! Requests made to break something.

use crate::world::World;
use anyhow::Result;
use serde_json::json;
use std::time::Duration;

/// The whole OpenAPI document, by Schemathesis: see `tests/python/hostile_requests.py`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_breaks_the_gateway_or_its_promises() -> Result<()> {
    let world = World::with_trainer().await?;
    let body = json!({"name": "short", "algorithm": "ppo", "total_timesteps": 512, "num_envs": 2,
                      "config": {"rollout_length": 128}});
    world.train(body).await?;
    world.stop_training();
    let mut requests = test_support::python("hostile_requests.py")?;
    requests.arg(format!("http://{}", world.address));
    let report = test_support::run_to_end(requests, Duration::from_secs(280)).await?;
    println!("{report}");
    Ok(())
}
