//! Observations against a literal reading of their table.

use crate::world::{Actions, any_config, try_world};
use environment::simd::Simd;
use environment::{Action, Cell, Heading, ObservationSpec, StepRecord, World};
use proptest::prelude::*;

/// The gain of any place, inside the grid or not, in hundredths.
fn gain(world: &World, x: i32, y: i32) -> f32 {
    let near = (y - 2..=y + 2).flat_map(|y| (x - 2..=x + 2).map(move |x| (x, y)));
    let free = near.filter(|(x, y)| world.map().is_free(*x as isize, *y as isize));
    free.map(|(x, y)| f32::from(world.threat(Cell { x: x as u8, y: y as u8 }))).sum()
}

/// The place that is `ahead` and `right` of the robot.
fn place(world: &World, robot: usize, ahead: i32, right: i32) -> (i32, i32) {
    let robot = &world.robots()[robot];
    let ((fx, fy), (rx, ry)) = (robot.heading.delta(), robot.heading.right().delta());
    (i32::from(robot.cell.x) + ahead * fx + right * rx, i32::from(robot.cell.y) + ahead * fy + right * ry)
}

fn square(reach: i32, spacing: i32) -> impl Iterator<Item = (i32, i32)> {
    (-reach..=reach).rev().flat_map(move |ahead| (-reach..=reach).map(move |right| (ahead * spacing, right * spacing)))
}

fn expected(world: &World, robot: usize, name: &str) -> Option<Vec<f32>> {
    let at = |(ahead, right): (i32, i32)| place(world, robot, ahead, right);
    let scaled = |(x, y): (i32, i32)| gain(world, x, y) * (1.0 / 2500.0);
    let blocked = |(x, y): (i32, i32)| f32::from(u8::from(!world.map().is_free(x as isize, y as isize)));
    let standing = |place: (i32, i32)| {
        let there = |cell: Cell| (i32::from(cell.x), i32::from(cell.y)) == place;
        f32::from(u8::from(world.robots().iter().enumerate().any(|(i, other)| i != robot && there(other.cell))))
    };
    let others = || world.robots().iter().enumerate().filter(|(index, _)| *index != robot).map(|(_, other)| other.cell);
    let own = |(ahead, right): (i32, i32)| {
        let (x, y) = at((ahead, right));
        let nearest = others().map(|cell| (i32::from(cell.x) - x).abs() + (i32::from(cell.y) - y).abs()).min();
        if nearest.is_some_and(|distance| distance < ahead.abs() + right.abs()) { 0.0 } else { scaled((x, y)) }
    };
    Some(match name {
        "gain_near" => square(5, 1).map(at).map(scaled).collect(),
        "gain_far" => square(4, 5).map(at).map(scaled).collect(),
        "obstacles" => square(3, 1).map(at).map(blocked).collect(),
        "obstacles_ring" => {
            let ring = square(5, 1).filter(|(ahead, right)| ahead.abs() > 3 || right.abs() > 3);
            ring.map(at).map(blocked).collect()
        }
        "robots_near" => square(3, 1).map(at).map(standing).collect(),
        "gain_own" => square(4, 5).map(own).collect(),
        "here" => vec![scaled(at((0, 0))), world.mean_threat() as f32],
        "team" => vec![world.num_robots() as f32 * 0.1],
        "last_action" => {
            let done = world.robots()[robot].last_action;
            Action::ALL.map(|action| f32::from(u8::from(done == Some(action)))).to_vec()
        }
        "rim" => [(1, 0), (0, 1), (-1, 0), (0, -1)]
            .map(|(ahead, right)| {
                let inside = |(x, y): (i32, i32)| {
                    (0..world.map().width() as i32).contains(&x) && (0..world.map().height() as i32).contains(&y)
                };
                let steps = (1..).take_while(|n| inside(at((ahead * n, right * n)))).count();
                steps as f32 * 0.04
            })
            .to_vec(),
        "paths" => paths(world, robot),
        _ => return None,
    })
}

