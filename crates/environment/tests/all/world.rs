//! The simulator against the reference, in random worlds with random actions.

use crate::reference::Reference;
use environment::{
    Action, BatchConfig, EnhancedReward, Environment, EpisodeKey, MapConfig, MapType, ObservationSpec, PatrolMode,
    PatrolRadius, PatrolReward, Purpose, RewardConfig, StepRecord, World, WorldBatch, WorldConfig, WorldEventKind,
    Worlds,
};
use proptest::prelude::*;

/// Worlds of all kinds, most of them small and crowded so that everything happens often.
pub fn any_config() -> impl Strategy<Value = WorldConfig> {
    let size = (5usize..14, 5usize..14, 1usize..6);
    let map = (0usize..4, proptest::option::of(any::<u64>()), proptest::option::of(0usize..6));
    let rules = (any::<[bool; 5]>(), prop_oneof![Just(0.001), Just(0.4), Just(3.0)], 0.0..2.0f64);
    (size, map, rules).prop_map(|((width, height, robots), (map_type, seed, count), (flags, drain, weight))| {
        WorldConfig {
            width,
            height,
            num_robots: robots,
            map: MapConfig { map_type: MapType::ALL[map_type], seed, count, ..MapConfig::default() },
            max_steps: Some(400),
            patrol_reward: if flags[0] { PatrolReward::Growth } else { PatrolReward::Threat },
            patrol_mode: if flags[1] { PatrolMode::OnAction } else { PatrolMode::EveryStep },
            patrol_radius: if flags[2] { PatrolRadius::Fixed } else { PatrolRadius::Dynamic },
            battery_drain_rate: drain,
            strategic_init: flags[3],
            reward: RewardConfig {
                enhanced: flags[4].then_some(EnhancedReward {
                    coverage_weight: 1.5,
                    exploration_weight: 3.0,
                    diversity_weight: 2.0,
                }),
                threat_penalty_weight: weight,
                object_weight: 2.0 - weight,
            },
        }
    })
}

pub fn key(run_seed: u64) -> EpisodeKey {
    EpisodeKey { run_seed, purpose: Purpose::Test, env_index: 3, episode: 7 }
}

/// Deterministic actions, biased towards moving so that robots meet.
pub struct Actions(pub u64);

impl Actions {
    pub fn next(&mut self, count: usize) -> Vec<Action> {
        let mut draw = || {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            [0, 0, 0, 0, 1, 2, 3, 3][(self.0 >> 61) as usize]
        };
        (0..count).map(|_| Action::from_index(draw()).expect("below four")).collect()
    }
}

