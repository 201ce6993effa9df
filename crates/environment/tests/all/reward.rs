//! Every term of the reward, computed by hand.

use crate::world::key;
use environment::{
    Action, Cell, EnhancedReward, Map, PatrolMode, PatrolReward, RewardConfig, StepRecord, World, WorldConfig,
    WorldEventKind,
};
use std::sync::Arc;

/// An open grid of 10×10 cells with these stations.
fn open(config: &WorldConfig, stations: &[(u8, u8)]) -> World {
    let stations: Vec<Cell> = stations.iter().map(|(x, y)| Cell { x: *x, y: *y }).collect();
    let map = Map::new(10, 10, vec![false; 100], stations).expect("a valid map");
    World::with_map(config, Arc::new(map), 0, key(1)).expect("a valid configuration")
}

fn config(num_robots: usize) -> WorldConfig {
    WorldConfig { width: 10, height: 10, num_robots, ..WorldConfig::default() }
}

/// Rewards of one robot's actions, one after the other.
fn rewards(world: &mut World, actions: &[Action]) -> Vec<f64> {
    let mut record = StepRecord::new();
    let play = |action: &Action| {
        world.step(&[*action], &mut record);
        record.reward
    };
    actions.iter().map(play).collect()
}

#[track_caller]
fn assert_close(actual: &[f64], expected: &[f64]) {
    assert_eq!(actual.len(), expected.len());
    for (index, (a, b)) in actual.iter().zip(expected).enumerate() {
        assert!((a - b).abs() < 1e-9, "term {index} of {actual:?} is not {b}");
    }
}

#[test]
fn forward_turn_and_patrol() {
    let mut world = open(&config(1), &[(5, 5)]);
    // The same 25 cells, first one step old, then three.
    let played = rewards(&mut world, &[Action::Patrol, Action::TurnLeft, Action::TurnRight, Action::Patrol]);
    assert_close(&played, &[10.0 * 25.0 * 0.01, -0.05, -0.05, 10.0 * 25.0 * 0.03]);
    // One cell further north, 5 cells are 6 steps old, 20 cells 2 steps.
    let played = rewards(&mut world, &[Action::Forward, Action::Patrol]);
    assert_close(&played, &[-0.1, 10.0 * (5.0 * 0.06 + 20.0 * 0.02)]);
}

#[test]
fn growth_is_capped_at_full_threat() {
    let mut world = open(&config(1), &[(5, 5)]);
    let turns = vec![Action::TurnLeft; 150];
    rewards(&mut world, &turns);
    assert_eq!(world.mean_threat(), 1.0);
    assert_close(&rewards(&mut world, &[Action::Patrol]), &[10.0 * 25.0]);
}

#[test]
fn a_wall_costs_only_the_move() {
    let mut world = open(&config(1), &[(5, 1)]);
    assert_close(&rewards(&mut world, &[Action::Forward, Action::Forward]), &[-0.1, -0.1]);
    assert_eq!(world.robots()[0].cell, Cell { x: 5, y: 0 });
}

#[test]
fn robots_in_each_others_way() {
    let mut world = open(&config(2), &[(4, 5), (6, 5)]);
    let mut record = StepRecord::with_events(true);
    world.step(&[Action::TurnRight, Action::TurnLeft], &mut record);
    // Both want (5, 5): both pay for the move and for the collision, shared by two.
    world.step(&[Action::Forward, Action::Forward], &mut record);
    assert_close(&[record.reward], &[(-0.1 - 0.5 - 0.1 - 0.5) / 2.0]);
    assert_eq!(record.blocked[..2], [true, true]);
    let blocked = |event: &&environment::WorldEvent| event.kind == WorldEventKind::BlockedByRobot;
    assert_eq!(record.events.as_slice().iter().filter(blocked).count(), 2);
    // One goes first; then they would swap.
    world.step(&[Action::Forward, Action::TurnLeft], &mut record);
    world.step(&[Action::TurnLeft, Action::TurnRight], &mut record);
    world.step(&[Action::TurnRight, Action::Forward], &mut record);
    assert_eq!(record.blocked[..2], [false, true], "an occupied cell");
    world.step(&[Action::Forward, Action::Forward], &mut record);
    assert_eq!(record.blocked[..2], [true, true], "a swap");
    assert_eq!(world.episode_summary().interferences, 5);
}

