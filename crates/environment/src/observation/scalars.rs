//! Features that are single numbers, and the robot's frame.

use crate::action::{Action, Heading};
use crate::map::Cell;
use crate::world::{Robot, World};

/// Entries of the block `charge`.
pub(super) const BATTERY: usize = 10;
/// Offsets are divided by the reach of the far maps.
const OFFSET_SCALE: f32 = 1.0 / 20.0;
/// More slack than twenty steps looks like twenty.
const SLACK_SCALE: f32 = 1.0 / 20.0;

/// Where a robot is and how its frame lies in the grid.
///
/// "Across" counts rows of the plane that is read, "along" places within a row; one step forward adds `forward` to across,
/// and the robot's right is along, or against it if `reversed`.
pub(super) struct Frame {
    pub robot: usize,
    pub cell: Cell,
    pub heading: Heading,
    pub by_columns: bool,
    pub reversed: bool,
    pub forward: i32,
    pub along: i32,
    pub across: i32,
    pub now: u32,
}

impl Frame {
    #[inline(always)]
    pub fn new(world: &World, robot: usize) -> Self {
        let Robot { cell, heading, .. } = world.robots()[robot];
        let (x, y) = (i32::from(cell.x), i32::from(cell.y));
        let (by_columns, reversed, forward) = match heading {
            Heading::North => (false, false, -1),
            Heading::East => (true, false, 1),
            Heading::South => (false, true, 1),
            Heading::West => (true, true, -1),
        };
        let (along, across) = if by_columns { (y, x) } else { (x, y) };
        Self { robot, cell, heading, by_columns, reversed, forward, along, across, now: world.field.now as u32 }
    }

    /// Cells (ahead, to the right) from the robot to `cell`.
    #[inline(always)]
    pub fn offset(&self, cell: Cell) -> (i32, i32) {
        let (dx, dy) = (i32::from(cell.x) - i32::from(self.cell.x), i32::from(cell.y) - i32::from(self.cell.y));
        let (along, across) = if self.by_columns { (dy, dx) } else { (dx, dy) };
        (across * self.forward, if self.reversed { -along } else { along })
    }
}

/// `rim`, `last_action` and `here`.
#[inline(always)]
pub(super) fn write_common(world: &World, frame: &Frame, gain_here: f32, features: &mut [f32]) {
    let (x, y) = (frame.cell.x, frame.cell.y);
    let map = world.map();
    let clockwise = [y, map.width() as u8 - 1 - x, map.height() as u8 - 1 - y, x];
    for (turn, feature) in features[..4].iter_mut().enumerate() {
        *feature = f32::from(clockwise[(frame.heading as usize + turn) & 3]) * 0.04;
    }
    features[4..8].fill(0.0);
    if let Some(action) = world.robots()[frame.robot].last_action {
        features[4 + action as usize] = 1.0;
    }
    features[8] = gain_here;
    features[9] = world.mean_threat() as f32;
}

/// Bearing of the nearest object, all 0 without one; the oldest among equally near ones.
#[inline(always)]
pub(super) fn write_nearest_object(world: &World, frame: &Frame, features: &mut [f32]) {
    let distance = |cell: Cell| u32::from(cell.x.abs_diff(frame.cell.x)) + u32::from(cell.y.abs_diff(frame.cell.y));
    let ranked = world.objects().iter().enumerate().map(|(index, object)| distance(object.cell) << 16 | index as u32);
    let nearest = ranked.fold(u32::MAX, u32::min);
    if nearest == u32::MAX {
        features.fill(0.0);
        return;
    }
    let (ahead, right) = frame.offset(world.objects()[(nearest & 0xffff) as usize].cell);
    features[0] = ahead as f32 * OFFSET_SCALE;
    features[1] = right as f32 * OFFSET_SCALE;
    features[2] = 1.0 / (1 + (nearest >> 16)) as f32;
}

/// The block `charge`. The reserve is the charge that is left over after the way home with all delays, clamped to −1..1.
#[inline(always)]
pub(super) fn write_charge(world: &World, frame: &Frame, features: &mut [f32]) {
    let robot = &world.robots()[frame.robot];
    features.fill(0.0);
    features[0] = robot.battery as f32 * 0.01;
    features[2] = 1.0;
    let Some(homing) = &world.homing else { return };
    let way = homing.distance(frame.robot, frame.cell, frame.heading);
    let (ahead, right) = frame.offset(homing.station(frame.robot));
    features[1] = f32::from(u8::from(robot.charging));
    features[2] = (homing.slack(frame.robot, frame.cell, frame.heading, robot.battery) as f32 * 0.01).clamp(-1.0, 1.0);
    features[3] = (f32::from(way) * 0.01).min(4.0);
    features[4] = ahead as f32 * OFFSET_SCALE;
    features[5] = right as f32 * OFFSET_SCALE;
    for (feature, action) in features[6..9].iter_mut().zip([Action::Forward, Action::TurnRight, Action::TurnLeft]) {
        let (cell, heading) = world.pose_after(robot, action);
        *feature = f32::from(u8::from(homing.distance(frame.robot, cell, heading) < way));
    }
    features[9] = world.config().battery_drain_rate as f32 * 2.0;
}

/// One-hot; all 0 where nobody advises.
pub(super) fn write_advice(world: &World, robot: usize, features: &mut [f32]) {
    features.fill(0.0);
    if let Some(adviser) = &world.adviser {
        features[adviser.advice(robot) as usize] = 1.0;
    }
}

/// 1 where nobody keeps it.
#[inline(always)]
pub(super) fn write_slack(world: &World, robot: usize, features: &mut [f32]) {
    let slack = world.adviser.as_ref().and_then(|adviser| adviser.slack(robot));
    features.fill(slack.map_or(1.0, |slack| (slack as f32 * SLACK_SCALE).clamp(-1.0, 1.0)));
}