/// A world, if this configuration has one: small crowded maps may have no room for the stations.
pub fn try_world(config: &WorldConfig, seed: u64) -> Option<World> {
    World::new(config, key(seed)).ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn lazy_threat_equals_the_reference(config in any_config(), seed in any::<u64>(), tracked in any::<bool>()) {
        let Some(mut world) = try_world(&config, seed) else { return Ok(()) };
        if tracked {
            world.track_observations(&ObservationSpec::universal());
        }
        let starts: Vec<_> = world.robots().iter().map(|robot| robot.cell).collect();
        let mut reference = Reference::new(&config, world.map(), &starts);
        let mut record = StepRecord::with_events(true);
        let mut actions = Actions(seed);
        while !record.done() {
            let chosen = actions.next(config.num_robots);
            world.step(&chosen, &mut record);
            let events = record.events.as_slice();
            let spawned = events.iter().find(|event| event.kind == WorldEventKind::ObjectSpawned);
            let outcome = reference.step(&chosen, spawned.map(|event| (event.x.into(), event.y.into())));
            reference.assert_agrees(&world, &record, &outcome);
        }
        reference.assert_summary(&world.episode_summary());
    }

    #[test]
    fn robots_never_share_a_cell_and_masks_are_never_empty(config in any_config(), seed in any::<u64>()) {
        let Some(mut world) = try_world(&config, seed) else { return Ok(()) };
        let mut record = StepRecord::new();
        let mut actions = Actions(seed);
        while !record.done() {
            for robot in 0..config.num_robots {
                prop_assert!(world.action_mask(robot).0 != 0);
                let cell = world.robots()[robot].cell;
                prop_assert!(world.map().is_free(cell.x.into(), cell.y.into()));
                prop_assert!(world.robots()[..robot].iter().all(|other| other.cell != cell));
            }
            world.step(&actions.next(config.num_robots), &mut record);
        }
    }

    #[test]
    fn same_seed_same_episode(config in any_config(), seed in any::<u64>()) {
        let Some(world) = try_world(&config, seed) else { return Ok(()) };
        let play = |mut world: World| {
            let mut record = StepRecord::new();
            let mut actions = Actions(seed);
            while !record.done() {
                world.step(&actions.next(config.num_robots), &mut record);
            }
            world.episode_summary()
        };
        let mut other = World::new(&config, key(!seed)).ok();
        let first = play(world);
        if let Some(other) = &mut other {
            other.reset(key(seed)).expect("the map was made before");
            prop_assert_eq!(&play(other.clone()), &first);
        }
        let again = play(World::new(&config, key(seed)).expect("as before"));
        prop_assert_eq!(again, first);
    }

    #[test]
    fn maps_are_connected_and_reproduced_by_their_seed(config in any_config(), seed in any::<u64>()) {
        let Some(world) = try_world(&config, seed) else { return Ok(()) };
        let map = world.map();
        prop_assert!(environment::map::free_cells_connected(map.width(), map.height(), map.obstacles()));
        let mut fixed = config.clone();
        fixed.map.seed = Some(world.map_seed());
        let again = World::new(&fixed, key(!seed)).expect("the same map");
        prop_assert_eq!(again.map().map_hash(), map.map_hash());
        prop_assert_eq!(again.map(), map);
    }
}

#[test]
fn the_mask_forbids_what_is_pointless() {
    let config = WorldConfig { map: MapConfig { count: Some(0), ..MapConfig::default() }, ..WorldConfig::default() };
    let mut world = World::new(&config, key(1)).expect("a valid configuration");
    let mut record = StepRecord::new();
    let allowed = |world: &World| Action::ALL.map(|action| world.action_mask(0).allows(action));
    assert_eq!(allowed(&world), [true; 4]);
    world.step(&[Action::TurnLeft], &mut record);
    assert_eq!(allowed(&world), [true, true, false, true], "a turn must not be undone");
    world.step(&[Action::TurnRight], &mut record);
    assert_eq!(allowed(&world), [true, false, true, true], "a turn must not be undone");
    world.step(&[Action::Patrol], &mut record);
    assert_eq!(allowed(&world), [true, true, true, false], "nothing has grown since the last patrol");
    while world.robots()[0].cell.y > 0 {
        world.step(&[Action::Forward], &mut record);
    }
    assert_eq!(allowed(&world), [false, true, true, true], "the rim is ahead");
}

#[test]
fn a_batch_goes_from_episode_to_episode_at_staggered_times() {
    let world = WorldConfig { max_steps: Some(40), num_robots: 2, ..WorldConfig::default() };
    let config = BatchConfig {
        worlds: world.into(),
        run_seed: 9,
        purpose: Purpose::Test,
        num_envs: 4,
        stagger: true,
        observe: Some(ObservationSpec::for_team(2)),
    };
    let mut batch = WorldBatch::new(&config).expect("a valid configuration");
    let mut records = vec![StepRecord::new(); 4];
    let mut finished = Vec::new();
    let mut actions = Actions(5);
    for _ in 0..60 {
        batch.step(&actions.next(8), &mut records, &mut finished).expect("maps");
    }
    let lengths: Vec<_> = finished.iter().map(|e| (e.episode_index, e.summary.length, e.summary.max_steps)).collect();
    assert_eq!(lengths, [(0, 10, 10), (1, 20, 20), (2, 30, 30), (3, 40, 40), (4, 40, 40), (5, 40, 40)]);
    assert!(finished.iter().all(|episode| episode.summary.truncated && !episode.summary.terminated));

    let environment = &batch.environments()[2];
    let restored = environment::Environment::from_bytes(&config, &environment.to_bytes()).expect("as saved");
    assert_eq!((restored.episode_index(), restored.world().current_step()), (6, 30));
    let spec = ObservationSpec::for_team(2);
    let (mut before, mut after) = (vec![0.0; spec.len()], vec![0.0; spec.len()]);
    spec.write(environment.world(), 1, &mut before);
    spec.write(restored.world(), 1, &mut after);
    assert_eq!(before, after);
}

