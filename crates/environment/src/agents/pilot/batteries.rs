//! Robots that charge, and robots in their way.

use super::{Pilot, Reason, Strategy, Task};
use crate::action::Action;
use crate::world::World;

/// A robot that need not stay leaves its station to one that cannot get past, if that one has less by more than this.
const TAKE_OVER: f64 = 5.0;

impl<S: Strategy> Pilot<S> {
    /// What the robot does for the sake of a battery, its own or that of a team mate, and whether whatever the others do.
    /// A robot that came to charge stays until it has all, or enough to the end of the episode.
    pub(super) fn mind_battery(&mut self, world: &World, robot: usize) -> Option<(Action, bool)> {
        let course = &mut self.courses[robot];
        course.ordered = false;
        let homing = world.homing.as_ref()?;
        let state = &world.robots()[robot];
        let order = world.order(robot);
        if homing.returns(robot) || (order.is_some() && state.charging) {
            course.task = Task::Charge;
        } else if order.is_none() && course.task == Task::Charge {
            let remaining = world.max_steps().saturating_sub(world.current_step());
            let enough = homing.needed(remaining).min(100.0);
            if world.station_path(state.cell) != Some(0) || state.battery >= enough {
                course.take(Task::Undecided(Reason::Start));
                return None;
            }
        } else if order.is_none() {
            return None;
        }
        course.ordered = true;
        course.evasion.clear();
        Some((order.unwrap_or(Action::Patrol), order.is_some()))
    }

    /// Whether `other`, which charges in the way of `robot`, has so much more that it goes on in its place.
    pub(super) fn gives_up_station(&self, world: &World, robot: usize, other: usize) -> bool {
        let battery = |robot: usize| world.robots()[robot].battery;
        world.order(other).is_none() && battery(other) > battery(robot) + TAKE_OVER
    }

    /// The wish, unless that is in the way of a robot that must charge.
    pub(super) fn permitted(&self, world: &World, robot: usize, wish: Action) -> Action {
        match &world.homing {
            Some(homing) if self.courses[robot].alive => {
                homing.permitted(robot, &world.robots()[robot], wish, world.current_step())
            }
            _ => wish,
        }
    }
}
