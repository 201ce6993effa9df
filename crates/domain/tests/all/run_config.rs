use crate::sample::{COMMAND, start};
use contracts::commands::{RunOptions, StartRun};
use contracts::config::{
    Actors, Algorithm, EnvironmentType, MAX_SEED, MapSettings, MapType, PolicyType, RecordingLevel, Worlds,
};
use contracts::{Command, CommandId};
use domain::run_config::{complete, default_name};
use proptest::prelude::*;
use uuid::Uuid;

fn with_options(options: RunOptions) -> StartRun {
    StartRun { config: Some(options), ..start() }
}

fn map(map_type: MapType, count: Option<u32>) -> RunOptions {
    let map = MapSettings { map_type, seed: None, count, initial_wall_probability: None };
    RunOptions { map_config: Some(map), ..RunOptions::default() }
}

fn wrong_fields(start: &StartRun) -> Vec<String> {
    complete(start, COMMAND).unwrap_err().0.into_iter().map(|reason| reason.field).collect()
}

#[test]
fn schedules_have_their_measured_ends_and_what_has_no_effect_is_refused() {
    let learning = complete(&start(), COMMAND).unwrap().learning;
    let ends = (learning.final_learning_rate_fraction, learning.final_entropy_coefficient);
    assert_eq!((ends, learning.clip_range_value, learning.normalize_returns), ((Some(0.02), Some(0.0)), None, None));
    let options = RunOptions {
        clip_range_value: Some(0.2),
        normalize_returns: Some(true),
        actors: Some(Actors::Threads),
        ..RunOptions::default()
    };
    assert!(complete(&with_options(RunOptions { actors: None, ..options.clone() }), COMMAND).is_ok());
    let a3c = StartRun { algorithm: Some(Algorithm::A3c), ..with_options(options) };
    assert_eq!(wrong_fields(&a3c), ["/config/clip_range_value", "/config/normalize_returns"]);
}

#[test]
fn the_network_is_as_large_as_asked_or_as_what_it_starts_from() {
    let size = |start: &StartRun| complete(start, COMMAND).unwrap().learning.hidden_size;
    let asked = RunOptions { hidden_size: Some(128), adam_epsilon: Some(1e-8), ..RunOptions::default() };
    assert_eq!((size(&start()), size(&with_options(asked.clone()))), (Some(64), Some(128)));
    let universal = |start| StartRun { init_from: Some("universal".into()), ..start };
    assert_eq!((size(&universal(start())), size(&universal(with_options(asked.clone())))), (None, Some(128)));
    let epsilon = |start: &StartRun| complete(start, COMMAND).unwrap().learning.adam_epsilon;
    assert_eq!((epsilon(&start()), epsilon(&with_options(asked))), (Some(1e-5), Some(1e-8)));
}

#[test]
fn early_stopping_is_off_unless_a_patience_is_given() {
    let stopping = |patience, min_delta| {
        let options = RunOptions {
            early_stopping_patience: patience,
            early_stopping_min_delta: min_delta,
            ..RunOptions::default()
        };
        with_options(options)
    };
    assert_eq!(complete(&start(), COMMAND).unwrap().evaluation.early_stopping, None);
    let early_stopping = complete(&stopping(Some(5), None), COMMAND).unwrap().evaluation.early_stopping;
    assert_eq!(early_stopping.map(|it| (it.patience, it.min_delta)), Some((5, 0.0)));
    assert_eq!(wrong_fields(&stopping(None, Some(0.1))), ["/config/early_stopping_min_delta"]);
}

#[test]
fn one_robot_gets_the_measured_defaults() {
    let config = complete(&start(), COMMAND).unwrap();
    let (world, learning) = (&config.world, &config.learning);
    assert_eq!((world.width, world.height, world.num_robots), (20, 20, 1));
    assert_eq!(world.environment_type, EnvironmentType::Standard);
    assert_eq!(learning.algorithm, Algorithm::Ppo);
    assert_eq!((learning.num_envs, learning.rollout_length, learning.batch_size, learning.epochs), (64, 128, 512, 4));
    assert_eq!((learning.gamma, learning.gae_lambda, learning.threat_shaping), (0.99, 0.95, 0.0));
    // 600,000 robot-steps are 73 updates of 8192.
    assert_eq!(learning.checkpoint_every_updates, 73);
    assert_eq!(config.recording.level, RecordingLevel::Full);
    assert_eq!(default_name(&config), "ppo 20×20 random, 1 robot");
}