#[test]
fn every_wrong_field_is_named() {
    let config = WorldConfig {
        width: 2,
        num_robots: 11,
        max_steps: Some(0),
        battery_drain_rate: f64::NAN,
        map: MapConfig { map_type: MapType::Maze, initial_wall_probability: 1.5, ..MapConfig::default() },
        ..WorldConfig::default()
    };
    let fields: Vec<_> = config.validate().expect_err("wrong").fields.into_iter().map(|wrong| wrong.field).collect();
    let expected = [
        "width",
        "num_robots",
        "num_robots",
        "max_steps",
        "map.map_type",
        "map.initial_wall_probability",
        "battery_drain_rate",
    ];
    assert_eq!(fields, expected);
}

/// Drawn worlds continue bit for bit, and every episode has the world of its key.
#[test]
fn drawn_worlds_are_saved_and_continued() {
    let worlds = Worlds::Universal(WorldConfig { max_steps: Some(40), ..WorldConfig::default() });
    let config = BatchConfig {
        worlds,
        run_seed: 9,
        purpose: Purpose::Test,
        num_envs: 16,
        stagger: true,
        observe: Some(ObservationSpec::universal()),
    };
    for env in [0, 7, 15] {
        let mut environment = Environment::new(&config, env).expect("drawn");
        let (mut record, mut actions) = (StepRecord::new(), Actions(u64::from(env)));
        for step in 0..150 {
            let world = environment.world();
            assert_eq!(*world.config(), config.worlds.config(world.key(), 16));
            let chosen = actions.next(world.num_robots());
            environment.step(&chosen, &mut record);
            if record.done() {
                let key = environment.world().key();
                let finished = environment.start_next_episode().expect("another");
                assert_eq!(*finished.world, config.worlds.config(key, 16));
            }
            if step % 13 == 0 {
                let saved = environment.to_bytes();
                let read = Environment::from_bytes(&config, &saved).expect("its own bytes");
                assert_eq!(read.to_bytes(), saved);
                environment = read;
            }
        }
        assert!(environment.world().key().episode >= 3);
    }
}

/// Whatever a lone robot does of what it may, its battery never runs empty, and it does get away from its station.
#[test]
fn a_lone_robot_that_heeds_the_mask_never_runs_empty() {
    for (number, map_type) in MapType::ALL.into_iter().enumerate() {
        for drain in [0.1, 0.3, 0.5, 2.0] {
            let map = MapConfig { map_type, ..MapConfig::default() };
            let config =
                WorldConfig { width: 30, height: 17, battery_drain_rate: drain, map, ..WorldConfig::default() };
            let key = EpisodeKey { run_seed: 5, purpose: Purpose::Test, env_index: number as u32, episode: 0 };
            let mut world = World::new(&config, key).expect("a world");
            let (mut record, mut actions) = (StepRecord::new(), Actions(number as u64));
            let mut farthest = 0;
            while !record.done() {
                let mask = world.action_mask(0);
                let action = std::iter::repeat_with(|| actions.next(1)[0]).find(|action| mask.allows(*action));
                world.step(&[action.expect("one is allowed")], &mut record);
                farthest = farthest.max(world.station_path(world.robots()[0].cell).expect("free"));
            }
            let summary = world.episode_summary();
            assert!(summary.truncated && summary.battery_deaths == 0, "{map_type:?} {drain}");
            assert!(summary.charging_events > 1 && farthest > 4, "{map_type:?} {drain}: {farthest}");
        }
    }
}
