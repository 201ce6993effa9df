//! What observations and masks say of the scripted tour.

use crate::world::{Actions, any_config, key, try_world};
use environment::{
    Action, ActionMask, EpisodeKey, EpisodeSummary, MapConfig, MapType, ObservationSpec, ScriptedAgent, StepRecord,
    World, WorldConfig,
};
use proptest::prelude::*;

/// What the block `tour` advises every robot.
fn advice(world: &World) -> Vec<Action> {
    let spec = ObservationSpec::universal();
    let mut row = vec![0.0; spec.len()];
    let advised = |robot| {
        spec.write(world, robot, &mut row);
        let block = &row[spec.block("tour").expect("wanted")];
        assert_eq!(block.iter().sum::<f32>(), 1.0);
        Action::ALL[block.iter().position(|feature| *feature == 1.0).expect("one-hot")]
    };
    (0..world.num_robots()).map(advised).collect()
}

fn advised_world(config: &WorldConfig, seed: u64) -> Option<World> {
    let mut world = try_world(config, seed)?;
    world.track_observations(&without_slack());
    Some(world)
}

/// Nobody is held to the tour, nor hurries because it is late.
fn without_slack() -> ObservationSpec {
    ObservationSpec { slack: false, ..ObservationSpec::universal() }
}

/// The wanted actions where the masks allow them, others elsewhere.
fn allowed(world: &World, wanted: &[Action]) -> Vec<Action> {
    let of = |(robot, action): (usize, &Action)| {
        let mask = world.action_mask(robot);
        let actions = std::iter::once(*action).chain(Action::ALL);
        actions.into_iter().find(|action| mask.allows(*action)).expect("a mask is never empty")
    };
    wanted.iter().enumerate().map(of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn robots_that_do_as_advised_play_the_tour(config in any_config(), seed in any::<u64>()) {
        let Some(mut world) = advised_world(&config, seed) else { return Ok(()) };
        let mut scripted = World::new(&config, key(seed)).expect("the same world");
        let mut tour = ScriptedAgent::Tour.build();
        tour.reset(&scripted);
        let (mut record, mut actions) = (StepRecord::new(), vec![Action::Patrol; config.num_robots]);
        while !record.done() {
            tour.act(&scripted, &mut actions);
            scripted.step(&actions, &mut StepRecord::new());
            let advised = advice(&world);
            for (robot, action) in advised.iter().enumerate().filter(|(robot, _)| world.robots()[*robot].alive()) {
                prop_assert!(world.action_mask(robot).allows(*action));
            }
            world.step(&advised, &mut record);
            prop_assert_eq!(world.state_hash(), scripted.state_hash());
        }
    }
}

#[test]
fn robots_that_strayed_find_back_to_the_tour() {
    for (map_type, robots) in MapType::ALL.into_iter().flat_map(|map_type| [1, 3].map(|robots| (map_type, robots))) {
        let map = MapConfig { map_type, ..MapConfig::default() };
        let config = WorldConfig { width: 12, height: 12, num_robots: robots, map, ..WorldConfig::default() };
        let mut world = advised_world(&config, 5).expect("a world");
        let (mut record, mut actions) = (StepRecord::new(), Actions(8));
        for _ in 0..200 {
            world.step(&actions.next(robots), &mut record);
        }
        let astray = world.mean_threat();
        for _ in 0..400 {
            world.step(&advice(&world), &mut record);
        }
        assert!(world.mean_threat() < 0.75 * astray, "{map_type:?}: {} after {astray}", world.mean_threat());
        assert_eq!(world.episode_summary().coverage, 1.0, "{map_type:?}");
    }
}

/// What comes out of a training depends on every action that is advised. In these mazes robots go
/// to charge and get out of the way of those that do.
#[test]
fn the_advice_is_to_the_bit_what_it_was() {
    let map = MapConfig { map_type: MapType::Maze, ..MapConfig::default() };
    for (battery_drain_rate, seed, expected) in
        [(0.3, 5, 0xedac_ee97_54c2_e928), (0.4, 32, 0x427f_5fda_f621_6efa), (0.5, 50, 0x7dc5_24da_7636_f261)]
    {
        let config = WorldConfig {
            width: 16,
            height: 16,
            num_robots: 8,
            map: map.clone(),
            battery_drain_rate,
            ..WorldConfig::default()
        };
        let mut world = advised_world(&config, seed).expect("a world");
        let (mut record, mut strays) = (StepRecord::new(), Actions(seed));
        while !record.done() {
            let stray = world.current_step().is_multiple_of(50);
            let actions = if stray { strays.next(config.num_robots) } else { advice(&world) };
            world.step(&actions, &mut record);
        }
        assert_eq!(world.state_hash(), expected, "drain {battery_drain_rate}, seed {seed}");
    }
}

#[test]
fn a_robot_that_must_charge_may_do_nothing_else() {
    let config = WorldConfig { battery_drain_rate: 0.5, num_robots: 2, ..WorldConfig::default() };
    let mut world = advised_world(&config, 3).expect("a world");
    let (mut record, mut actions) = (StepRecord::new(), Actions(2));
    let (mut forced, mut charged) = (0, 0);
    while !record.done() {
        let wanted = actions.next(2);
        let allowed = |robot: usize| {
            let mask = world.action_mask(robot);
            let wish = Some(wanted[robot]).filter(|action| mask.allows(*action));
            forced += u32::from(mask.0.count_ones() == 1);
            wish.or_else(|| Action::ALL.into_iter().find(|action| mask.allows(*action))).expect("a mask is never empty")
        };
        let actions: Vec<Action> = (0..2).map(allowed).collect();
        world.step(&actions, &mut record);
        charged += u32::from(world.robots().iter().any(|robot| robot.charging));
        assert!(world.robots().iter().all(|robot| robot.alive()), "step {}", world.current_step());
    }
    assert!(forced > 100 && charged > 100, "{forced} {charged}");
}

/// An episode of robots that do what is advised, or anything, as far as the masks allow it.
fn play(config: &WorldConfig, spec: &ObservationSpec, seed: u64, follows: bool) -> EpisodeSummary {
    let mut world = try_world(config, seed).expect("a world");
    world.track_observations(spec);
    let (mut record, mut actions) = (StepRecord::new(), Actions(4));
    while !record.done() {
        let wanted = if follows { advice(&world) } else { actions.next(config.num_robots) };
        world.step(&allowed(&world, &wanted), &mut record);
    }
    world.episode_summary()
}

/// Whatever robots would like to do; without slack they leave cells alone for hundreds of steps.
#[test]
fn a_team_with_little_slack_is_hardly_later_than_the_tour() {
    let worlds = MapType::ALL.into_iter().flat_map(|map_type| [(map_type, 2), (map_type, 4)]);
    for (map_type, num_robots) in worlds {
        let map = MapConfig { map_type, ..MapConfig::default() };
        let config = WorldConfig { num_robots, map, ..WorldConfig::default() };
        let worst_idleness = |slack: bool, follows: bool| {
            play(&config, &ObservationSpec { slack, ..ObservationSpec::universal() }, 7, follows).worst_idleness
        };
        let (tour, kept, free) =
            (worst_idleness(true, true), worst_idleness(true, false), worst_idleness(false, false));
        assert!(kept <= 2 * tour && 4 * kept <= free, "{num_robots} robots, {map_type:?}: {tour} {kept} {free}");
    }
}

/// Obstacles stand between the fewest points that cover the floor, so others have shorter rounds.
#[test]
fn a_lone_robot_is_held_to_a_shorter_round_than_the_scripted_tour() {
    for map_type in MapType::ALL {
        let map = MapConfig { map_type, ..MapConfig::default() };
        let config = WorldConfig { num_robots: 1, map, ..WorldConfig::default() };
        let (mut held, mut strays, mut tour) = (0, 0, 0);
        for seed in 0..8 {
            let thorough = play(&config, &ObservationSpec::from_tour(&config), seed, true);
            assert_eq!(thorough.coverage, 1.0, "{map_type:?}");
            held += thorough.worst_idleness;
            strays += play(&config, &ObservationSpec::from_tour(&config), seed, false).worst_idleness;
            tour += play(&config, &without_slack(), seed, true).worst_idleness;
        }
        assert!(held < tour && strays < 2 * tour, "{map_type:?}: {held} {strays} {tour}");
    }
}

/// What a world keeps ready outlasts one in which there is no use for it: no timetable holds where robots have to charge.
#[test]
fn slack_is_kept_in_every_world_where_nobody_has_to_charge() {
    let spec = ObservationSpec::universal();
    let mut world = try_world(&WorldConfig::default(), 3).expect("a world");
    world.track_observations(&spec);
    let drawn = [(1, 20, 0.1), (1, 8, 0.001), (4, 20, 0.3), (4, 20, 0.001), (1, 21, 0.001), (4, 50, 0.001)];
    for (episode, (num_robots, width, battery_drain_rate)) in drawn.into_iter().enumerate() {
        let config = WorldConfig { num_robots, width, height: width, battery_drain_rate, ..WorldConfig::default() };
        world.replace(&config, EpisodeKey { episode: episode as u32, ..key(3) }).expect("a world");
        let (mut record, mut actions, mut row) = (StepRecord::new(), Actions(5), vec![0.0; spec.len()]);
        let mut least = f32::INFINITY;
        for _ in 0..300 {
            world.step(&allowed(&world, &actions.next(num_robots)), &mut record);
            for robot in 0..num_robots {
                spec.write(&world, robot, &mut row);
                least = least.min(row[spec.block("slack").expect("wanted").start]);
            }
        }
        assert_eq!(least < 1.0, battery_drain_rate < 0.01, "{config:?}");
    }
}

/// The feature and the mask say the same, and those of a world that is read back from bytes are the same.
#[test]
fn a_robot_without_slack_may_do_nothing_but_what_the_tour_would() {
    for num_robots in [1, 4] {
        check_slack(&WorldConfig { num_robots, ..WorldConfig::default() });
    }
}

fn check_slack(config: &WorldConfig) {
    let spec = ObservationSpec::from_tour(config);
    let mut world = try_world(config, 11).expect("a world");
    world.track_observations(&spec);
    let (mut record, mut actions, mut row) = (StepRecord::new(), Actions(6), vec![0.0; spec.len()]);
    let (mut late, mut free) = (0, 0);
    for _ in 0..400 {
        world.step(&allowed(&world, &actions.next(config.num_robots)), &mut record);
        let mut again = World::from_bytes(config, &world.to_bytes()).expect("it was written");
        again.track_observations(&spec);
        for (robot, advised) in advice(&world).into_iter().enumerate() {
            spec.write(&world, robot, &mut row);
            let is_late = row[spec.block("slack").expect("wanted").start] < 0.0;
            let mask = world.action_mask(robot);
            assert_eq!(again.action_mask(robot), mask);
            assert!(!is_late || mask == ActionMask(advised.bit()));
            late += u32::from(is_late);
            free += u32::from(!is_late && mask.0.count_ones() > 1);
        }
    }
    let least = if config.num_robots == 1 { 10 } else { 100 };
    assert!(late > 100 && free > least, "{late} {free}");
}