#[test]
fn a_team_gets_its_own() {
    let config = complete(&StartRun { num_robots: Some(4), ..start() }, COMMAND).unwrap();
    let learning = &config.learning;
    assert_eq!((learning.num_envs, learning.rollout_length, learning.batch_size), (32, 128, 1024));
    assert_eq!((learning.gamma, learning.threat_shaping), (0.97, 0.3));
    assert_eq!(default_name(&config), "ppo 20×20 random, 4 robots");
}

#[test]
fn a_lone_robot_starts_from_the_tour_where_nothing_better_is_found() {
    let tour = |map_type, side, start: StartRun| {
        let options = RunOptions {
            battery_drain_rate: start.config.and_then(|options| options.battery_drain_rate),
            ..map(map_type, None)
        };
        let sides = StartRun { env_width: Some(side), env_height: Some(side), config: Some(options), ..start };
        let learning = complete(&sides, COMMAND).unwrap().learning;
        (learning.tour_prior, learning.tour_anchor.unwrap(), learning.learning_rate)
    };
    let drains = || with_options(RunOptions { battery_drain_rate: Some(0.1), ..RunOptions::default() });
    let a3c = || StartRun { algorithm: Some(Algorithm::A3c), ..start() };
    let (nothing, held, keeps_up) = ((0.0, 0.0, 1e-3), (4.0, 0.1, 3e-4), (3.0, 0.05, 1e-3));
    for (map_type, side, expected) in [
        (MapType::Random, 20, nothing),
        (MapType::Cave, 20, nothing),
        (MapType::Room, 20, held),
        (MapType::Room, 21, nothing),
        (MapType::Maze, 20, held),
        (MapType::Maze, 50, held),
        (MapType::Random, 8, nothing),
        (MapType::Cave, 19, nothing),
        (MapType::Room, 19, keeps_up),
        (MapType::Maze, 8, keeps_up),
    ] {
        assert_eq!(tour(map_type, side, start()), expected, "{map_type:?} {side}");
    }
    assert_eq!([MapType::Room, MapType::Maze].map(|map| tour(map, 8, drains())), [nothing, keeps_up]);
    assert_eq!([20, 8].map(|side| tour(MapType::Maze, side, a3c())), [nothing, keeps_up]);
    assert_eq!(tour(MapType::Maze, 20, StartRun { num_robots: Some(2), ..start() }), keeps_up);
    let learning = |side| complete(&StartRun { env_width: Some(side), ..start() }, COMMAND).unwrap().learning;
    let rewards = |side| (learning(side).reward_scale, learning(side).threat_shaping, learning(side).object_shaping);
    assert_eq!([20, 19].map(rewards), [(0.001, 0.0, 0.05), (0.004, 0.3, 0.3)]);
}

#[test]
fn objects_pay_the_learner_what_they_weigh() {
    let pay = |robots, weight, shaping| {
        let options = RunOptions { object_weight: weight, object_shaping: shaping, ..RunOptions::default() };
        complete(&StartRun { num_robots: Some(robots), ..with_options(options) }, COMMAND)
            .unwrap()
            .learning
            .object_shaping
    };
    assert_eq!([1, 4, 8].map(|robots| pay(robots, None, None)), [0.05, 0.3, 0.2]);
    assert_eq!([0.0, 2.0, 1000.0].map(|weight| pay(4, Some(weight), None)), [0.0, 0.6, 100.0]);
    assert_eq!(pay(1, Some(3.0), Some(0.2)), 0.2);
    let a3c = |robots| StartRun { num_robots: Some(robots), algorithm: Some(Algorithm::A3c), ..start() };
    assert_eq!([1, 4].map(|robots| complete(&a3c(robots), COMMAND).unwrap().learning.object_shaping), [0.2, 0.3]);
}

