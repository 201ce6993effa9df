//! Runs that train in worlds of all kinds.

use crate::world::{World, checkpoint, completed};
use anyhow::{Context, Result, ensure};
use contracts::commands::StartRun;
use contracts::ids::CommandId;
use contracts::{Event, RunConfig, RunId};
use environment::{WorldConfig, Worlds};
use experiments::Teams;
use learner::{Learner, PpoConfig};
use serde_json::{Value, json};
use uuid::Uuid;

const ENVIRONMENTS: u64 = 16;
/// 32 updates of 16 steps in every environment, a checkpoint every fourth.
const TIMESTEPS: u64 = 32 * 16 * ENVIRONMENTS;

fn payload() -> Value {
    json!({
        "total_timesteps": TIMESTEPS,
        "num_envs": ENVIRONMENTS,
        "batch_size": 256,
        "config": {
            "seed": 5,
            "worlds": "universal",
            "rollout_length": 16,
            "epochs": 1,
            "max_steps": 40,
            "checkpoint_every_updates": 4,
            "recording": "none",
        },
    })
}

fn complete(payload: Value) -> Result<RunConfig> {
    let start: StartRun = serde_json::from_value(payload)?;
    Ok(domain::run_config::complete(&start, CommandId(Uuid::from_u128(1)))?)
}

/// What a client may ask for beside the worlds.
#[test]
fn either_network_and_either_backend_trains_in_them() -> Result<()> {
    for (policy_type, backend) in [("CnnPolicy", "fused"), ("MlpPolicy", "dfdx"), ("CnnPolicy", "dfdx")] {
        let mut payload = payload();
        payload["policy_type"] = policy_type.into();
        payload["config"]["backend"] = backend.into();
        payload["config"]["normalize_returns"] = true.into();
        let config = complete(payload)?;
        let settings = experiments::ppo_config(&config)?;
        let mut learner = Learner::new(experiments::worlds(&config)?, settings, config.seed, 2)?;
        let before = learner.policy().network().parameters().to_vec();
        let report = learner.update(None)?;
        ensure!(report.policy_loss.is_finite() && report.value_loss.is_finite(), "{policy_type} {backend}: {report:?}");
        ensure!(learner.policy().network().parameters() != before, "{policy_type} {backend} learned nothing");
    }
    Ok(())
}

/// What a client gets who only says which worlds.
#[test]
fn the_defaults_are_those_of_the_policy_for_every_world() -> Result<()> {
    let config = complete(json!({"total_timesteps": 1_000_000, "config": {"worlds": "universal"}}))?;
    assert_eq!(experiments::worlds(&config)?, Worlds::Universal(WorldConfig::default()));
    let total_steps = Teams::of(&config).robot_steps(1_000_000);
    assert!((3_300_000..3_500_000).contains(&total_steps), "{total_steps}");
    assert_eq!(experiments::ppo_config(&config)?, PpoConfig { total_steps, ..PpoConfig::universal() });
    Ok(())
}

/// The learner's own defaults, which its examples and benchmarks use, and those of a run.
#[test]
fn the_defaults_of_one_world_are_those_of_the_learner() -> Result<()> {
    let maps = ["random", "maze", "room", "cave"];
    let of_all_maps = |(robots, side, drain, weight)| maps.map(|map_type| (robots, side, drain, weight, map_type));
    let worth = [(0.001, 1.0), (0.1, 1.0), (0.001, 2.0)];
    let lone = [8, 19, 20, 21].into_iter().flat_map(|side| worth.map(|(drain, weight)| (1, side, drain, weight)));
    let teams = [2, 4, 5, 10].map(|robots| (robots, 20, 0.001, 1.0));
    for (robots, side, drain, weight, map_type) in lone.chain(teams).flat_map(of_all_maps) {
        let config = complete(json!({
            "total_timesteps": 1_000_000,
            "num_robots": robots,
            "env_width": side,
            "env_height": side,
            "config": {"map_config": {"map_type": map_type}, "battery_drain_rate": drain, "object_weight": weight},
        }))?;
        let Worlds::Fixed(world) = experiments::worlds(&config)? else { anyhow::bail!("one world") };
        let total_steps = Teams::of(&config).robot_steps(1_000_000);
        let expected = PpoConfig::for_world(&world);
        // Training pays for objects what they weigh in the reward of the rules.
        let object_coefficient = expected.object_coefficient * weight as f32;
        assert_eq!(
            experiments::ppo_config(&config)?,
            PpoConfig { total_steps, object_coefficient, ..expected },
            "{robots} robots, {side}×{side} {map_type}, drain {drain}, objects {weight}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_in_drawn_worlds_ends_with_the_same_bits_after_a_death() -> Result<()> {
    let world = World::start().await?;
    let undisturbed = world.trainer()?;
    let straight = world.request_of(1, payload()).await?;
    let end = world.completed(straight).await?;
    ensure!(end.timestep == TIMESTEPS, "{end:?}");
    undisturbed.kill();

    let first = world.trainer()?;
    let run = world.request_of(2, payload()).await?;
    world.wait("a checkpoint", run, |events| events.iter().find_map(checkpoint).map(|created| created.update)).await?;
    first.kill();
    ensure!(!world.events(run).await?.iter().any(|event| completed(event).is_some()), "killed too late");
    let _heir = world.trainer()?;
    world.completed(run).await?;
    assert_eq!(last_policy(&world, run).await?, last_policy(&world, straight).await?);
    ensure!(world.completed(run).await?.digest == end.digest, "the resume states differ");
    world.replays(run).await
}

/// SHA-256 of the last checkpoint's weights.
async fn last_policy(world: &World, run: RunId) -> Result<String> {
    let events: Vec<Event> = world.events(run).await?;
    let last = events.iter().filter_map(checkpoint).max_by_key(|created| created.update);
    Ok(last.context("a checkpoint")?.policy.sha256.clone())
}
