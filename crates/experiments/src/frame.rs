//! A world as a frame for the live map.

use contracts::RunId;
use contracts::live::{LiveFrame, LiveObject, LiveRobot, Position};
use environment::{Cell, Environment, World};

/// The environment as it stands.
pub fn live_frame(run: RunId, environment: &Environment) -> LiveFrame {
    let world = environment.world();
    let map = world.map();
    let (width, height) = (map.width(), map.height());
    LiveFrame {
        run_id: run,
        episode: environment.episode_index(),
        step: world.current_step(),
        robots: robots(world),
        grid_width: width as u32,
        grid_height: height as u32,
        threat_grid: grid(width, height, |cell, _| threat(world, cell)),
        coverage_map: grid(width, height, |_, index| u8::from(world.last_cleared()[index] > 0)),
        obstacles: grid(width, height, |_, index| map.obstacles()[index]),
        suspicious_objects: world
            .objects()
            .iter()
            .map(|object| LiveObject {
                x: object.cell.x.into(),
                y: object.cell.y.into(),
                spawn_time: object.spawned_at,
                threat_level: threat(world, object.cell),
            })
            .collect(),
        charging_stations: map.stations().iter().map(|cell| Position { x: cell.x.into(), y: cell.y.into() }).collect(),
    }
}

fn robots(world: &World) -> Vec<LiveRobot> {
    let robots = world.robots().iter().enumerate();
    robots
        .map(|(id, robot)| LiveRobot {
            id: id as u32,
            x: robot.cell.x.into(),
            y: robot.cell.y.into(),
            orientation: robot.heading as u8,
            battery_percentage: robot.battery,
            is_charging: robot.charging,
            action_taken: robot.last_action.map(|action| action as u8),
        })
        .collect()
}

fn threat(world: &World, cell: Cell) -> f64 {
    f64::from(world.threat(cell)) / 100.0
}

/// Rows of values by cell and by index `y * width + x`.
fn grid<T>(width: usize, height: usize, value: impl Fn(Cell, usize) -> T) -> Vec<Vec<T>> {
    let row = |y: usize| (0..width).map(|x| value(Cell { x: x as u8, y: y as u8 }, y * width + x)).collect();
    (0..height).map(row).collect()
}
