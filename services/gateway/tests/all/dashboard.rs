//! An existing front end works unchanged: what it sends is taken, and what it reads is there.

use crate::shapes::{self, conforms};
use crate::watcher::Watcher;
use crate::world::{PATIENCE, World, read};
use anyhow::{Context, Result, ensure};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use test_support::wait_for;

/// What the form of the front end sends for two robots, every optional field filled in or left empty.
fn session() -> Value {
    json!({
        "name": "E2E Test Session", "algorithm": "ppo", "environment_type": "enhanced", "total_timesteps": 16_384,
        "env_width": 8, "env_height": 8, "coverage_weight": 1.5, "exploration_weight": 3.0, "diversity_weight": 2.0,
        "learning_rate": 0.0003, "batch_size": 64, "num_workers": 1, "num_robots": 2, "num_envs": 2,
        "policy_type": "MlpPolicy",
        "config": {
            "map_config": {"map_type": "random", "seed": null, "count": 10, "initial_wall_probability": null},
            "strategic_init_mode": true, "battery_drain_rate": 0.1, "threat_penalty_weight": 50, "num_envs": 2,
            "environment_type": "enhanced", "episode_log_file": null, "reward_normalization_mode": "mean"
        }
    })
}

#[tokio::test]
async fn a_session_from_the_form_to_the_player() -> Result<()> {
    let world = World::with_trainer().await?;
    let (status, started) = world.post("/api/v1/training/start", session()).await?;
    ensure!(status == StatusCode::ACCEPTED, "{status} {started:#}");
    conforms(&started, shapes::SESSION)?;
    let id = started["id"].as_i64().context("a number")?;
    let mut watcher = Watcher::open(&world, &format!("/api/v1/ws/training/{id}")).await?;
    conforms(&watcher.wait_for("connection_ack").await?, shapes::ACK_MESSAGE)?;
    conforms(&watcher.wait_for("training_status").await?, shapes::STATUS_MESSAGE)?;
    let progress = watcher.wait_for("training_progress").await?;
    conforms(&progress, shapes::PROGRESS_MESSAGE)?;

    let path = format!("/api/v1/training/{id}/status");
    let done = wait_for("the end of training", PATIENCE, async || match world.found(&path).await {
        Ok(session) if session["status"] == "completed" => Ok(session),
        other => Err(format!("{other:?}")),
    })
    .await?;
    conforms(&done, shapes::SESSION)?;
    let steps = |session: &Value| session["current_timestep"].as_i64();
    assert_eq!((steps(&done), &done["progress"]), (Some(16_384), &json!(1.0)));
    assert!(progress["timestep"].as_i64() <= steps(&done));
    conforms(&world.found("/api/v1/training/list?page=1&page_size=100").await?["sessions"][0], shapes::SESSION)?;

    let metrics = world.found(&format!("/api/v1/training/sessions/{id}/metrics?page=1&page_size=10000")).await?;
    assert_eq!((&metrics["page_size"], &metrics["metrics"][0]["timestep"]), (&json!(500), &json!(16_384)));
    for metric in metrics["metrics"].as_array().context("a list")? {
        conforms(metric, shapes::METRIC)?;
    }
    let frames = format!("/api/v1/playback/{id}/frames?page=1&page_size=1000");
    let frames = wait_for("recorded frames", PATIENCE, async || match world.found(&frames).await {
        Ok(page) if page["total"] == 16_384 => Ok(page),
        other => Err(format!("{:.200?}", other)),
    })
    .await?;
    for frame in frames["frames"].as_array().context("a list")? {
        conforms(frame, shapes::FRAME)?;
    }
    let playable = world.found("/api/v1/playback/sessions?page=1&page_size=100").await?;
    conforms(&playable["sessions"][0], shapes::PLAYBACK_SESSION)?;
    models(&world, id).await
}

