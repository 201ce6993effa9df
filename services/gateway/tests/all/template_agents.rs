use crate::world::World;
use anyhow::{Context, Result};
use reqwest::StatusCode;
use serde_json::{Value, json};

#[tokio::test]
async fn agents_play_the_same_episodes_for_the_same_seed() -> Result<()> {
    let world = World::start().await?;
    let types = world.found("/api/v1/template-agents/types").await?;
    assert!(types.as_array().context("a list")?.iter().any(|agent| agent["type"] == "spiral"), "{types:#}");
    let body = json!({"agent_type": "spiral", "width": 8, "height": 6, "episodes": 2, "max_steps": 50, "seed": 4,
                      "save_frames": true, "execution_id": "x"});
    let (status, answer) = world.post("/api/v1/template-agents/execute", body.clone()).await?;
    assert_eq!(status, StatusCode::OK, "{answer:#}");
    assert_eq!((&answer["execution_id"], &answer["episodes"]), (&json!("x"), &json!(2)));
    let frames = answer["episode_playbacks"][1]["frames"].as_array().context("frames")?;
    assert_eq!((frames.len(), &frames[49]["timestep"]), (50, &json!(50)));
    assert!(answer["environment_info"]["threat_histogram"].as_array().is_some_and(|bins| bins.len() == 5));
    no_null(&answer)?;
    let (_, again) = world.post("/api/v1/template-agents/execute", body).await?;
    assert_eq!(answer["episode_metrics"], again["episode_metrics"]);

    let body = json!({"agent_types": ["random_walk", "tour", "spiral", "tour"], "episodes": 2, "seed": 4});
    let (status, compared) = world.post("/api/v1/template-agents/compare", body).await?;
    assert_eq!(status, StatusCode::OK, "{compared:#}");
    let results = compared["results"].as_array().context("results")?;
    assert_eq!(results.iter().map(|result| result["rank"].as_u64()).collect::<Vec<_>>(), [Some(1), Some(2), Some(3)]);
    assert_eq!((&compared["best_agent"], &compared["max_steps"]), (&results[0]["agent_name"], &json!(1000)));
    no_null(&compared)
}

#[tokio::test]
async fn frames_of_the_largest_worlds_are_thinned_out() -> Result<()> {
    let world = World::start().await?;
    let body = json!({"agent_type": "horizontal_scan", "width": 100, "height": 100, "episodes": 2, "seed": 999_999,
                      "max_steps": 4000, "save_frames": true});
    let (status, answer) = world.post("/api/v1/template-agents/execute", body).await?;
    assert_eq!((status, answer["episode_metrics"].as_array().map(Vec::len)), (StatusCode::OK, Some(2)));
    let playbacks = answer["episode_playbacks"].as_array().context("playbacks")?;
    let frames = playbacks[0]["frames"].as_array().context("frames")?;
    // 4,000 × 10,000 cells are two and a half times too many: every third frame, and the last.
    assert_eq!((playbacks.len(), frames.len()), (1, 1334));
    assert_eq!((&frames[0]["timestep"], &frames[1333]["timestep"]), (&json!(3), &json!(4000)));
    no_null(&answer)
}

#[tokio::test]
async fn what_cannot_be_played_is_refused() -> Result<()> {
    let world = World::start().await?;
    for body in [
        json!({"agent_type": "teleport"}),
        json!({"agent_type": "spiral", "width": 2}),
        json!({"agent_type": "spiral", "episodes": 0, "max_steps": 1_000_000}),
        json!({"agent_type": "spiral", "wings": 2}),
        json!({"agent_type": "spiral", "height": 101}),
        json!({}),
    ] {
        let (status, problem) = world.post("/api/v1/template-agents/execute", body.clone()).await?;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body} {problem}");
    }
    let (status, _) = world.post("/api/v1/template-agents/compare", json!({"agent_types": []})).await?;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    Ok(())
}

fn no_null(value: &Value) -> Result<()> {
    anyhow::ensure!(!value.to_string().contains("null"), "{value:#}");
    Ok(())
}
