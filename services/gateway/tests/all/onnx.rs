//! Policies exported for other runtimes decide there as they do here.

use crate::world::{World, read};
use anyhow::{Context, Result, ensure};
use environment::evaluation::BatchActor;
use environment::{Action, EpisodeKey, Purpose, StepRecord, WorldConfig};
use learner::categorical::Categorical;
use learner::kernels::{Kernels, Rows};
use learner::network::{Activations, VALUE};
use learner::{Architecture, Policy, Selection};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};
use std::time::Duration;
use test_support::{python, run_to_end};
use trajectories::store::sha256;

const STEPS: u32 = 150;

#[tokio::test]
async fn an_exported_policy_takes_the_same_actions() -> Result<()> {
    let world = World::with_trainer().await?;
    for (policy_type, architecture, robots, hidden_size) in [
        ("MlpPolicy", Architecture::Mlp, 1, 32),
        ("CnnPolicy", Architecture::Cnn, 1, 64),
        ("CnnPolicy", Architecture::Cnn, 3, 128),
    ] {
        let body = json!({"name": format!("{policy_type} of {robots}"), "algorithm": "ppo", "policy_type": policy_type,
                          "total_timesteps": 1024, "num_robots": robots, "num_envs": 2,
                          "config": {"rollout_length": 128, "seed": 3, "hidden_size": hidden_size}});
        let session = world.train(body).await?;
        let list = world.found(&format!("/api/v1/files/list?training_job_id={}", session["id"])).await?;
        let download = format!("/api/v1/files/{}/download", list["files"][0]["id"]);
        let stored = world.request(Method::GET, &download).send().await?.bytes().await?;
        let policy = Policy::from_safetensors(&stored)?;
        let shape = policy.network().shape();
        assert_eq!((shape.architecture(), shape.hidden), (architecture, hidden_size));
        let exported = exported(&world, &download).await?;
        agrees_in_onnxruntime(&policy, &exported, robots).await?;

        let part = Part::bytes(stored.to_vec()).file_name("mine.safetensors");
        let upload = world.request(Method::POST, "/api/v1/files/").multipart(Form::new().part("file", part));
        let (status, uploaded) = read(upload.send().await?).await?;
        assert_eq!(status, StatusCode::CREATED, "{uploaded:#}");
        let again = self::exported(&world, &format!("/api/v1/files/{}/download", uploaded["id"])).await?;
        ensure!(again == exported, "the same policy is the same export");
        let (status, problem) = world.get(&format!("{download}?format=pickle")).await?;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem:#}");
    }
    Ok(())
}

/// The export, with its headers checked.
async fn exported(world: &World, download: &str) -> Result<Vec<u8>> {
    let address = format!("{download}?format=onnx");
    let answer = world.request(Method::GET, &address).send().await?;
    assert_eq!(answer.status(), StatusCode::OK);
    let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let tag = header("etag").context("an ETag")?;
    let name = header("content-disposition").context("a file name")?;
    ensure!(name.ends_with(".onnx\""), "{name}");
    assert_eq!(header("content-type").as_deref(), Some("application/octet-stream"));
    let bytes = answer.bytes().await?;
    assert_eq!(tag, format!("\"{}\"", sha256(&bytes)));
    let known = world.request(Method::GET, &address).header("if-none-match", &tag).send().await?;
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    let part = world.request(Method::GET, &address).header("range", "bytes=-7").send().await?;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.bytes().await?, bytes[bytes.len() - 7..]);
    Ok(bytes.to_vec())
}

async fn agrees_in_onnxruntime(policy: &Policy, exported: &[u8], robots: usize) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let [model, file] = ["policy.onnx", "decisions.json"].map(|name| directory.path().join(name));
    let decisions = decisions(policy, robots)?;
    std::fs::write(&model, exported)?;
    std::fs::write(&file, serde_json::to_vec(&decisions)?)?;
    let mut command = python("onnx_policy.py")?;
    command.arg(model).arg(file);
    let report: Value = serde_json::from_str(&run_to_end(command, Duration::from_secs(60)).await?)?;
    assert_eq!(report["decisions"], STEPS as usize * robots);
    assert_eq!(report["properties"]["rules_version"], environment::RULES_VERSION.to_string());
    Ok(())
}

/// What a team saw, was allowed to do and did, one entry per robot and step.
#[derive(Default, Serialize)]
struct Decisions {
    observations: Vec<Vec<f32>>,
    masks: Vec<[bool; 4]>,
    actions: Vec<usize>,
    probabilities: Vec<[f32; 4]>,
    values: Vec<f32>,
}

fn decisions(policy: &Policy, robots: usize) -> Result<Decisions> {
    let config = WorldConfig { width: 9, height: 7, num_robots: robots, ..WorldConfig::default() };
    let key = EpisodeKey { run_seed: 5, purpose: Purpose::Evaluation, env_index: 0, episode: 0 };
    let mut worlds = [environment::World::new(&config, key)?];
    let mut actor = policy.actor(Selection::ArgMax);
    actor.start(&worlds);
    let (mut decisions, mut outcome) = (Decisions::default(), StepRecord::new());
    for _ in 0..STEPS {
        let mut actions = vec![Action::default(); robots];
        actor.act(&worlds, &[0], &mut actions);
        for (robot, &action) in actions.iter().enumerate() {
            decisions.take_down(policy, &worlds[0], robot, action);
        }
        worlds[0].step(&actions, &mut outcome);
    }
    Ok(decisions)
}

impl Decisions {
    fn take_down(&mut self, policy: &Policy, world: &environment::World, robot: usize, action: Action) {
        let mut observation = vec![0.0; policy.observation().len()];
        policy.observation().write(world, robot, &mut observation);
        let mask = world.action_mask(robot).0;
        let mut activations = Activations::new(policy.network().shape());
        let row = Rows { data: &observation, stride: observation.len(), index: &[0] };
        policy.network().forward(Kernels::detect(), row, &mut activations);
        self.probabilities.push(Categorical::new(activations.heads(), mask).probabilities);
        self.values.push(activations.heads()[VALUE]);
        self.observations.push(observation);
        self.masks.push(std::array::from_fn(|action| mask >> action & 1 == 1));
        self.actions.push(action as usize);
    }
}
