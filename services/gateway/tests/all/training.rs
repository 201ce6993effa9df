use crate::samples::{progressed, started};
use crate::world::{PATIENCE, World, read};
use anyhow::{Context, Result};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use test_support::wait_for;

#[tokio::test]
async fn a_session_goes_through_its_life() -> Result<()> {
    let world = World::start().await?;
    let body = json!({
        "name": "patrol at night", "algorithm": "ppo", "total_timesteps": 5000, "num_robots": 2,
        "config": {"map_config": {"map_type": "cave", "seed": 3}, "seed": 9, "battery_drain_rate": 0.5}
    });
    let (status, session) = world.post("/api/v1/training/start", body).await?;
    assert_eq!(status, StatusCode::ACCEPTED, "{session:#}");
    assert_eq!((&session["status"], &session["env_width"]), (&json!("queued"), &json!(8)));
    assert_eq!(session["config"]["map_config"]["map_type"], "cave");
    assert_eq!(session["config"]["battery_drain_rate"], 0.5);
    let path = |rest: &str| format!("/api/v1/training/{}{rest}", session["id"]);

    assert_eq!(world.found(&path("/status")).await?, session);
    assert_eq!(world.found("/api/v1/training/list").await?["sessions"], json!([session]));
    let (status, paused) = world.post(&path("/pause"), json!(null)).await?;
    assert_eq!((status, &paused["status"]), (StatusCode::OK, &json!("paused")), "{paused:#}");
    let (status, again) = world.post(&path("/pause"), json!(null)).await?;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(again["detail"].as_str().context("a sentence")?.contains("is paused"), "{again:#}");
    assert_eq!(again["session"], world.found(&path("/status")).await?, "the refusal tells the state");
    let (_, resumed) = world.post(&path("/resume"), json!(null)).await?;
    assert_eq!(resumed["status"], "queued");
    let (_, stopped) = world.post(&path("/stop"), json!(null)).await?;
    assert_eq!((&stopped["status"], &stopped["session_id"]), (&json!("completed"), &session["id"]));
    assert_eq!(world.delete(&path("")).await?, (StatusCode::NO_CONTENT, Value::Null));
    assert_eq!(world.get(&path("/status")).await?.0, StatusCode::NOT_FOUND);
    assert_eq!(world.found("/api/v1/training/list").await?["total"], 0);
    Ok(())
}

#[tokio::test]
async fn a_running_session_is_asked_to_pause() -> Result<()> {
    let world = World::start().await?;
    let (number, run) = world.start_session("running").await?;
    world.append(vec![started(run, None), progressed(run, 1)]).await?;
    let session = world.found(&format!("/api/v1/training/{number}/status")).await?;
    assert_eq!((&session["status"], &session["current_timestep"]), (&json!("running"), &json!(100)));
    // Nobody trains it: what was asked for does not happen.
    let (status, answer) = world.post(&format!("/api/v1/training/{run}/pause"), json!(null)).await?;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer:#}");
    assert_eq!((&answer["status"], &answer["pending_action"]), (&json!("running"), &json!("pause")));
    Ok(())
}