#[test]
fn worlds_of_all_kinds_have_defaults_of_their_own() {
    let universal = |options| with_options(RunOptions { worlds: Some(Worlds::Universal), ..options });
    let config = complete(&universal(RunOptions::default()), COMMAND).unwrap();
    let learning = &config.learning;
    assert_eq!((config.worlds(), default_name(&config).as_str()), (Worlds::Universal, "ppo in worlds of all kinds"));
    assert_eq!((learning.num_envs, learning.rollout_length, learning.batch_size), (64, 128, 1024));
    assert_eq!((learning.tour_anchor, learning.calm_shaping, learning.threat_shaping), (Some(0.1), Some(0.025), 0.0));
    // 600,000 robot-steps are 22 updates of 64 × 128 × 3.4.
    assert_eq!(learning.checkpoint_every_updates, 22);
    let crowded = universal(map(MapType::Random, Some(33)));
    assert_eq!(wrong_fields(&crowded), ["/config/map_config/count"]);
    let a3c = StartRun { algorithm: Some(Algorithm::A3c), ..universal(RunOptions::default()) };
    assert_eq!(wrong_fields(&a3c), ["/config/worlds"]);
    let options = RunOptions { rollout_length: Some(1024), ..RunOptions::default() };
    let large = StartRun { num_envs: Some(80), ..universal(options) };
    assert_eq!(wrong_fields(&large), ["/num_envs", "/config/rollout_length"]);
}

#[test]
fn a3c_holds_on_to_the_tour_as_ppo_does() {
    let anchor = |robots, tour_anchor| {
        let options = RunOptions { tour_anchor, ..RunOptions::default() };
        let start = StartRun { algorithm: Some(Algorithm::A3c), num_robots: Some(robots), ..with_options(options) };
        complete(&start, COMMAND).unwrap().learning.tour_anchor
    };
    assert_eq!([anchor(1, None), anchor(4, None), anchor(4, Some(0.2))], [Some(0.0), Some(0.05), Some(0.2)]);
}

#[test]
fn a3c_takes_short_rollouts_in_small_batches_once() {
    for robots in [1, 4] {
        let start = StartRun { algorithm: Some(Algorithm::A3c), num_robots: Some(robots), ..start() };
        let learning = complete(&start, COMMAND).unwrap().learning;
        assert_eq!((learning.rollout_length, learning.batch_size, learning.reward_scale), (32, 256, 0.004));
        assert_eq!(learning.epochs, 1);
    }
    let again = StartRun {
        algorithm: Some(Algorithm::A3c),
        ..with_options(RunOptions { epochs: Some(3), ..RunOptions::default() })
    };
    assert_eq!(complete(&again, COMMAND).unwrap().learning.epochs, 3);
}

#[test]
fn actors_take_turns_unless_a3c_is_told_otherwise() {
    assert_eq!(complete(&start(), COMMAND).unwrap().learning.actors, Actors::InTurns);
    let start = with_options(RunOptions { actors: Some(Actors::Threads), ..RunOptions::default() });
    assert_eq!(wrong_fields(&start), ["/config/actors"]);
    let start = StartRun { algorithm: Some(Algorithm::A3c), ..start };
    assert_eq!(complete(&start, COMMAND).unwrap().learning.actors, Actors::Threads);
}

#[test]
fn few_environments_collect_for_longer_and_the_batch_follows() {
    let config = complete(&StartRun { num_envs: Some(1), ..start() }, COMMAND).unwrap();
    assert_eq!((config.learning.rollout_length, config.learning.batch_size), (1024, 512));
    let short = with_options(RunOptions { rollout_length: Some(100), ..RunOptions::default() });
    let config = complete(&StartRun { num_envs: Some(1), ..short }, COMMAND).unwrap();
    assert_eq!((config.learning.rollout_length, config.learning.batch_size), (100, 100));
}

#[test]
fn given_values_are_kept() {
    let options = RunOptions {
        seed: Some(5),
        gamma: Some(0.5),
        recording: Some(RecordingLevel::Sampled),
        ..RunOptions::default()
    };
    let start = StartRun { learning_rate: Some(3e-4), batch_size: Some(64), ..with_options(options) };
    let config = complete(&start, COMMAND).unwrap();
    assert_eq!((config.seed, config.learning.gamma, config.learning.learning_rate), (5, 0.5, 3e-4));
    assert_eq!((config.learning.batch_size, config.recording.sample_every), (64, Some(10)));
}

#[test]
fn the_seed_is_the_commands_own() {
    let seed = |id: u128| complete(&start(), CommandId(Uuid::from_u128(id))).unwrap().seed;
    assert_eq!(seed(u128::MAX - 5), seed(u128::MAX - 5));
    assert_ne!(seed(1), seed(2));
    assert!(seed(u128::MAX - 5) <= MAX_SEED);
}

