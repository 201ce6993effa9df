use crate::world::{PATIENCE, World};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use test_support::wait_for;

#[tokio::test]
async fn a_trained_session_can_be_looked_into_and_played_back() -> Result<()> {
    let world = World::with_trainer().await?;
    let body = json!({
        "name": "two robots", "algorithm": "ppo", "total_timesteps": 4096, "env_width": 9, "env_height": 7,
        "num_robots": 2, "num_envs": 4, "config": {"max_steps": 200, "rollout_length": 128}
    });
    let session = world.train(body).await?;
    assert!(session["model_path"].is_string(), "{session:#}");
    let (id, sessions) = (&session["id"], "/api/v1/playback/sessions");
    let checkpoints = world.found(&format!("/api/v1/training/{id}/checkpoints")).await?;
    assert_eq!(checkpoints["checkpoints"][0]["digest"], session["digest"], "{checkpoints:#}");
    assert_eq!(checkpoints["checkpoints"][0]["is_last"], true);
    let episodes = world.found(&format!("/api/v1/training/{id}/episodes")).await?;
    assert_eq!(episodes["total"], session["episodes_completed"]);
    assert_eq!(episodes["episodes"][0]["length"], 200);
    let history = world.found(&format!("/api/v1/training/{id}/events?aggregate=run")).await?;
    assert_eq!(history["events"][0]["type"], "patrol.run.requested.v1");

    let frames = async |query: &str| world.found(&format!("/api/v1/playback/{id}/frames?{query}")).await;
    wait_for("every step in the archive", PATIENCE, async || match frames("page_size=1").await {
        Ok(page) if page["total"] == 4096 => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await?;
    let playable = world.found(sessions).await?["sessions"][0].clone();
    assert_eq!((&playable["session_id"], &playable["frame_count"]), (id, &json!(4096)), "{playable:#}");

    // Pages cut one sequence, and episodes follow each other.
    let long = frames("page=2&page_size=300").await?;
    let short = frames("page=4&page_size=100").await?;
    let list = |page: &Value| page["frames"].as_array().cloned().context("a list");
    let (long, short) = (list(&long)?, list(&short)?);
    assert_eq!((long.len(), short.len()), (300, 100));
    assert_eq!(long[..100], short[..]);
    let ids: Vec<u64> = long.iter().filter_map(|frame| frame["id"].as_u64()).collect();
    assert!(ids.len() == 300 && ids.is_sorted_by(|one, next| one < next), "{ids:?}");
    let frame = &short[0];
    assert_eq!(frame["robots"].as_array().map(Vec::len), Some(2), "{frame}");
    for grid in ["/threat_grid/levels", "/coverage_map/levels", "/coverage_map/counts", "/obstacles/levels"] {
        let rows = frame.pointer(grid).and_then(Value::as_array).context(grid)?;
        assert_eq!((rows.len(), rows[0].as_array().map(Vec::len)), (7, Some(9)), "{grid}");
    }
    let one = list(&frames("episode=3&page_size=1000").await?)?;
    assert_eq!((one.len(), &one[199]["step"]), (200, &json!(199)));
    assert_eq!(list(&frames("split=eval").await?)?.len(), 0);
    Ok(())
}