/// Breadth-first search by the book, up to 160 cells; the way that was found first counts.
fn paths(world: &World, robot: usize) -> Vec<f32> {
    let heading = world.robots()[robot].heading;
    let clockwise = [heading, heading.right(), heading.right().right(), heading.left()].map(Heading::delta);
    let spot = |cell: Cell| (i32::from(cell.x), i32::from(cell.y));
    let mut seen: Vec<(i32, i32)> = world.robots().iter().map(|robot| spot(robot.cell)).collect();
    let start = seen[robot];
    let mut queue: Vec<((i32, i32), usize, i32)> = vec![(start, 4, 0)];
    let (mut best, mut next) = ([0.0_f32; 16], 0);
    while let Some(&(from, direction, way)) = queue.get(next) {
        next += 1;
        for (turn, (dx, dy)) in clockwise.iter().enumerate() {
            let to = (from.0 + dx, from.1 + dy);
            if queue.len() <= 160 && world.map().is_free(to.0 as isize, to.1 as isize) && !seen.contains(&to) {
                seen.push(to);
                queue.push((to, if way == 0 { turn } else { direction }, way + 1));
            }
        }
    }
    let power = |base: f32, way: i32| (0..way).fold(1.0_f32, |product, _| product * base);
    for ((x, y), direction, way) in queue.drain(..).skip(1) {
        let gain = gain(world, x, y) * (1.0 / 2500.0);
        let others = world.robots().iter().enumerate().filter(|(index, _)| *index != robot);
        let mine = others.map(|(_, other)| spot(other.cell)).all(|(ox, oy)| (ox - x).abs() + (oy - y).abs() >= way);
        let object = world.objects().iter().any(|object| spot(object.cell) == (x, y));
        let found = [gain * power(0.8, way), gain * power(0.95, way), gain * power(0.95, way), 1.0 / (1 + way) as f32];
        for (kind, (value, counts)) in found.into_iter().zip([true, true, mine, object]).enumerate() {
            let slot = &mut best[kind * 4 + direction];
            *slot = if counts { slot.max(value) } else { *slot };
        }
    }
    best.to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn blocks_hold_what_their_table_says(config in any_config(), seed in any::<u64>(), width in 3usize..51) {
        let config = environment::WorldConfig { width: config.width.max(width), ..config };
        let Some(mut world) = try_world(&config, seed) else { return Ok(()) };
        let spec = ObservationSpec { ring: true, slack: true, ..ObservationSpec::universal() };
        world.track_observations(&spec);
        let mut row = vec![f32::NAN; spec.len()];
        let mut record = StepRecord::new();
        let mut actions = Actions(seed);
        while !record.done() {
            world.step(&actions.next(config.num_robots), &mut record);
            if world.current_step() % 7 != 0 {
                continue;
            }
            for robot in 0..config.num_robots {
                spec.write(&world, robot, &mut row);
                prop_assert!(row.iter().all(|feature| feature.is_finite() && feature.abs() <= 12.0));
                for block in spec.blocks() {
                    let Some(expected) = expected(&world, robot, block.name) else { continue };
                    prop_assert_eq!(&row[block.range], &expected[..], "{} of robot {}", block.name, robot);
                }
                let block = spec.blocks().into_iter().find(|block| block.name == "objects").expect("wanted");
                let cells = &row[block.range][..25];
                for ((ahead, right), feature) in square(2, 1).zip(cells) {
                    let (x, y) = place(&world, robot, ahead, right);
                    let lies = world.objects().iter().any(|o| (i32::from(o.cell.x), i32::from(o.cell.y)) == (x, y));
                    prop_assert_eq!(*feature, f32::from(u8::from(lies)));
                }
            }
        }
    }

    #[test]
    fn untracked_worlds_are_seen_alike(config in any_config(), seed in any::<u64>()) {
        let Some(mut world) = try_world(&config, seed) else { return Ok(()) };
        let mut tracked = world.clone();
        let spec = ObservationSpec { tour: false, ..ObservationSpec::for_team(config.num_robots) };
        tracked.track_observations(&spec);
        let (mut record, mut actions) = (StepRecord::new(), Actions(seed));
        for _ in 0..130 {
            let chosen = actions.next(config.num_robots);
            world.step(&chosen, &mut record);
            tracked.step(&chosen, &mut record);
        }
        let mut rows = [vec![0.0; spec.len()], vec![0.0; spec.len()]];
        spec.write(&world, 0, &mut rows[0]);
        spec.write(&tracked, 0, &mut rows[1]);
        prop_assert_eq!(&rows[0], &rows[1]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_vector_unit_gives_the_same_bits(config in any_config(), seed in any::<u64>()) {
        let Some(mut world) = try_world(&config, seed) else { return Ok(()) };
        let spec = ObservationSpec { ring: true, ..ObservationSpec::universal() };
        world.track_observations(&spec);
        let units = Simd::available();
        prop_assert_eq!(units.last(), Some(&Simd::Portable));
        let mut worlds = vec![world; units.len()];
        worlds.iter_mut().zip(units).for_each(|(world, unit)| world.use_simd(*unit));
        let mut actions = Actions(seed);
        let mut records = vec![StepRecord::new(); units.len()];
        while !records[0].done() {
            let chosen = actions.next(config.num_robots);
            let mut first: Option<Vec<u32>> = None;
            for (world, record) in worlds.iter_mut().zip(&mut records) {
                world.step(&chosen, record);
                let mut row = vec![f32::NAN; spec.len()];
                spec.write(world, config.num_robots - 1, &mut row);
                let bits: Vec<u32> = row.into_iter().map(f32::to_bits).collect();
                prop_assert_eq!(&bits, first.get_or_insert_with(|| bits.clone()), "in step {}", world.current_step());
            }
            prop_assert!(records.iter().all(|record| record.state_hash == records[0].state_hash));
        }
        prop_assert!(worlds.iter().all(|world| world.to_bytes() == worlds[0].to_bytes()));
    }
}

#[test]
fn blocks_are_contiguous_and_cover_the_row() {
    for robots in [1, 4] {
        let spec = ObservationSpec::for_team(robots);
        let blocks = spec.blocks();
        let mut end = 0;
        for block in &blocks {
            assert_eq!(block.range.start, end, "{}", block.name);
            assert!(!block.range.is_empty(), "{}", block.name);
            end = block.range.end;
        }
        assert_eq!(end, spec.len());
        assert_eq!(blocks.iter().any(|block| block.name == "gain_own"), robots > 1);
    }
}

#[test]
fn a_lone_robot_sees_the_ring_where_there_is_room_for_it() {
    let sees = |width, height, num_robots| {
        let world = environment::WorldConfig { width, height, num_robots, ..environment::WorldConfig::default() };
        let spec = ObservationSpec::for_world(&world);
        assert_eq!(spec.ring, spec.block("obstacles_ring").is_some());
        spec.ring
    };
    assert_eq!([(8, 8, 1), (11, 11, 1), (20, 20, 4)].map(|(w, h, n)| sees(w, h, n)), [false; 3]);
    assert_eq!([(20, 20, 1), (8, 12, 1)].map(|(w, h, n)| sees(w, h, n)), [true; 2]);
}

#[test]
fn a_team_that_keeps_up_and_need_not_charge_sees_its_slack() {
    let sees = |side, num_robots, battery_drain_rate| {
        let shape = environment::WorldConfig { width: side, height: side, ..environment::WorldConfig::default() };
        let world = environment::WorldConfig { num_robots, battery_drain_rate, ..shape };
        ObservationSpec::for_world(&world).block("slack").is_some()
    };
    assert_eq!([(20, 4), (50, 8)].map(|(side, robots)| sees(side, robots, 0.001)), [true; 2]);
    assert_eq!([(8, 1), (20, 1), (50, 4)].map(|(side, robots)| sees(side, robots, 0.001)), [false; 3]);
    assert!(!sees(20, 4, 0.1), "no timetable holds where robots must charge");
}

#[test]
fn a_lone_robot_that_starts_from_the_tour_sees_its_slack_where_it_can_keep_up() {
    let sees = |side, battery_drain_rate| {
        let shape = environment::WorldConfig { width: side, height: side, ..environment::WorldConfig::default() };
        let spec = ObservationSpec::from_tour(&environment::WorldConfig { battery_drain_rate, ..shape });
        assert!(spec.block("tour").is_some());
        spec.block("slack").is_some()
    };
    assert_eq!([8, 20, 21].map(|side| sees(side, 0.001)), [true, true, false]);
    assert!(!sees(20, 0.1), "no timetable holds where a robot must charge");
}

#[test]
fn headings_turn_and_step_as_documented() {
    assert_eq!(Heading::ALL.map(Heading::delta), [(0, -1), (1, 0), (0, 1), (-1, 0)]);
    assert_eq!(Heading::North.right(), Heading::East);
    assert_eq!(Heading::North.left(), Heading::West);
}