#[tokio::test]
async fn a_request_that_is_repeated_has_one_effect() -> Result<()> {
    let world = World::start().await?;
    let body = json!({"name": "once", "algorithm": "ppo", "total_timesteps": 1000});
    let start = || world.request(Method::POST, "/api/v1/training/start").header("idempotency-key", "my key-1");
    let first = read(start().json(&body).send().await?).await?;
    let second = read(start().json(&body).send().await?).await?;
    assert_eq!(first, second);
    let tab = world.request(Method::POST, "/api/v1/training/start").header("idempotency-key", "my\tkey");
    assert_eq!(tab.json(&body).send().await?.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(world.found("/api/v1/training/list").await?["total"], 1);
    Ok(())
}

#[tokio::test]
async fn a_key_is_for_one_request() -> Result<()> {
    let world = World::start().await?;
    let body = |name: &str, algorithm: &str| json!({"name": name, "algorithm": algorithm, "total_timesteps": 1000, "config": {"gamma": 0.9, "epochs": 3}});
    let (another, _) = world.start_session("another").await?;
    for key in ["my key", "0190a1b2-0000-7000-8000-00000000feed"] {
        let ask = async |method: Method, path: &str, key: &str, body: Value| {
            let request = world.request(method, path).header("idempotency-key", key).json(&body);
            read(request.send().await?).await
        };
        let (status, session) = ask(Method::POST, "/api/v1/training/start", key, body("one", "ppo")).await?;
        assert_eq!(status, StatusCode::ACCEPTED, "{session:#}");
        let path = format!("/api/v1/training/{}", session["id"]);
        let mut changed = body("one", "ppo");
        changed["config"]["gamma"] = json!(0.8);
        for (method, path, body) in [
            (Method::DELETE, path.clone(), Value::Null),
            (Method::POST, format!("{path}/pause"), Value::Null),
            (Method::POST, format!("{path}/evaluations"), json!({})),
            (Method::POST, "/api/v1/training/start".to_owned(), body("two", "ppo")),
            (Method::POST, "/api/v1/training/start".to_owned(), body("one", "a3c")),
            (Method::POST, "/api/v1/training/start".to_owned(), changed),
            (Method::POST, "/api/v1/commands/run/start?wait=true".to_owned(), json!({"total_timesteps": 7})),
        ] {
            let (status, refused) = ask(method, &path, key, body).await?;
            assert_eq!(status, StatusCode::CONFLICT, "{path}: {refused:#}");
            let detail = refused["detail"].as_str().context("a sentence")?;
            assert!(detail.contains("used for another request"), "{path}: {detail}");
        }
        assert_eq!(world.found(&format!("{path}/status")).await?["status"], "queued");
        let again = ask(Method::POST, "/api/v1/training/start", key, body("one", "ppo")).await?;
        assert_eq!(again, (StatusCode::ACCEPTED, session));

        // What was refused once stays refused, and is not asked of another session.
        let second = format!("{key}2").replace("feed2", "f00d");
        world.post(&format!("{path}/pause"), Value::Null).await?;
        let pause = format!("{path}/pause");
        assert_eq!(ask(Method::POST, &pause, &second, Value::Null).await?.0, StatusCode::CONFLICT);
        world.post(&format!("{path}/resume"), Value::Null).await?;
        assert_eq!(ask(Method::POST, &pause, &second, Value::Null).await?.0, StatusCode::CONFLICT);
        let other = format!("/api/v1/training/{another}/pause");
        let refused = ask(Method::POST, &other, &second, Value::Null).await?;
        assert!(refused.1["detail"].as_str().is_some_and(|it| it.contains("another request")), "{refused:?}");
        assert_eq!(world.found(&format!("/api/v1/training/{another}/status")).await?["status"], "queued");
    }
    Ok(())
}

#[tokio::test]
async fn a_session_is_stopped_by_force_wherever_that_is_said() -> Result<()> {
    let world = World::start().await?;
    for (query, body) in [("?force=true", Value::Null), ("", json!({"force": true}))] {
        let (number, run) = world.start_session("stubborn").await?;
        world.append(vec![started(run, None)]).await?;
        let (status, answer) = world.post(&format!("/api/v1/training/{number}/stop{query}"), body).await?;
        assert_eq!(status, StatusCode::ACCEPTED, "{answer:#}");
        let history = world.found(&format!("/api/v1/training/{number}/events?aggregate=run")).await?;
        assert_eq!(history["events"][2]["data"]["force"], true, "{history:#}");
    }
    let (number, _) = world.start_session("calm").await?;
    for (query, body) in [("?force=1", Value::Null), ("", json!({"force": 1}))] {
        let (status, problem) = world.post(&format!("/api/v1/training/{number}/stop{query}"), body).await?;
        assert_eq!((status, &problem["detail"][0]["loc"][1]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("force")));
    }
    Ok(())
}

#[tokio::test]
async fn a_key_is_the_id_of_the_command_whenever_it_is_decided() -> Result<()> {
    let world = World::start().await?;
    world.stop_deciding().await?;
    let key = "0190a1b2-0000-7000-8000-00000000beef";
    let body = json!({"name": "later", "algorithm": "ppo", "total_timesteps": 1000});
    let start = || world.request(Method::POST, "/api/v1/training/start").header("idempotency-key", key).json(&body);
    let began = std::time::Instant::now();
    let answer = start().send().await?;
    assert!(began.elapsed() >= Duration::from_secs(5), "it did not wait");
    let place = format!("/api/v1/commands/{key}");
    assert_eq!(answer.headers()["location"].to_str()?, place);
    let (status, pending) = read(answer).await?;
    assert_eq!((status, &pending["command_id"]), (StatusCode::ACCEPTED, &json!(key)), "{pending:#}");
    assert_eq!(pending["status"], "pending");
    assert_eq!(world.found(&place).await?["status"], "pending");

    world.decide_again();
    let report = wait_for("the decision", PATIENCE, async || match world.found(&place).await {
        Ok(report) if report["status"] == "done" => Ok(report),
        other => Err(format!("{other:?}")),
    })
    .await?;
    assert_eq!(report["outcomes"][0]["type"], "patrol.run.requested.v1");
    let (status, session) = read(start().send().await?).await?;
    assert_eq!((status, &session["run_id"]), (StatusCode::ACCEPTED, &report["outcomes"][0]["run_id"]));
    assert_eq!(world.found("/api/v1/training/list").await?["total"], 1);
    Ok(())
}

#[tokio::test]
async fn what_the_read_models_do_not_show_in_time_is_pending() -> Result<()> {
    let world = World::start().await?;
    let (number, _) = world.start_session("waiting").await?;
    world.stop_projecting().await?;
    let began = std::time::Instant::now();
    let path = format!("/api/v1/training/{number}");
    let pause = world.request(Method::POST, &format!("{path}/pause")).send();
    let body = json!({"name": "unseen", "algorithm": "ppo", "total_timesteps": 1000});
    let start = world.request(Method::POST, "/api/v1/training/start").json(&body).send();
    let (paused, started) = tokio::try_join!(pause, start)?;
    assert!(began.elapsed() >= Duration::from_secs(5), "they did not wait");
    let mut places = Vec::new();
    for answer in [paused, started] {
        let place = answer.headers()["location"].to_str()?.to_owned();
        let (status, pending) = read(answer).await?;
        let command = pending["command_id"].as_str().context("a command id")?;
        assert_eq!((status, place.ends_with(command)), (StatusCode::ACCEPTED, true), "{pending:#}");
        places.push(place);
    }
    assert_eq!(world.found(&format!("{path}/status")).await?["status"], "queued", "nothing new is shown");
    world.project_again();
    for place in places {
        wait_for("the effect", PATIENCE, async || match world.found(&place).await {
            Ok(report) if report["status"] == "done" => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await?;
    }
    assert_eq!(world.found(&format!("{path}/status")).await?["status"], "paused");
    assert_eq!(world.found("/api/v1/training/list?q=unseen").await?["total"], 1);
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_is_named() -> Result<()> {
    let world = World::start().await?;
    let body = json!({"name": "x", "algorithm": "dqn", "total_timesteps": 10, "wings": 2});
    let (status, problem) = world.post("/api/v1/training/start", body).await?;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let mut fields: Vec<String> = Vec::new();
    for violation in problem["detail"].as_array().context("a list")? {
        fields.push(violation["loc"][1].as_str().context("a field")?.to_owned());
    }
    fields.sort();
    assert_eq!(fields, ["algorithm", "wings"]);
    for path in [
        "/api/v1/training/x/status",
        "/api/v1/training/list?page=0",
        "/api/v1/training/list?page=x",
        "/api/v1/training/list?status=idle",
        "/api/v1/training/list?q=%00",
    ] {
        assert_eq!(world.get(path).await?.0, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
    }
    let count = "must be a whole number of at least 1";
    for (path, location, message) in [
        ("/api/v1/files/x", ["path", "number"], "must be a whole number"),
        ("/api/v1/training/x/status", ["path", "id"], "is neither the number nor the UUID of a session"),
        ("/api/v1/training/list?page=-1", ["query", "page"], count),
        ("/api/v1/training/list?page=x", ["query", "page"], count),
        ("/api/v1/files/list?page_size=", ["query", "page_size"], count),
        ("/api/v1/files/list?training_job_id=x", ["query", "training_job_id"], "must be a whole number"),
    ] {
        let (_, problem) = world.get(path).await?;
        assert_eq!((&problem["detail"][0]["loc"], &problem["detail"][0]["msg"]), (&json!(location), &json!(message)));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_forked_from_its_checkpoints() -> Result<()> {
    let world = World::with_evaluator().await?;
    let body = json!({"name": "parent", "algorithm": "ppo", "total_timesteps": 512, "num_envs": 2, "learning_rate": 0.002,
                      "config": {"rollout_length": 64, "max_steps": 60, "checkpoint_every_updates": 2, "seed": 3,
                                 "evaluation_episodes": 2}});
    let session = world.train(body).await?;
    let (number, parent) = (&session["id"], &session["run_id"]);
    let path = format!("/api/v1/training/{number}");
    let best = wait_for("a best checkpoint", PATIENCE, async || {
        let session = world.found(&format!("{path}/status")).await.map_err(|error| error.to_string())?;
        session["best_checkpoint_id"].as_str().map(str::to_owned).ok_or_else(|| session.to_string())
    })
    .await?;
    let fork = format!("{path}/fork");
    let changes = json!({"checkpoint": "best", "name": "child", "total_timesteps": 256, "config": {"gamma": 0.9}});
    let (status, child) = world.post(&fork, changes).await?;
    assert_eq!((status, &child["name"]), (StatusCode::ACCEPTED, &json!("child")), "{child:#}");
    assert_eq!((&child["parent_run_id"], &child["total_timesteps"]), (parent, &json!(256)));
    assert_eq!((&child["learning_rate"], &child["config"]["gamma"]), (&json!(0.002), &json!(0.9)));
    assert_eq!(child["config"]["max_steps"], 60);
    let marked = world.found(&format!("{path}/checkpoints")).await?;
    let marked = marked["checkpoints"].as_array().context("a list")?.iter().filter(|it| it["is_best"] == true);
    assert!(marked.count() <= 1, "{best}");

    let (_, longer) = world.post(&fork, json!({"resume": true, "total_timesteps": 1024})).await?;
    // Whether a trainer has taken it by now is a matter of time.
    assert_eq!((&longer["config"]["seed"], &longer["parent_run_id"]), (&json!(3), parent), "{longer:#}");
    assert_eq!(longer["total_timesteps"], 1024, "{longer:#}");
    for (wrong, field) in [
        (json!({"resume": true}), "total_timesteps"),
        (json!({"resume": true, "total_timesteps": 1024, "num_envs": 4}), "num_envs"),
        (json!({"checkpoint": "first"}), "checkpoint"),
        (json!({"checkpoint": parent}), "init_from"),
        (json!({"init_from": "universal"}), "init_from"),
        (json!({"resume": 1}), "resume"),
        (json!({"wings": 2}), "wings"),
    ] {
        let (status, problem) = world.post(&fork, wrong.clone()).await?;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}: {problem:#}");
        assert_eq!(problem["detail"][0]["loc"][1], field, "{wrong}: {problem:#}");
    }
    world.stop_training();
    let (empty, _) = world.start_session("without a checkpoint").await?;
    let (status, problem) = world.post(&format!("/api/v1/training/{empty}/fork"), json!({})).await?;
    assert_eq!(status, StatusCode::CONFLICT, "{problem:#}");
    Ok(())
}

#[tokio::test]
async fn metrics_are_paged_both_ways() -> Result<()> {
    let world = World::start().await?;
    let (number, run) = world.start_session("measured").await?;
    world.append((1..=12).map(|update| progressed(run, update)).collect()).await?;
    let path = format!("/api/v1/training/sessions/{number}/metrics");
    let newest = world.found(&format!("{path}?page_size=10000")).await?;
    assert_eq!((&newest["total"], &newest["page_size"]), (&json!(12), &json!(500)));
    let metric = &newest["metrics"][0];
    assert_eq!((&metric["timestep"], &metric["job_id"]), (&json!(1200), &json!(number)));
    assert_eq!(metric["additional_metrics"]["entropy"], 1.5);
    let since = newest["metrics"][4]["id"].as_i64().context("an id")?;
    let newer = world.found(&format!("{path}?order=asc&since={since}&page_size=2")).await?;
    assert_eq!((&newer["total"], &newer["metrics"][0]["timestep"]), (&json!(4), &json!(900)));
    assert_eq!(newer["metrics"].as_array().map(Vec::len), Some(2));
    Ok(())
}

#[tokio::test]
async fn a_minibatch_may_be_a_single_sample() -> Result<()> {
    let world = World::with_trainer().await?;
    for algorithm in ["ppo", "a3c"] {
        let body = json!({"name": algorithm, "algorithm": algorithm, "total_timesteps": 256, "batch_size": 1,
                          "config": {"rollout_length": 64, "max_steps": 60}});
        let session = world.train(body).await?;
        assert_eq!((&session["batch_size"], &session["current_timestep"]), (&json!(1), &json!(256)), "{session:#}");
        let metrics = world.found(&format!("/api/v1/training/sessions/{}/metrics", session["id"])).await?;
        // What is not finite would be null.
        assert!(metrics["metrics"][0]["loss"].is_f64(), "{metrics:#}");
    }
    let none = json!({"name": "none", "algorithm": "ppo", "total_timesteps": 256, "batch_size": 0});
    let (status, problem) = world.post("/api/v1/training/start", none).await?;
    assert_eq!((status, &problem["detail"][0]["loc"][1]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("batch_size")));
    Ok(())
}

#[tokio::test]
async fn restarts_of_both_servers_are_survived() -> Result<()> {
    let world = World::start().await?;
    world.start_session("before").await?;
    world.nats.restart().await?;
    world.postgres.restart().await?;
    wait_for("a session that is started afterwards", PATIENCE, async || {
        world.start_session("after").await.map_err(|error| format!("{error:#}"))
    })
    .await?;
    Ok(())
}