/// The page of model files: list, download, upload with the fields that the form sends, delete.
async fn models(world: &World, session: i64) -> Result<()> {
    let list = world.found("/api/v1/files/list?page=1&page_size=100").await?;
    conforms(&list["files"][0], shapes::FILE)?;
    let download = format!("/api/v1/files/{}/download", list["files"][0]["id"]);
    let bytes = world.request(Method::GET, &download).send().await?.bytes().await?;
    for (path, metadata) in [("/api/v1/files/", r#"{"origin": "lab 3"}"#), ("/api/v1/files", "")] {
        let file = Part::bytes(bytes.to_vec()).file_name("my model.safetensors");
        let form = Form::new().part("file", file).text("file_type", "model").text("metadata", metadata);
        let form = form.text("training_job_id", session.to_string());
        let (status, stored) = read(world.request(Method::POST, path).multipart(form).send().await?).await?;
        ensure!(status == StatusCode::CREATED, "{status} {stored:#}");
        conforms(&stored, shapes::FILE)?;
        let expected = serde_json::from_str::<Value>(metadata).unwrap_or_default();
        assert_eq!((&stored["metadata"], &stored["file_type"]), (&expected, &json!("model")));
        assert_eq!(
            (&stored["training_job_id"], &stored["original_filename"]),
            (&json!(session), &json!("my model.safetensors"))
        );
        let path = format!("/api/v1/files/{}", stored["id"]);
        assert_eq!(world.found(&path).await?, stored);
        let (status, deleted) = world.delete(&path).await?;
        assert_eq!((status, &deleted["id"], deleted["message"].is_string()), (StatusCode::OK, &stored["id"], true));
    }
    for (field, value) in [("file_type", "log"), ("metadata", "[1]"), ("training_job_id", "77")] {
        let form = Form::new().part("file", Part::bytes(bytes.to_vec())).text(field, value);
        let (status, problem) =
            read(world.request(Method::POST, "/api/v1/files/").multipart(form).send().await?).await?;
        assert_eq!((status, &problem["detail"][0]["loc"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(["body", field])));
    }
    Ok(())
}

#[tokio::test]
async fn a_running_session_is_paused_resumed_and_stopped() -> Result<()> {
    let world = World::with_trainer().await?;
    let mut body = session();
    body["total_timesteps"] = json!(1_000_000_000);
    let (_, started) = world.post("/api/v1/training/start", body).await?;
    let id = started["id"].as_i64().context("a number")?;
    let path = |rest: &str| format!("/api/v1/training/{id}/{rest}");
    let mut watcher = Watcher::open(&world, &format!("/ws/training/{id}")).await?;
    let began = Instant::now();
    for _ in 0..21 {
        conforms(&watcher.wait_for("environment_update").await?, shapes::ENVIRONMENT_MESSAGE)?;
    }
    // Twenty intervals of a tenth of a second, of which the first frame may have waited through some.
    assert!(began.elapsed() > Duration::from_millis(1200), "{:?}: more than ten frames per second", began.elapsed());
    let moving = async |from: i64| {
        wait_for("progress", PATIENCE, async || match world.found(&path("status")).await {
            Ok(session) if session["current_timestep"].as_i64() > Some(from) => Ok(session),
            other => Err(format!("{other:?}")),
        })
        .await
    };
    let first = moving(0).await?;
    moving(first["current_timestep"].as_i64().unwrap_or(0)).await?;
    // An answer shows the effect: the trainer has let go.
    for (action, expected) in [("pause", ["paused"; 2]), ("resume", ["queued", "running"]), ("stop", ["completed"; 2])]
    {
        if action == "stop" {
            wait_for("a trainer", PATIENCE, async || match world.found(&path("status")).await {
                Ok(session) if session["status"] == "running" => Ok(()),
                other => Err(format!("{other:?}")),
            })
            .await?;
        }
        let (code, answer) = world.post(&path(action), json!({})).await?;
        conforms(&answer, shapes::ACTION)?;
        let status = answer["status"].as_str().context("a status")?;
        assert!(code == StatusCode::OK && expected.contains(&status), "{code} {answer:#}");
    }
    assert_eq!(world.delete(&format!("/api/v1/training/{id}")).await?, (StatusCode::NO_CONTENT, Value::Null));
    Ok(())
}

#[tokio::test]
async fn agents_worlds_and_health_have_their_shapes() -> Result<()> {
    let world = World::start().await?;
    let health = world.found("/api/v1/health/").await?;
    assert_eq!((&health["status"], world.found("/api/v1/health").await?), (&json!("healthy"), health.clone()));
    let settings = json!({"width": 12, "height": 7, "episodes": 2, "max_steps": 60, "seed": 11});
    let asked = |more: Value| {
        let mut body = settings.clone();
        body.as_object_mut().into_iter().zip(more.as_object()).for_each(|(body, more)| body.extend(more.clone()));
        body
    };
    let types = world.found("/api/v1/template-agents/types").await?;
    for agent in ["horizontal_scan", "vertical_scan", "spiral", "random_walk", "greedy", "tour"] {
        assert!(types.as_array().context("a list")?.iter().any(|known| known["type"] == agent), "{agent}");
        let body = asked(json!({"agent_type": agent, "save_frames": true, "execution_id": null}));
        let (status, executed) = world.post("/api/v1/template-agents/execute", body).await?;
        ensure!(status == StatusCode::OK, "{executed:#}");
        conforms(&executed, shapes::EXECUTED)?;
    }
    let body = asked(json!({"agent_types": ["horizontal_scan", "spiral", "random_walk"], "seed": null,
                            "save_frames": true, "execution_id": "compared"}));
    let (status, compared) = world.post("/api/v1/template-agents/compare", body).await?;
    ensure!(status == StatusCode::OK, "{compared:#}");
    conforms(&compared, shapes::COMPARED)?;
    assert_eq!(compared["execution_id"], "compared");
    // With neither size nor seed: every default.
    let (status, executed) = world.post("/api/v1/template-agents/execute", json!({"agent_type": "spiral"})).await?;
    assert_eq!((status, &executed["environment"]), (StatusCode::OK, &json!({"width": 10, "height": 10})));
    assert_eq!((&executed["episodes"], &executed["episode_playbacks"]), (&json!(10), &json!([])));
    Ok(())
}

#[tokio::test]
async fn a_browser_may_call_from_the_dashboard_only() -> Result<()> {
    let world = World::start().await?;
    let preflight = |origin: &'static str, headers: &'static str| {
        world
            .request(Method::OPTIONS, "/api/v1/training/start")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", headers)
            .send()
    };
    let ours = preflight("http://localhost:3000", "content-type,authorization,idempotency-key").await?;
    assert!(ours.status().is_success());
    let header =
        |name: &str| ours.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    assert_eq!(header("access-control-allow-origin"), "http://localhost:3000");
    assert_eq!(header("access-control-allow-credentials"), "true");
    for (name, expected) in [("access-control-allow-methods", "POST"), ("access-control-allow-headers", "content-type")]
    {
        assert!(header(name).contains(expected), "{name}: {}", header(name));
    }
    let theirs = preflight("http://evil.example", "content-type").await?;
    assert!(theirs.headers().get("access-control-allow-origin").is_none());
    // What went wrong can be read by the page as well.
    let missing = world.request(Method::GET, "/api/v1/training/77/status").header("origin", "http://localhost:3000");
    let missing = missing.send().await?;
    assert_eq!(missing.headers()["access-control-allow-origin"], "http://localhost:3000");
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert!(missing.json::<Value>().await?["detail"].is_string());
    Ok(())
}
