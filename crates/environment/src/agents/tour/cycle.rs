//! The closed tour as a timetable.

use super::legs::{Legs, STAY, join};
use super::{exact, local_search};
use crate::action::Heading;
use crate::agents::pose_graph::{Pose, PoseGraph};

/// Stops in order, and when each is served.
#[derive(Clone, Debug, Default)]
pub(super) struct Cycle {
    /// Where to stop, and looking where.
    pub stops: Vec<Pose>,
    /// Steps from serving stop 0 to serving each stop.
    pub offsets: Vec<u32>,
    /// Steps of one round, at least 1.
    pub period: u32,
}

impl Cycle {
    /// A short closed tour over the points: the shortest if they are few. Serving a point takes `stop` steps.
    pub fn over(points: &[usize], stop: u16, graph: &mut PoseGraph) -> Self {
        let legs = Legs::between(points, stop, graph);
        let few = points.len() <= exact::MOST_POINTS;
        let order = if few { exact::shortest_tour(&legs) } else { local_search::short_tour(&legs) };
        Self::along(&order, points, &legs)
    }

    fn along(order: &[usize], points: &[usize], legs: &Legs) -> Self {
        let headings = best_headings(order, legs);
        let count = order.len();
        let mut cycle = Self::default();
        let mut time = 0;
        for place in 0..count {
            let next = (place + 1) % count;
            cycle.stops.push(Pose::new(points[order[place]], headings[place]));
            cycle.offsets.push(time);
            let leg = legs.leg(order[place], order[next]);
            time += u32::from(leg[headings[place] as usize][headings[next] as usize]);
        }
        cycle.period = time.max(1);
        cycle
    }
}

/// The headings at the stops that make the closed tour shortest, by dynamic programming backwards from the end.
fn best_headings(order: &[usize], legs: &Legs) -> Vec<Heading> {
    let count = order.len();
    // From the stop at each place to the end of the round, which is the first stop again.
    let mut to_go = vec![STAY; count + 1];
    for place in (0..count).rev() {
        to_go[place] = join(legs.leg(order[place], order[(place + 1) % count]), &to_go[place + 1]);
    }
    let Some(start) = (0..4).min_by_key(|heading| to_go[0][*heading][*heading]) else { return Vec::new() };
    let mut headings = vec![Heading::ALL[start]];
    for place in 1..count {
        let leg = legs.leg(order[place - 1], order[place])[headings[place - 1] as usize];
        let steps = |heading: &usize| leg[*heading].saturating_add(to_go[place][*heading][start]);
        headings.push(Heading::ALL[(0..4).min_by_key(steps).unwrap_or(start)]);
    }
    headings
}
