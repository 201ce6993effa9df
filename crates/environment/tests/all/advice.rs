//! What observations and masks say of the scripted tour.

use crate::world::{Actions, any_config, key, try_world};
use environment::{Action, MapConfig, MapType, ObservationSpec, ScriptedAgent, StepRecord, World, WorldConfig};
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
    world.track_observations(&ObservationSpec::universal());
    Some(world)
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