#[test]
fn a_column_of_robots_moves_as_one() {
    let mut world = open(&config(3), &[(5, 4), (5, 5), (5, 6)]);
    let mut record = StepRecord::new();
    world.step(&[Action::Forward; 3], &mut record);
    assert_eq!(world.robots().iter().map(|robot| robot.cell.y).collect::<Vec<_>>(), [3, 4, 5]);
    world.step(&[Action::Patrol, Action::Forward, Action::Forward], &mut record);
    assert_eq!(record.blocked[..3], [false, true, true], "who stands behind one that stays, stays");
}

#[test]
fn objects_pay_by_age_and_only_growth_pays_beside_them() {
    for (patrol_reward, expected) in [(PatrolReward::Growth, 0.1), (PatrolReward::Threat, 10.0)] {
        let mut world = open(&WorldConfig { patrol_reward, battery_drain_rate: 0.0, ..config(1) }, &[(5, 5)]);
        let mut record = StepRecord::with_events(true);
        let mut removed = 0;
        let mut refilled = 0;
        for _ in 0..4000 {
            let Some(object) = world.objects().first().copied() else {
                world.step(&[Action::TurnLeft], &mut record);
                continue;
            };
            walk(&mut world, object.cell, &mut record);
            let events = record.events.as_slice();
            let gone = events.iter().find(|event| event.kind == WorldEventKind::ObjectRemoved);
            if let Some(event) = gone {
                let bonus = [(5, 20.0), (10, 15.0), (20, 10.0), (50, 5.0), (u32::MAX, 2.0)];
                let bonus = bonus.iter().find(|(age, _)| event.value <= *age).expect("the last is unlimited").1;
                assert_close(&[record.reward], &[bonus - 0.1]);
                removed += 1;
            }
            // An object of 20 steps and more fills its cell in one step; the second patrol in a row meets just that.
            let old = world.objects().iter().find(|o| world.current_step() - o.spawned_at > 20).copied();
            let near = |o: &environment::SuspiciousObject, at: Cell| {
                o.cell.x.abs_diff(at.x) <= 2 && o.cell.y.abs_diff(at.y) <= 2
            };
            let at = world.robots()[0].cell;
            let in_reach = |world: &World| world.objects().iter().filter(|o| near(o, at)).count();
            if in_reach(&world) == 1 && old.is_some_and(|o| near(&o, at)) {
                world.step(&[Action::Patrol], &mut record);
                world.step(&[Action::Patrol], &mut record);
                if in_reach(&world) == 1 {
                    let cells = f64::from(record.cells_cleared[0]);
                    assert_close(&[record.reward], &[(cells - 1.0) * 0.1 + expected]);
                    assert_eq!(u32::from(record.threat_removed[0]), u32::from(record.cells_cleared[0]) - 1 + 100);
                    refilled += 1;
                }
            }
        }
        assert!(removed > 10 && refilled > 3, "{removed} objects removed, {refilled} refilled cells met");
    }
}

/// One step towards a cell.
fn walk(world: &mut World, target: Cell, record: &mut StepRecord) {
    let robot = world.robots()[0];
    let wanted = match (target.x.cmp(&robot.cell.x), target.y.cmp(&robot.cell.y)) {
        (std::cmp::Ordering::Greater, _) => 1,
        (std::cmp::Ordering::Less, _) => 3,
        (_, std::cmp::Ordering::Less) => 0,
        _ => 2,
    };
    let ahead = robot.heading as u8 == wanted;
    world.step(&[if ahead { Action::Forward } else { Action::TurnRight }], record);
}

#[test]
fn batteries_run_low_and_charging_costs() {
    let mut world = open(&WorldConfig { battery_drain_rate: 15.0, ..config(1) }, &[(5, 5)]);
    let played = rewards(&mut world, &[Action::Forward, Action::Forward]);
    assert_close(&played, &[-0.1, -0.1]);
    // Batteries are used before the move: 85, 70, 55, 40, 25, 10, 0 from the second step on.
    let played = rewards(&mut world, &[Action::Patrol, Action::Patrol, Action::Patrol]);
    assert_eq!(world.robots()[0].battery, 40.0);
    assert_eq!(played.len(), 3);
    let turn = |battery: f64| {
        let far = -0.2 * 2.0 / 20.0 * (1.0 - battery / 30.0);
        let low = if battery < 20.0 { -0.5 * (20.0 - battery) / 20.0 } else { 0.0 };
        -0.05 + far + low
    };
    let played = rewards(&mut world, &[Action::TurnLeft, Action::TurnLeft]);
    assert_close(&played, &[turn(25.0), turn(10.0)]);
    assert_close(&rewards(&mut world, &[Action::TurnLeft]), &[-100.0]);
    assert!(world.terminated() && !world.truncated());
    assert_eq!(world.episode_summary().battery_deaths, 1);
}

