//! Networks of another size than the default one.

use crate::world::{World, checkpoint};
use anyhow::{Context, Result, ensure};
use contracts::commands::StartRun;
use contracts::events::CheckpointCreated;
use contracts::ids::CommandId;
use contracts::{Event, RunId};
use environment::Worlds;
use environment::evaluation::{Protocol, run_episodes};
use learner::{Learner, Policy, Selection};
use serde_json::{Value, json};
use trajectories::ObjectStore;
use uuid::Uuid;

/// Small runs on 8×8 cells; four updates of 512 steps, a checkpoint every second.
fn payload(hidden_size: Option<u32>) -> Value {
    json!({
        "total_timesteps": 2048,
        "env_width": 8,
        "env_height": 8,
        "num_robots": 2,
        "num_envs": 16,
        "num_workers": 2,
        "batch_size": 64,
        "config": {
            "seed": 7,
            "rollout_length": 32,
            "max_steps": 50,
            "checkpoint_every_updates": 2,
            "recording": "none",
            "hidden_size": hidden_size,
        },
    })
}

/// Every algorithm, network and backend learns with a network of the size asked for, which plays when it is read again.
#[test]
fn networks_of_other_sizes_learn_and_play() -> Result<()> {
    for (size, algorithm, policy_type, backend) in [
        (32, "ppo", "MlpPolicy", "fused"),
        (128, "ppo", "MlpPolicy", "fused"),
        (128, "ppo", "MlpPolicy", "dfdx"),
        (24, "ppo", "CnnPolicy", "fused"),
        (24, "ppo", "CnnPolicy", "dfdx"),
        (32, "a3c", "MlpPolicy", "fused"),
    ] {
        let mut payload = payload(Some(size));
        (payload["algorithm"], payload["policy_type"]) = (algorithm.into(), policy_type.into());
        (payload["config"]["backend"], payload["config"]["adam_epsilon"]) = (backend.into(), 1e-7.into());
        let start: StartRun = serde_json::from_value(payload)?;
        let config = domain::run_config::complete(&start, CommandId(Uuid::from_u128(1)))?;
        let settings = experiments::ppo_config(&config)?;
        ensure!(settings.adam_epsilon == 1e-7, "{settings:?}");
        let worlds = experiments::worlds(&config)?;
        let mut learner = Learner::new(worlds.clone(), settings, config.seed, 2)?;
        let before = learner.policy().network().parameters().to_vec();
        for _ in 0..3 {
            learner.update(None)?;
        }
        let policy = Policy::from_safetensors(&learner.policy().to_safetensors()?)?;
        let what = format!("{size} {algorithm} {policy_type} {backend}");
        assert_eq!(policy.network().shape().hidden, size as usize, "{what}");
        ensure!(policy.network().parameters() != before, "{what} learned nothing");
        let Worlds::Fixed(world) = worlds else { anyhow::bail!("one world") };
        let protocol = Protocol { world, seed: 9, episodes: 2 };
        let played = run_episodes(&mut policy.actor(Selection::ArgMax), &protocol, 0..2)?;
        ensure!(played.iter().all(|episode| episode.length == 50), "{what}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weights_keep_the_network_they_have() -> Result<()> {
    let world = World::start().await?;
    let _trainer = world.trainer()?;
    let mut first = payload(Some(32));
    first["algorithm"] = "a3c".into();
    first["config"]["actors"] = "nats".into();
    let parent = world.request_of(1, first).await?;
    let _actor = world.actor("far", parent)?;
    world.completed(parent).await?;
    world.replays(parent).await?;
    let created = last_checkpoint(&world, parent).await?;
    assert_eq!(hidden(&world, &created).await?, 32);

    let from_it = |place: &str, hidden_size| {
        let mut payload = payload(hidden_size);
        payload[place] = created.checkpoint_id.to_string().into();
        payload
    };
    let child = world.request_of(2, from_it("init_from", None)).await?;
    world.completed(child).await?;
    let childs = last_checkpoint(&world, child).await?;
    assert_eq!(hidden(&world, &childs).await?, 32);

    for (number, place) in [(3, "init_from"), (4, "resume_from")] {
        let refused = world.request_of(number, from_it(place, Some(64))).await?;
        let failed = world.wait("the end of a run that cannot be", refused, |events| events.iter().find_map(failure));
        let expected = "the policy to start from has hidden layers of 32 units, not of 64: leave out `hidden_size`";
        assert_eq!(failed.await?, ("another_network".to_owned(), expected.to_owned()));
    }
    let mut convolutions = from_it("init_from", None);
    convolutions["policy_type"] = "CnnPolicy".into();
    let refused = world.request_of(5, convolutions).await?;
    let failed = world.wait("the end of a run that cannot be", refused, |events| events.iter().find_map(failure));
    let expected = "the policy to start from is a MlpPolicy, not a CnnPolicy: ask for `policy_type` MlpPolicy";
    assert_eq!(failed.await?, ("another_network".to_owned(), expected.to_owned()));
    Ok(())
}

fn failure(event: &Event) -> Option<(String, String)> {
    match event {
        Event::RunFailed(failed) => Some((failed.code.clone(), failed.message.clone())),
        _ => None,
    }
}

async fn last_checkpoint(world: &World, run: RunId) -> Result<CheckpointCreated> {
    let events = world.events(run).await?;
    events.iter().filter_map(checkpoint).max_by_key(|created| created.update).cloned().context("a checkpoint")
}

/// Units in a hidden layer of a stored policy.
async fn hidden(world: &World, created: &CheckpointCreated) -> Result<usize> {
    let store = ObjectStore::open(&world.store_url())?;
    let policy = store.get_recorded(&created.policy.uri, &created.policy.sha256).await?;
    Ok(Policy::from_safetensors(&policy)?.network().shape().hidden)
}
