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
    pub fn over(points: &[usize], stop: u16, graph: &PoseGraph) -> Self {
        let mut legs = Legs::between(points, local_search::NEAR, stop, graph);
        let few = points.len() <= exact::MOST_POINTS;
        let order = if few { exact::shortest_tour(&legs) } else { local_search::short_tour(&mut legs) };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::cover::patrol_points;
    use crate::map::{Cell, Map};

    /// A floor with one obstacle per listed cell.
    fn floor(side: usize, obstacles: &[usize]) -> PoseGraph {
        let blocked = (0..side * side).map(|cell| obstacles.contains(&cell)).collect();
        PoseGraph::new(&Map::new(side, side, blocked, vec![Cell { x: 1, y: 1 }]).expect("a valid map"))
    }

    /// Length of the shortest closed tour, by trying all orders.
    fn shortest_by_exhaustion(points: &[usize], graph: &PoseGraph) -> u16 {
        fn extend(order: &mut Vec<usize>, legs: &Legs) -> u16 {
            if order.len() == legs.count() {
                let round = order.windows(2).fold(STAY, |walk, pair| join(&walk, legs.leg(pair[0], pair[1])));
                return super::super::legs::closed(&join(&round, legs.leg(order[order.len() - 1], order[0])));
            }
            let mut shortest = u16::MAX;
            for next in (0..legs.count()).filter(|next| !order.contains(next)).collect::<Vec<_>>() {
                order.push(next);
                shortest = shortest.min(extend(order, legs));
                order.pop();
            }
            shortest
        }
        extend(&mut vec![0], &Legs::between(points, points.len(), 1, graph))
    }

    #[test]
    fn the_tour_of_an_open_floor_is_the_best_possible() {
        let graph = floor(20, &[]);
        let points = patrol_points(&graph, &[]);
        assert_eq!(points.len(), 16);
        // 16 legs of 5 cells, 16 patrols, and the 8 turns that a closed walk over 4×4 points cannot do without.
        assert_eq!(Cycle::over(&points, 1, &graph).period, 16 * 5 + 16 + 8);
    }

    #[test]
    fn few_points_are_toured_as_well_as_all_orders_allow() {
        for obstacles in [vec![], vec![17, 30, 31, 44], vec![25, 26, 27, 28, 29, 60, 70]] {
            let graph = floor(10, &obstacles);
            for points in [vec![12], vec![12, 87], vec![12, 55, 87, 81], vec![0, 9, 53, 90, 99, 35, 47]] {
                let cycle = Cycle::over(&points, 1, &graph);
                assert_eq!(cycle.stops.len(), points.len());
                assert_eq!(cycle.period, u32::from(shortest_by_exhaustion(&points, &graph)), "{points:?}");
            }
        }
    }

    #[test]
    fn local_search_stays_close_to_the_optimum() {
        let graph = floor(20, &[85, 86, 87, 210, 230, 250, 251]);
        for first in 0..12 {
            let points: Vec<usize> = (0..8).map(|k| (first * 7 + k * 47 + k * k * 3) % 400).collect();
            let free: Vec<usize> = points.into_iter().filter(|cell| !graph.is_blocked(*cell)).collect();
            let mut legs = Legs::between(&free, local_search::NEAR, 1, &graph);
            let order = local_search::short_tour(&mut legs);
            let found = Cycle::along(&order, &free, &legs).period;
            let best = u32::from(shortest_by_exhaustion(&free, &graph));
            assert!(best <= found && 10 * found <= 11 * best, "{found} instead of {best}");
        }
    }
}
