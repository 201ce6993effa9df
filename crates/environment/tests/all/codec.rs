//! Saved worlds continue bit for bit; damaged ones are refused.

use crate::world::{Actions, any_config, key, try_world};
use environment::{Action, MapConfig, MapType, ObservationSpec, StepRecord, World, WorldConfig};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_saved_world_continues_identically(config in any_config(), seed in any::<u64>(), saved_at in 0usize..300) {
        let Some(mut world) = try_world(&config, seed) else { return Ok(()) };
        let spec = ObservationSpec::for_team(config.num_robots);
        world.track_observations(&spec);
        let mut actions = Actions(seed);
        let mut record = StepRecord::with_events(true);
        for _ in 0..saved_at {
            if !record.done() {
                world.step(&actions.next(config.num_robots), &mut record);
            }
        }
        let mut restored = World::from_bytes(&config, &world.to_bytes()).expect("as saved");
        restored.track_observations(&spec);
        let mut rows = [vec![0.0; spec.len()], vec![0.0; spec.len()]];
        let mut again = record.clone();
        while !record.done() {
            let chosen = actions.next(config.num_robots);
            world.step(&chosen, &mut record);
            restored.step(&chosen, &mut again);
            prop_assert_eq!(record.state_hash, again.state_hash);
            prop_assert_eq!(record.reward.to_bits(), again.reward.to_bits());
            prop_assert_eq!(record.events.as_slice(), again.events.as_slice());
            for robot in 0..config.num_robots {
                spec.write(&world, robot, &mut rows[0]);
                spec.write(&restored, robot, &mut rows[1]);
                prop_assert_eq!(&rows[0], &rows[1]);
            }
        }
        prop_assert_eq!(world.episode_summary(), restored.episode_summary());
        prop_assert_eq!(world.to_bytes(), restored.to_bytes());
    }

    /// What was planned for robots that must charge is part of what is saved.
    #[test]
    fn a_world_whose_robots_go_to_charge_continues_identically(seed in any::<u64>(), advised: bool) {
        let map = MapConfig { map_type: MapType::Maze, ..MapConfig::default() };
        let config =
            WorldConfig { width: 13, height: 13, num_robots: 4, battery_drain_rate: 0.5, map, ..WorldConfig::default() };
        let Some(mut world) = try_world(&config, seed) else { return Ok(()) };
        if advised {
            world.track_observations(&ObservationSpec::universal());
        }
        let mut restored = world.clone();
        let (mut actions, mut record, mut again) = (Actions(seed), StepRecord::new(), StepRecord::new());
        for step in 0..400 {
            if step % 20 == 0 {
                restored = World::from_bytes(&config, &world.to_bytes()).expect("as saved");
            }
            let wanted = actions.next(4);
            let masks = (0..4).map(|robot| world.action_mask(robot));
            prop_assert_eq!(masks.clone().collect::<Vec<_>>(), (0..4).map(|robot| restored.action_mask(robot)).collect::<Vec<_>>());
            let heeded = masks.zip(&wanted).map(|(mask, action)| {
                let allowed = Action::ALL.into_iter().find(|action| mask.allows(*action));
                if mask.allows(*action) { *action } else { allowed.expect("a mask is never empty") }
            });
            let chosen: Vec<Action> = heeded.collect();
            world.step(&chosen, &mut record);
            restored.step(&chosen, &mut again);
            prop_assert_eq!(record.state_hash, again.state_hash);
        }
        prop_assert_eq!(world.to_bytes(), restored.to_bytes());
    }

    #[test]
    fn damage_is_an_error(seed in any::<u64>(), place in any::<prop::sample::Index>(), flip in 1u8..) {
        let config = WorldConfig { width: 6, height: 5, num_robots: 2, ..WorldConfig::default() };
        let Some(mut world) = try_world(&config, seed) else { return Ok(()) };
        let mut record = StepRecord::new();
        let mut actions = Actions(seed);
        for _ in 0..150 {
            world.step(&actions.next(2), &mut record);
        }
        let good = world.to_bytes();
        let mut bad = good.clone();
        bad[place.index(good.len())] ^= flip;
        prop_assert!(World::from_bytes(&config, &bad).is_err());
        prop_assert!(World::from_bytes(&config, &good[..place.index(good.len())]).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Forged bytes, with a checksum that fits, are refused or give a world that can be played; nothing panics.
    #[test]
    fn forged_bytes_do_not_panic(seed in any::<u64>(), edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let config = WorldConfig { width: 6, height: 5, num_robots: 2, ..WorldConfig::default() };
        let Some(mut world) = try_world(&config, seed) else { return Ok(()) };
        let mut record = StepRecord::new();
        let mut actions = Actions(seed);
        for _ in 0..150 {
            world.step(&actions.next(2), &mut record);
        }
        let mut bytes = world.to_bytes();
        let content = bytes.len() - 8;
        for (place, value) in edits {
            bytes[place.index(content)] = value;
        }
        let sum = bytes[..content].iter().fold(0xcbf2_9ce4_8422_2325u64, |sum, byte| {
            (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        bytes[content..].copy_from_slice(&sum.to_le_bytes());
        if let Ok(mut forged) = World::from_bytes(&config, &bytes) {
            forged.track_observations(&ObservationSpec { slack: true, ..ObservationSpec::for_team(2) });
            for _ in 0..120 {
                forged.step(&actions.next(2), &mut record);
            }
            let _ = forged.episode_summary();
        }
    }
}

/// A team on a map of this kind that sees the tour and has done what it liked for a while.
fn advised(map_type: MapType, robots: usize) -> (WorldConfig, World, Actions) {
    let map = MapConfig { map_type, ..MapConfig::default() };
    let config = WorldConfig { width: 14, height: 11, num_robots: robots, map, ..WorldConfig::default() };
    let mut world = World::new(&config, key(robots as u64)).expect("valid");
    world.track_observations(&ObservationSpec { tour: true, ..ObservationSpec::for_team(robots) });
    let (mut record, mut actions) = (StepRecord::new(), Actions(3));
    for _ in 0..70 {
        world.step(&actions.next(robots), &mut record);
    }
    (config, world, actions)
}

/// Whether the round is handed over or planned again makes no difference.
#[test]
fn a_plan_that_is_handed_over_is_the_one_that_would_be_made() {
    for map_type in MapType::ALL {
        for robots in [1, 3] {
            let (config, world, mut actions) = advised(map_type, robots);
            let (bytes, plan) = (world.to_bytes(), world.plan_to_bytes());
            assert!(plan.len() > 16, "{map_type:?}: {} bytes", plan.len());
            let mut worlds =
                [&plan[..], &[]].map(|plan| World::from_bytes_and_plan(&config, &bytes, plan).expect("saved"));
            let mut record = StepRecord::new();
            for _ in 0..200 {
                let chosen = actions.next(robots);
                worlds.iter_mut().for_each(|world| world.step(&chosen, &mut record));
            }
            let [handed_over, made] = worlds;
            assert_eq!(handed_over.to_bytes(), made.to_bytes(), "{map_type:?}, {robots} robots");
            assert_eq!(handed_over.plan_to_bytes(), plan);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Forged plans are refused or can be followed; nothing panics.
    #[test]
    fn forged_plans_do_not_panic(
        robots in 1usize..4, edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (config, world, mut actions) = advised(MapType::Random, robots);
        let (bytes, mut plan) = (world.to_bytes(), world.plan_to_bytes());
        let (cut, _) = edits[0];
        let shorter = &plan[..cut.index(plan.len() - 1) + 1];
        prop_assert!(shorter.len() == plan.len() || World::from_bytes_and_plan(&config, &bytes, shorter).is_err());
        for (place, value) in edits {
            let place = place.index(plan.len());
            plan[place] = value;
        }
        if let Ok(mut forged) = World::from_bytes_and_plan(&config, &bytes, &plan) {
            let mut record = StepRecord::new();
            for _ in 0..120 {
                forged.step(&actions.next(robots), &mut record);
            }
        }
    }
}

#[test]
fn another_configuration_is_refused() {
    let config = WorldConfig::default();
    let bytes = World::new(&config, key(1)).expect("valid").to_bytes();
    let other = WorldConfig { width: 21, ..config.clone() };
    assert!(World::from_bytes(&other, &bytes).is_err());
    assert!(World::from_bytes(&config, b"").is_err());
    assert!(World::from_bytes(&config, &bytes).is_ok());
}
