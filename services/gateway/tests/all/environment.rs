use crate::world::{World, read};
use anyhow::{Context, Result};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn a_world_is_played_by_hand() -> Result<()> {
    let world = World::start().await?;
    let definitions = world.found("/api/v1/environment/definitions").await?;
    for definition in definitions["data"].as_array().context("a list")? {
        let state = world.found(&format!("/api/v1/environment/definitions/{}/state", definition["id"])).await?;
        assert_eq!(state["data"]["grid_width"], definition["width"]);
    }
    let body = json!({"width": 6, "height": 5, "num_robots": 2, "seed": 3, "max_steps": 2});
    let (status, opened) = world.post("/api/v1/environment/sessions", body).await?;
    assert_eq!(status, StatusCode::CREATED, "{opened:#}");
    let path = format!("/api/v1/environment/sessions/{}", opened["data"]["session_id"].as_str().context("an id")?);
    let action = format!("{path}/action");
    assert_eq!(world.post(&action, json!({"actions": [3]})).await?.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(world.post(&action, json!({"actions": [3, 9]})).await?.0, StatusCode::UNPROCESSABLE_ENTITY);
    let (_, first) = world.post(&action, json!({"actions": [3, 1]})).await?;
    assert_eq!((&first["data"]["state"]["step"], &first["data"]["truncated"]), (&json!(1), &json!(false)), "{first:#}");
    let (_, last) = world.post(&action, json!({"actions": [1, 3]})).await?;
    assert_eq!(last["data"]["truncated"], true);
    assert_eq!(world.post(&action, json!({"actions": [3, 3]})).await?.0, StatusCode::CONFLICT);
    for (address, body, field) in [
        (action.as_str(), json!({}), "actions"),
        ("/api/v1/environment/sessions", json!({"width": 2}), "width"),
        ("/api/v1/environment/sessions", json!({"num_robots": 11}), "num_robots"),
        ("/api/v1/template-agents/execute", json!({}), "agent_type"),
    ] {
        let (status, problem) = world.post(address, body).await?;
        let expected = (StatusCode::UNPROCESSABLE_ENTITY, json!(["body", field]));
        assert_eq!((status, problem["detail"][0]["loc"].clone()), expected, "{problem:#}");
    }
    let next = world.request(Method::POST, &format!("{path}/reset")).send().await?;
    assert_eq!(next.status(), StatusCode::OK, "no field is required");
    let (_, again) = world.post(&format!("{path}/reset"), json!({"seed": 3})).await?;
    assert_eq!(again["data"]["state"], opened["data"]["state"]);
    assert_eq!(world.found(&path).await?, again);
    assert_eq!(world.delete(&path).await?, (StatusCode::NO_CONTENT, Value::Null));
    assert_eq!(world.get(&path).await?.0, StatusCode::NOT_FOUND);
    Ok(())
}

#[tokio::test]
async fn as_many_worlds_are_open_as_may_be() -> Result<()> {
    let world = World::start().await?;
    let open =
        || world.request(Method::POST, "/api/v1/environment/sessions").json(&json!({"width": 3, "height": 3})).send();
    let mut last = Value::Null;
    for _ in 0..128 {
        let (status, opened) = read(open().await?).await?;
        assert_eq!(status, StatusCode::CREATED, "{opened:#}");
        last = opened;
    }
    let refused = open().await?;
    let wait: u64 = refused.headers()["retry-after"].to_str()?.parse()?;
    assert!(refused.status() == StatusCode::TOO_MANY_REQUESTS && (1500..=1800).contains(&wait), "{wait}");
    let path = format!("/api/v1/environment/sessions/{}", last["data"]["session_id"].as_str().context("an id")?);
    assert_eq!(world.delete(&path).await?.0, StatusCode::NO_CONTENT);
    assert_eq!(open().await?.status(), StatusCode::CREATED);
    Ok(())
}