#[test]
fn charging_blocks_patrol_and_costs_by_the_mean_threat() {
    let mut world = open(&WorldConfig { battery_drain_rate: 2.0, ..config(1) }, &[(5, 5)]);
    use Action::{Forward, Patrol, TurnLeft};
    // Out and back: the battery is used twice, before the turn and before the way back.
    rewards(&mut world, &[Forward, TurnLeft, TurnLeft]);
    assert_close(&rewards(&mut world, &[Forward]), &[-0.1 - 0.1 * 0.04]);
    assert!(world.robots()[0].charging);
    assert_eq!(world.robots()[0].battery, 94.0);
    assert!(world.action_mask(0).allows(Patrol));
    assert_close(&rewards(&mut world, &[Patrol]), &[-0.1 * 0.05]);
    assert_eq!(world.threat(Cell { x: 5, y: 5 }), 5, "patrol has no effect while charging");
    rewards(&mut world, &[Patrol; 4]);
    assert_close(&rewards(&mut world, &[Patrol]), &[10.0 * 25.0 * 0.10]);
    assert_eq!(world.episode_summary().charging_events, 1);
}

#[test]
fn charging_events_hold_the_battery_in_hundredths_of_a_per_cent_rounded() {
    let mut world = open(&WorldConfig { battery_drain_rate: 0.0515, ..config(1) }, &[(5, 5)]);
    let mut record = StepRecord::with_events(true);
    let mut charging = Vec::new();
    for action in [Action::Forward, Action::TurnLeft, Action::TurnLeft, Action::Forward, Action::Patrol] {
        world.step(&[action], &mut record);
        let events = record.events.as_slice().iter().filter(|event| event.robot.is_some());
        charging.extend(events.map(|event| (event.kind, event.value)));
    }
    // 100 − 3 × 0.0515 = 99.8455.
    assert_eq!(charging, [(WorldEventKind::ChargingStarted, 9985), (WorldEventKind::ChargingEnded, 10_000)]);
}

#[test]
fn enhanced_terms() {
    let enhanced = EnhancedReward { coverage_weight: 0.5, exploration_weight: 0.25, diversity_weight: 3.0 };
    let reward = RewardConfig { enhanced: Some(enhanced), threat_penalty_weight: 2.0, object_weight: 1.0 };
    let mut world = open(&WorldConfig { reward, ..config(1) }, &[(5, 5)]);
    use Action::{Forward, Patrol, TurnLeft};
    // 25 of 100 cells are covered; the mean threat afterwards is 0.75 × 0.01.
    assert_close(&rewards(&mut world, &[Patrol]), &[2.5 + 0.5 * 20.0 * 0.25 - 2.0 * 0.0075]);
    // A first visit, and a mean threat of 0.75 × 0.02 + 0.25 × 0.01.
    assert_close(&rewards(&mut world, &[Forward]), &[-0.1 + 0.25 * 5.0 - 2.0 * 0.0175]);
    // Back to the start: its second visit, and charging for a step.
    rewards(&mut world, &[TurnLeft, TurnLeft]);
    assert_close(&rewards(&mut world, &[Forward]), &[-0.1 + 0.25 * 0.5 - 2.1 * 0.0475]);
    rewards(&mut world, &[TurnLeft; 4]);
    // The tenth step: two distinct cells among ten.
    assert_close(&rewards(&mut world, &[TurnLeft]), &[-0.05 - 3.0 - 2.0 * 0.0975]);
}

#[test]
fn every_step_mode_patrols_always_and_action_3_stays() {
    let mut world = open(&WorldConfig { patrol_mode: PatrolMode::EveryStep, ..config(1) }, &[(5, 5)]);
    let played = rewards(&mut world, &[Action::Patrol, Action::Forward, Action::TurnLeft]);
    assert_close(&played, &[2.5, -0.1 + 10.0 * (20.0 * 0.01 + 5.0 * 0.02), -0.05 + 2.5]);
    assert_eq!(world.robots()[0].cell, Cell { x: 5, y: 4 });
}
