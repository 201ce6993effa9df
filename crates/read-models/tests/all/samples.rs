//! Events of every kind, with values that can be told apart.

use chrono::DateTime;
use contracts::events::*;
use contracts::{CheckpointId, CommandId, Envelope, EvaluationId, Event, EventId, FileId, Reason, RunId};
use serde_json::{from_value, json};
use uuid::Uuid;

/// The number of a run stands in its id.
pub fn run(number: u128) -> RunId {
    RunId(Uuid::from_u128(0xA000 + number))
}

pub fn command(sequence: u64) -> CommandId {
    CommandId(Uuid::from_u128(0xC000 + u128::from(sequence)))
}

/// One second per sequence; every event is the direct effect of a command of its own.
pub fn envelope(sequence: u64, event: &Event) -> Envelope {
    let time = DateTime::from_timestamp(1_800_000_000 + sequence as i64, 123_456_000).expect("a valid time");
    let mut envelope = Envelope::for_event(event, EventId(Uuid::from_u128(u128::from(sequence))), "test", time);
    envelope.causation_id = Some(command(sequence).0);
    envelope.correlation_id = Some(command(sequence).0);
    envelope
}

pub fn requested(run_id: RunId, name: &str) -> Event {
    let config = json!({
        "seed": 42,
        "world": {
            "environment_type": "standard", "width": 20, "height": 12, "num_robots": 2,
            "map": {"map_type": "random", "seed": null, "count": null, "initial_wall_probability": null},
            "max_steps": null, "patrol_reward": "growth", "patrol_mode": "on_action", "patrol_radius": "fixed",
            "strategic_init": false, "battery_drain_rate": 0.01, "coverage_weight": 1.5, "exploration_weight": 3.0,
            "diversity_weight": 2.0, "threat_penalty_weight": 0.0, "object_weight": 1.0
        },
        "learning": {
            "algorithm": "ppo", "policy_type": "MlpPolicy", "backend": "fused", "total_timesteps": 10_000,
            "num_envs": 64, "num_workers": 1, "actors": "in_turns", "rollout_length": 128, "batch_size": 2048, "epochs": 4,
            "learning_rate": 0.001, "gamma": 0.99, "gae_lambda": 0.95, "clip_range": 0.2, "entropy_coefficient": 0.005,
            "value_coefficient": 0.5, "max_grad_norm": 0.5, "target_kl": null, "reward_scale": 0.004,
            "threat_shaping": 0.0, "object_shaping": 0.0, "tour_prior": 3.0, "gradient_shards": 8, "checkpoint_every_updates": 20
        },
        "recording": {"level": "full", "sample_every": null, "budget_bytes": 1000},
        "evaluation": {"episodes": 20}
    });
    Event::RunRequested(Box::new(RunRequested {
        run_id,
        name: name.into(),
        config: from_value(config).expect("a complete configuration"),
        parent_run_id: None,
        init_from: Some("universal".into()),
        resume_from: None,
    }))
}

pub fn started(run_id: RunId, resumed_from: Option<CheckpointRef>) -> Event {
    Event::RunStarted(RunStarted {
        run_id,
        trainer_id: "trainer-1".into(),
        resumed_from,
        binary_sha256: "b".repeat(64),
        cpu_features: vec!["avx2".into(), "fma".into()],
        threads: 2,
    })
}

pub fn checkpoint_ref(run_id: RunId, update: u64) -> CheckpointRef {
    CheckpointRef { checkpoint_id: CheckpointId::of(run_id, update), update, timestep: update * 100 }
}

pub fn paused(run_id: RunId, update: u64) -> Event {
    Event::RunPaused(RunPaused { run_id, timestep: update * 100, checkpoint: Some(checkpoint_ref(run_id, update)) })
}

pub fn completed(run_id: RunId, update: u64) -> Event {
    Event::RunCompleted(RunCompleted {
        run_id,
        outcome: Outcome::Finished,
        timestep: update * 100,
        episodes_completed: 7,
        checkpoint: Some(checkpoint_ref(run_id, update)),
        digest: Some("d".repeat(64)),
    })
}

pub fn failed(run_id: RunId) -> Event {
    let (code, message) = ("checkpoint_unreadable".into(), "the checkpoint\0 is gone".into());
    Event::RunFailed(RunFailed { run_id, timestep: 300, code, message })
}