#[test]
fn every_field_that_cannot_work_is_named() {
    let options =
        RunOptions { recording_sample_every: Some(3), gradient_shards: Some(8), ..map(MapType::Maze, Some(9)) };
    let start = StartRun {
        name: Some("a\nb".into()),
        env_width: Some(4),
        env_height: Some(4),
        num_robots: Some(5),
        num_envs: Some(1),
        batch_size: Some(7),
        ..with_options(options)
    };
    let expected = [
        "/name",
        "/config/map_config/map_type",
        "/config/map_config/count",
        "/num_robots",
        "/config/gradient_shards",
        "/config/recording_sample_every",
    ];
    assert_eq!(wrong_fields(&start), expected);
}

#[test]
fn a_maze_has_room_for_two_stations_per_opening_between_its_rows() {
    let maze = |width, height, robots| {
        let size =
            StartRun { env_width: Some(width), env_height: Some(height), ..with_options(map(MapType::Maze, None)) };
        complete(&StartRun { num_robots: Some(robots), ..size }, COMMAND)
    };
    for (width, height, most) in [(5, 5, 4), (8, 5, 6), (5, 7, 8)] {
        assert!(maze(width, height, most).is_ok(), "{most} robots in {width}×{height} cells");
        let reasons = maze(width, height, most + 1).unwrap_err().0;
        assert_eq!((reasons.len(), reasons[0].field.as_str()), (1, "/num_robots"), "{reasons:?}");
    }
}

#[test]
fn the_perceptron_is_what_a_run_gets_unless_it_asks_for_convolutions() {
    let policy_of = |policy_type| {
        let config = complete(&StartRun { policy_type, ..start() }, COMMAND).unwrap();
        config.learning.policy_type
    };
    assert_eq!(policy_of(None), PolicyType::MlpPolicy);
    assert_eq!(policy_of(Some(PolicyType::CnnPolicy)), PolicyType::CnnPolicy);
}

#[test]
fn an_update_fits_in_memory_and_a_batch_in_its_rollout() {
    let options = RunOptions { rollout_length: Some(4096), ..RunOptions::default() };
    let large = StartRun { num_envs: Some(512), ..with_options(options) };
    assert_eq!(wrong_fields(&large), ["/num_envs", "/config/rollout_length"]);
    let options = RunOptions { rollout_length: Some(16), ..RunOptions::default() };
    let small = StartRun { num_envs: Some(2), batch_size: Some(64), ..with_options(options) };
    assert_eq!(wrong_fields(&small), ["/batch_size"]);
}

proptest! {
    /// Defaults never contradict what a client chose within the schema.
    #[test]
    fn any_team_and_number_of_environments_has_working_defaults(
        robots in 1..=10_u32, envs in 1..=512_u32, width in 6..=50_u32, height in 6..=50_u32,
    ) {
        let start = StartRun {
            num_robots: Some(robots), num_envs: Some(envs), env_width: Some(width), env_height: Some(height), ..start()
        };
        let payload = Command::StartRun(Box::new(start.clone())).to_json().unwrap();
        prop_assert!(Command::decode("run", "start", &payload).is_ok());
        let config = complete(&start, COMMAND).unwrap();
        let samples = envs * config.learning.rollout_length * robots;
        prop_assert!(config.learning.batch_size <= samples);
        prop_assert!(config.learning.checkpoint_every_updates >= 1);
    }
}

/// What forks and sweeps rely on: a run that is asked for again with the same settings is configured the same.
#[test]
fn a_configuration_restated_as_a_command_means_the_same() {
    let sample = include_str!("../../../../schemas/samples/patrol.run.start.v1.json");
    let Ok(Command::StartRun(full)) = Command::decode("run", "start", sample.as_bytes()) else { panic!("a sample") };
    let a3c = StartRun { algorithm: Some(Algorithm::A3c), num_robots: Some(3), ..start() };
    for start in [start(), a3c, *full] {
        let config = complete(&start, COMMAND).unwrap();
        let other = CommandId(Uuid::from_u128(1));
        assert_eq!(complete(&StartRun::from(&config), other).unwrap(), config);
    }
}
