//! Every generator, every size: connected floor, room for the stations, the same map for the same seed.

use environment::config::MapType;
use environment::map::{free_cells_connected, is_station_site};
use environment::rng::map_rng;
use environment::{MapConfig, MapError, WorldConfig, maps};
use proptest::prelude::*;

fn config(map_type: MapType, width: usize, height: usize, num_robots: usize) -> WorldConfig {
    let map = MapConfig { map_type, ..MapConfig::default() };
    WorldConfig { width, height, num_robots, map, ..WorldConfig::default() }
}

fn smallest_side(map_type: MapType) -> usize {
    if map_type == MapType::Maze { 5 } else { 3 }
}

fn any_map_type() -> impl Strategy<Value = MapType> {
    prop::sample::select(MapType::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn free_cells_are_connected_and_stations_fit(
        map_type in any_map_type(), width in 3usize..=50, height in 3usize..=50, robots in 1usize..=10, seed: u64,
    ) {
        let side = smallest_side(map_type);
        let (width, height) = (width.max(side), height.max(side));
        match maps::generate(&config(map_type, width, height, robots), &mut map_rng(seed)) {
            Ok(map) => {
                prop_assert!(free_cells_connected(width, height, map.obstacles()));
                prop_assert_eq!(map.stations().len(), robots);
                for (index, station) in map.stations().iter().enumerate() {
                    prop_assert!(is_station_site(width, height, map.obstacles(), *station));
                    prop_assert!(!map.stations()[..index].contains(station));
                }
            }
            // Only small maps may have too little room for a large team.
            Err(error) => prop_assert!(robots > 1 && width.min(height) < 10, "{}", error),
        }
    }

    #[test]
    fn the_seed_fixes_the_map(map_type in any_map_type(), width in 5usize..=50, height in 5usize..=50, seed: u64) {
        let config = config(map_type, width, height, 1);
        let first = maps::generate(&config, &mut map_rng(seed)).unwrap();
        let second = maps::generate(&config, &mut map_rng(seed)).unwrap();
        prop_assert_eq!(first, second);
    }

    #[test]
    fn random_maps_hold_as_many_obstacles_as_asked(side in 6usize..=30, share in 0.0f64..=0.4, seed: u64) {
        let count = (side as f64 * side as f64 * share) as usize;
        let mut config = config(MapType::Random, side, side, 1);
        config.map.count = Some(count);
        let map = maps::generate(&config, &mut map_rng(seed)).unwrap();
        prop_assert_eq!(map.free_cells(), side * side - count);
    }
}

#[test]
fn every_size_has_a_map_of_every_kind() {
    for map_type in MapType::ALL {
        for side in smallest_side(map_type)..=50 {
            let map = maps::generate(&config(map_type, side, side, 1), &mut map_rng(side as u64));
            assert!(map.is_ok(), "{} {side}: {map:?}", map_type.name());
        }
    }
}

#[test]
fn a_maze_is_perfect() {
    for seed in 0..20 {
        let map = maps::generate(&config(MapType::Maze, 21, 15, 1), &mut map_rng(seed)).unwrap();
        let passages = |dx: usize, dy: usize| {
            let cells = (0..21 - dx).flat_map(|x| (0..15 - dy).map(move |y| (x as isize, y as isize)));
            cells.filter(|(x, y)| map.is_free(*x, *y) && map.is_free(x + dx as isize, y + dy as isize)).count()
        };
        assert_eq!(passages(1, 0) + passages(0, 1), map.free_cells() - 1, "a tree has one edge less than cells");
        assert_eq!(map.free_cells(), 10 * 7 * 2 - 1, "all 10×7 cells and the 69 passages between them");
    }
}

#[test]
fn default_random_maps_have_three_to_eight_obstacles() {
    let counts: std::collections::BTreeSet<usize> = (0..200)
        .map(|seed| 400 - maps::generate(&config(MapType::Random, 20, 20, 1), &mut map_rng(seed)).unwrap().free_cells())
        .collect();
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), vec![3, 4, 5, 6, 7, 8]);
}

#[test]
fn a_map_that_cannot_be_is_an_error() {
    let mut walls = config(MapType::Cave, 20, 20, 1);
    walls.map.initial_wall_probability = 1.0;
    let error = maps::generate(&walls, &mut map_rng(1)).unwrap_err();
    assert!(matches!(error, MapError::NotFound { .. }), "{error}");
    assert_eq!(error.to_string(), "no cave map of 20x20 cells with 1 charging stations in 200 attempts");
    assert!(maps::generate(&config(MapType::Maze, 5, 5, 9), &mut map_rng(1)).is_err());
}