pub fn progressed(run_id: RunId, update: u64) -> Event {
    Event::TrainingProgressed(Box::new(TrainingProgressed {
        run_id,
        update,
        timestep: update * 100,
        robot_steps: update * 200,
        episodes_completed: update,
        elapsed_seconds: update as f64,
        steps_per_second: 50.0,
        robot_steps_per_second: 100.0,
        mean_return: (update > 1).then_some(1.0 / 3.0),
        mean_episode_length: (update > 1).then_some(1600.0),
        mean_reward: 0.1,
        mean_threat: 0.5 + 1.0 / update as f64,
        coverage: 0.9,
        worst_idleness: 321.0,
        exploration_score: 0.4,
        best_mean_threat: Some(0.5 + 1.0 / update as f64),
        diagnostics: Diagnostics { loss: 0.25, entropy: 1.5, epochs: 4, ..Diagnostics::default() },
    }))
}

pub fn episode(run_id: RunId, episode_index: u64) -> Event {
    let episode = EpisodeSummary {
        episode_index,
        env_index: 3,
        length: 1600,
        terminated: false,
        truncated: true,
        episode_return: 12.5,
        mean_threat: 0.5,
        final_threat: 0.6,
        average_idleness: 100.0,
        worst_idleness: 400.0,
        coverage: 1.0,
        steps_to_full_coverage: Some(900),
        interferences: 2,
        objects_spawned: 5,
        objects_removed: 4,
        response_p50: Some(20.0),
        response_p95: None,
    };
    Event::EpisodeCompleted(Box::new(EpisodeCompleted { run_id, timestep: 1000, episode }))
}

pub fn blob(name: &str) -> BlobRef {
    BlobRef { uri: format!("files/{name}"), sha256: "a".repeat(64), bytes: 1000, rows: Some(50) }
}

pub fn checkpoint(run_id: RunId, update: u64, is_last: bool) -> Event {
    Event::CheckpointCreated(Box::new(CheckpointCreated {
        run_id,
        checkpoint_id: CheckpointId::of(run_id, update),
        update,
        timestep: update * 100,
        episodes_completed: 5,
        policy: blob(&format!("policy-{update}")),
        resume: blob(&format!("resume-{update}")),
        digest: format!("{update:064x}"),
        next_segment: 9,
        mean_threat: Some(0.55),
        is_last,
    }))
}

pub fn evaluation(number: u128) -> EvaluationId {
    EvaluationId(Uuid::from_u128(0xE000 + number))
}

pub fn evaluation_requested(run_id: RunId, number: u128) -> Event {
    Event::EvaluationRequested(EvaluationRequested {
        run_id,
        evaluation_id: evaluation(number),
        checkpoint_id: None,
        episodes: 20,
    })
}

pub fn evaluation_completed(run_id: RunId, number: u128, world: &str) -> Event {
    Event::EvaluationCompleted(Box::new(EvaluationCompleted {
        run_id,
        evaluation_id: evaluation(number),
        checkpoint_id: CheckpointId::of(run_id, 5),
        timestep: 500,
        protocol: protocol(world),
        sampled: score("policy", 0.53),
        argmax: score("policy", 0.54),
        is_last: true,
        duration_seconds: 1.5,
    }))
}

pub fn evaluation_failed(run_id: RunId, number: u128) -> Event {
    Event::EvaluationFailed(EvaluationFailed {
        run_id,
        evaluation_id: evaluation(number),
        checkpoint_id: Some(CheckpointId::of(run_id, 5)),
        code: "checkpoint_unreadable".into(),
        message: "gone".into(),
    })
}

pub fn baselines(run_id: RunId, world: &str, tour: f64) -> Event {
    let agents = vec![score("tour", tour), score("random_walk", 0.8)];
    Event::BaselinesCompleted(Box::new(BaselinesCompleted { run_id, protocol: protocol(world), agents }))
}

fn protocol(world: &str) -> Protocol {
    Protocol { world_hash: world.into(), rules_version: 1, episodes: 20, first_seed: 1_000_000 }
}

fn score(agent: &str, mean: f64) -> AgentScore {
    AgentScore {
        agent: agent.into(),
        episodes: 20,
        mean_threat: Interval { mean, iqm: mean, low: mean - 0.01, high: mean + 0.01, iqm_bounds: None },
        episode_mean_threats: vec![mean, mean],
        final_threat: 0.5,
        coverage: 1.0,
        average_idleness: 90.0,
        worst_idleness: 300.0,
        steps_to_full_coverage: None,
        full_coverage_share: Some(0.0),
        response_p50: Some(15.0),
        response_p95: Some(60.0),
        interference_rate: 0.0,
        mean_return: 10.0,
        battery_deaths: 0.0,
        optimality_gap: Some(0.1),
        probability_better_than_tour: 0.6,
        probability_better_than_tour_bounds: None,
        probability_better_than_greedy: 0.9,
        probability_better_than_greedy_bounds: None,
    }
}

pub fn file(number: u128) -> FileId {
    FileId(Uuid::from_u128(0xF000 + number))
}

pub fn file_written(run_id: RunId, number: u128, table: Table, episodes: (u64, u64)) -> Event {
    Event::FileWritten(Box::new(FileWritten {
        run_id,
        file_id: file(number),
        split: Split::Train,
        table,
        blob: blob(&format!("{number}.parquet")),
        segments: SegmentRange { producer: "train".into(), first: 0, last: 9 },
        first_episode: Some(episodes.0),
        last_episode: Some(episodes.1),
        first_step: Some(0),
        last_step: Some(1599),
    }))
}

pub fn model_registered(run_id: Option<RunId>, number: u128) -> Event {
    let metadata = json!({"origin": "lab\0", "epochs": 3});
    Event::ModelRegistered(Box::new(ModelRegistered {
        run_id,
        file_id: file(number),
        original_filename: "best.safetensors".into(),
        blob: blob("best"),
        description: Some("the best".into()),
        metadata: metadata.as_object().cloned(),
    }))
}

pub fn model_deleted(number: u128) -> Event {
    Event::ModelDeleted(ModelDeleted { file_id: file(number) })
}

pub fn rejected(sequence: u64) -> Event {
    Event::CommandRejected(CommandRejected {
        command_id: command(sequence),
        command: "run.start".into(),
        run_id: None,
        reasons: vec![Reason::new("/num_robots", "invalid", "`\0` is not a number")],
    })
}

pub fn dead_lettered(run_id: RunId) -> Event {
    Event::MessageDeadLettered(MessageDeadLettered {
        run_id: Some(run_id),
        stream: "PATROL_TRAJECTORIES".into(),
        sequence: 17,
        subject: "patrol.traj.x.external".into(),
        reason: "not an Arrow stream".into(),
    })
}

/// One event of every kind and several of most, about two runs.
pub fn history() -> Vec<Event> {
    let (a, b) = (run(1), run(2));
    vec![
        requested(a, "first"),
        requested(b, "second"),
        started(a, None),
        progressed(a, 1),
        episode(a, 0),
        checkpoint(a, 1, false),
        Event::RunPauseRequested(RunPauseRequested { run_id: a }),
        paused(a, 1),
        Event::RunResumed(RunResumed { run_id: a }),
        started(a, Some(checkpoint_ref(a, 1))),
        episode(a, 0),
        episode(a, 1),
        progressed(a, 2),
        Event::RecordingChanged(RecordingChanged {
            run_id: a,
            from: contracts::config::RecordingLevel::Full,
            to: contracts::config::RecordingLevel::Actions,
            reason: "budget".into(),
            segment: 4,
        }),
        Event::RunStopRequested(RunStopRequested { run_id: a, force: false }),
        checkpoint(a, 5, false),
        checkpoint(a, 5, true),
        completed(a, 5),
        evaluation_requested(a, 1),
        evaluation_completed(a, 1, "w"),
        evaluation_completed(a, 2, "w"),
        evaluation_failed(a, 3),
        baselines(a, "w", 0.53),
        baselines(a, "w", 0.52),
        file_written(a, 1, Table::Steps, (0, 9)),
        file_written(a, 2, Table::Steps, (10, 19)),
        file_written(a, 3, Table::Episodes, (0, 19)),
        model_registered(Some(a), 8),
        model_registered(None, 9),
        model_deleted(9),
        rejected(31),
        dead_lettered(b),
        started(b, None),
        failed(b),
        Event::RunDeleted(RunDeleted { run_id: b }),
    ]
}
