//! The rules, followed literally: every cell in every step, no cleverness, nothing shared with the crate's simulator
//! but its types. What objects appear is taken from the world under test, because that is random.

use environment::{
    Action, Cell, EpisodeSummary, Heading, Map, PatrolMode, PatrolRadius, PatrolReward, StepRecord, WorldConfig,
};
use std::collections::{BTreeMap, BTreeSet};

/// A cell by signed coordinates (x, y).
pub type Place = (i32, i32);

pub struct Reference {
    pub config: WorldConfig,
    pub map: Map,
    pub step: u32,
    pub threat: BTreeMap<Place, i64>,
    pub cleared_at: BTreeMap<Place, u32>,
    pub visits: BTreeMap<Place, u32>,
    pub objects: BTreeMap<Place, u32>,
    pub robots: Vec<RobotState>,
    pub rewards: f64,
    threat_sum: f64,
    idleness_sum: f64,
    worst_idleness: u32,
    full_coverage_at: Option<u32>,
    interferences: u32,
    spawned: u32,
    ages: Vec<u32>,
    min_battery: f64,
}

#[derive(Clone)]
pub struct RobotState {
    pub place: Place,
    pub heading: Heading,
    pub battery: f64,
    pub charging: bool,
    pub trail: Vec<Place>,
}

pub struct Outcome {
    pub reward: f64,
    pub terminated: bool,
    pub blocked: Vec<bool>,
    pub cleared: Vec<u16>,
    pub removed: Vec<u16>,
}

impl Reference {
    pub fn new(config: &WorldConfig, map: &Map, starts: &[Cell]) -> Self {
        let free = |place: &Place| map.is_free(place.0 as isize, place.1 as isize);
        let all = (0..map.height() as i32).flat_map(|y| (0..map.width() as i32).map(move |x| (x, y)));
        let threat: BTreeMap<Place, i64> = all.filter(free).map(|place| (place, 0)).collect();
        let robots: Vec<RobotState> = starts
            .iter()
            .map(|cell| RobotState {
                place: (cell.x.into(), cell.y.into()),
                heading: Heading::North,
                battery: 100.0,
                charging: false,
                trail: Vec::new(),
            })
            .collect();
        Self {
            config: config.clone(),
            map: map.clone(),
            step: 0,
            cleared_at: threat.keys().map(|place| (*place, 0)).collect(),
            visits: robots.iter().map(|robot| (robot.place, 1)).collect(),
            threat,
            objects: BTreeMap::new(),
            robots,
            rewards: 0.0,
            threat_sum: 0.0,
            idleness_sum: 0.0,
            worst_idleness: 0,
            full_coverage_at: None,
            interferences: 0,
            spawned: 0,
            ages: Vec::new(),
            min_battery: 100.0,
        }
    }

    pub fn mean_threat(&self) -> f64 {
        self.threat.values().sum::<i64>() as f64 / 100.0 / self.threat.len() as f64
    }

    /// Plays one step; `spawned` is the object that appears in it, if any.
    pub fn step(&mut self, actions: &[Action], spawned: Option<Place>) -> Outcome {
        self.step += 1;
        self.use_batteries();
        let count = self.robots.len();
        let mut outcome = Outcome {
            reward: 0.0,
            terminated: self.robots.iter().all(|robot| robot.battery <= 0.0),
            blocked: vec![false; count],
            cleared: vec![0; count],
            removed: vec![0; count],
        };
        if outcome.terminated {
            outcome.reward = -100.0;
        } else {
            self.grow();
            self.spawn(spawned);
            let covered = self.covered();
            let moved = self.move_all(actions, &mut outcome);
            self.turn(actions, &mut outcome);
            self.patrol(actions, &mut outcome);
            self.battery_terms(&mut outcome);
            self.weighted_terms(covered, &moved, &mut outcome);
        }
        outcome.reward /= count as f64;
        self.sum_up(outcome.reward);
        outcome
    }

    fn stations(&self) -> Vec<Place> {
        self.map.stations().iter().map(|cell| (cell.x.into(), cell.y.into())).collect()
    }

    fn use_batteries(&mut self) {
        let stations = self.stations();
        for robot in self.robots.iter_mut().filter(|robot| robot.battery > 0.0) {
            if stations.contains(&robot.place) {
                robot.battery = (robot.battery + 1.0).min(100.0);
            } else {
                robot.battery = (robot.battery - self.config.battery_drain_rate).max(0.0);
                self.min_battery = self.min_battery.min(robot.battery);
            }
        }
    }

    fn grow(&mut self) {
        for (place, threat) in &mut self.threat {
            *threat = (*threat + 1).min(100);
            if let Some(spawned_at) = self.objects.get(place) {
                *threat = (*threat + 5 * i64::from(self.step - spawned_at)).min(100);
            }
        }
    }

    fn spawn(&mut self, spawned: Option<Place>) {
        if let Some(place) = spawned {
            assert!(self.threat.contains_key(&place), "an object appeared on an obstacle");
            assert!(self.objects.insert(place, self.step).is_none(), "two objects in one cell");
            self.spawned += 1;
        }
    }

    fn covered(&self) -> usize {
        self.cleared_at.values().filter(|step| **step > 0).count()
    }

    fn move_all(&mut self, actions: &[Action], outcome: &mut Outcome) -> Vec<bool> {
        let count = self.robots.len();
        let mut targets = vec![None; count];
        for (index, robot) in self.robots.iter().enumerate() {
            if robot.battery > 0.0 && actions[index] == Action::Forward {
                outcome.reward -= 0.1;
                let (dx, dy) = robot.heading.delta();
                let target = (robot.place.0 + dx, robot.place.1 + dy);
                targets[index] = self.threat.contains_key(&target).then_some(target);
            }
        }
        let moved = self.settle(&targets);
        for index in 0..count {
            let Some(target) = targets[index] else { continue };
            if !moved[index] {
                outcome.blocked[index] = true;
                outcome.reward -= 0.5;
                self.interferences += 1;
                continue;
            }
            self.robots[index].place = target;
            *self.visits.entry(target).or_insert(0) += 1;
            if let Some(spawned_at) = self.objects.remove(&target) {
                let age = self.step - spawned_at;
                let limits = [(5, 20.0), (10, 15.0), (20, 10.0), (50, 5.0)];
                let bonus = limits.iter().find(|(limit, _)| age <= *limit).map_or(2.0, |(_, bonus)| *bonus);
                outcome.reward += self.config.reward.object_weight * bonus;
                self.ages.push(age);
            }
        }
        moved
    }

    /// Tries every set of movers, the largest first, and takes the first that breaks no rule.
    fn settle(&self, targets: &[Option<Place>]) -> Vec<bool> {
        let count = targets.len();
        let mut sets: Vec<u32> = (0..1u32 << count).collect();
        sets.sort_by_key(|set| std::cmp::Reverse(set.count_ones()));
        let allowed = |set: &u32| {
            (0..count).filter(|robot| set >> robot & 1 == 1).all(|robot| {
                targets[robot].is_some()
                    && (0..count).filter(|other| *other != robot).all(|other| {
                        let occupies = Some(self.robots[other].place) == targets[robot];
                        let leaves = set >> other & 1 == 1;
                        let swaps = occupies && targets[other] == Some(self.robots[robot].place);
                        targets[other] != targets[robot] && (!occupies || leaves) && !swaps
                    })
            })
        };
        let set = sets.into_iter().find(allowed).expect("the empty set breaks no rule");
        (0..count).map(|robot| set >> robot & 1 == 1).collect()
    }

    fn turn(&mut self, actions: &[Action], outcome: &mut Outcome) {
        for (robot, action) in self.robots.iter_mut().zip(actions).filter(|(robot, _)| robot.battery > 0.0) {
            let quarter_turns = match action {
                Action::TurnLeft => 3,
                Action::TurnRight => 1,
                Action::Forward | Action::Patrol => continue,
            };
            robot.heading = Heading::from_index((robot.heading as u8 + quarter_turns) % 4).expect("below four");
            outcome.reward -= 0.05;
        }
    }

    fn patrol(&mut self, actions: &[Action], outcome: &mut Outcome) {
        // A mean below 0.2, without rounding.
        let low = self.threat.values().sum::<i64>() < 20 * self.threat.len() as i64;
        let calm = self.config.patrol_radius == PatrolRadius::Dynamic && low;
        let radius = if calm { 3 } else { 2 };
        for (index, action) in actions.iter().enumerate() {
            let (x, y) = self.robots[index].place;
            let wants = self.config.patrol_mode == PatrolMode::EveryStep || *action == Action::Patrol;
            if !wants || self.robots[index].battery <= 0.0 || self.charges(index) {
                continue;
            }
            for place in (y - radius..=y + radius).flat_map(|y| (x - radius..=x + radius).map(move |x| (x, y))) {
                let Some(threat) = self.threat.get_mut(&place).filter(|threat| **threat > 0) else { continue };
                let cleared_at = self.cleared_at.get_mut(&place).expect("as many as threats");
                let idle = self.step - *cleared_at;
                let paid = match self.config.patrol_reward {
                    PatrolReward::Growth => (*threat).min(i64::from(idle)),
                    PatrolReward::Threat => *threat,
                };
                outcome.reward += 10.0 * paid as f64 / 100.0;
                outcome.cleared[index] += 1;
                outcome.removed[index] += *threat as u16;
                self.worst_idleness = self.worst_idleness.max(idle);
                *threat = 0;
                *cleared_at = self.step;
            }
        }
    }

    fn charges(&self, index: usize) -> bool {
        let robot = &self.robots[index];
        robot.battery > 0.0 && robot.battery < 100.0 && self.stations().contains(&robot.place)
    }

    fn battery_terms(&mut self, outcome: &mut Outcome) {
        let mean_threat = self.mean_threat();
        let sides = (self.config.width + self.config.height) as f64;
        for index in 0..self.robots.len() {
            self.robots[index].charging = self.charges(index);
            let robot = &self.robots[index];
            let b = robot.battery;
            let (x, y) = robot.place;
            let d = self.stations().iter().map(|s| (s.0 - x).abs() + (s.1 - y).abs()).min().expect("stations");
            outcome.reward -= if b < 20.0 { 0.5 * (20.0 - b) / 20.0 } else { 0.0 };
            outcome.reward -= if b < 10.0 { (10.0 - b) / 10.0 } else { 0.0 };
            outcome.reward -= if b < 30.0 { 0.2 * f64::from(d) / sides * (1.0 - b / 30.0) } else { 0.0 };
            if robot.charging {
                outcome.reward -= 0.1 * mean_threat * if b < 30.0 { 0.5 } else { 1.0 };
            }
        }
    }

    fn weighted_terms(&mut self, covered: usize, moved: &[bool], outcome: &mut Outcome) {
        outcome.reward -= self.config.reward.threat_penalty_weight * self.mean_threat();
        let Some(weights) = self.config.reward.enhanced.clone() else { return };
        let increase = (self.covered() - covered) as f64 / self.threat.len() as f64;
        outcome.reward += weights.coverage_weight * 20.0 * increase;
        for (index, robot) in self.robots.iter_mut().enumerate().filter(|(_, robot)| robot.battery > 0.0) {
            robot.trail.push(robot.place);
            if robot.trail.len() >= 10 {
                let last: BTreeSet<&Place> = robot.trail.iter().rev().take(10).collect();
                let tenths = last.len();
                let term =
                    if tenths > 8 { 2.0 } else { f64::from(u8::from(tenths > 6)) - f64::from(u8::from(tenths < 3)) };
                outcome.reward += weights.diversity_weight * term;
            }
            if moved[index] {
                let visits = self.visits[&robot.place];
                let term = [5.0, 0.5, 1.0 / 3.0].get(visits as usize - 1).copied().unwrap_or(-0.5);
                outcome.reward += weights.exploration_weight * term;
            }
        }
    }

    fn sum_up(&mut self, reward: f64) {
        self.rewards += reward;
        self.threat_sum += self.mean_threat();
        // The clock of the cells stands still in the step in which the last battery runs empty.
        let dead = self.robots.iter().all(|robot| robot.battery <= 0.0);
        let now = if dead { self.step - 1 } else { self.step };
        let idleness: u32 = self.cleared_at.values().map(|step| now - step).sum();
        self.idleness_sum += f64::from(idleness) / self.threat.len() as f64;
        if self.full_coverage_at.is_none() && self.covered() == self.threat.len() {
            self.full_coverage_at = Some(self.step);
        }
    }

    /// Checks the outcome of one step and the whole state against the world's.
    pub fn assert_agrees(&self, world: &environment::World, record: &StepRecord, outcome: &Outcome) {
        let step = self.step;
        assert!((record.reward - outcome.reward).abs() < 1e-9, "step {step}: {} {}", record.reward, outcome.reward);
        assert_eq!(record.terminated, outcome.terminated, "step {step}");
        assert!((record.mean_threat - self.mean_threat()).abs() < 1e-12, "step {step}");
        let count = self.robots.len();
        assert_eq!(record.blocked[..count], outcome.blocked, "step {step}");
        assert_eq!(record.cells_cleared[..count], outcome.cleared, "step {step}");
        assert_eq!(record.threat_removed[..count], outcome.removed, "step {step}");
        for (robot, expected) in world.robots().iter().zip(&self.robots) {
            assert_eq!((i32::from(robot.cell.x), i32::from(robot.cell.y)), expected.place, "step {step}");
            assert_eq!((robot.heading, robot.charging), (expected.heading, expected.charging), "step {step}");
            assert_eq!(robot.battery.to_bits(), expected.battery.to_bits(), "step {step}");
        }
        let mut threat = vec![0; self.map.width() * self.map.height()];
        world.write_threat(&mut threat);
        for (place, expected) in &self.threat {
            let index = place.1 as usize * self.map.width() + place.0 as usize;
            assert_eq!(i64::from(threat[index]), *expected, "threat at {place:?} in step {step}");
            assert_eq!(world.last_cleared()[index], self.cleared_at[place], "last cleared at {place:?} in step {step}");
            let visits = self.visits.get(place).copied().unwrap_or(0);
            assert_eq!(world.visits()[index], visits, "visits at {place:?} in step {step}");
        }
        let objects: BTreeMap<Place, u32> =
            world.objects().iter().map(|o| ((o.cell.x.into(), o.cell.y.into()), o.spawned_at)).collect();
        assert_eq!(objects, self.objects, "step {step}");
    }

    /// Checks every metric.
    pub fn assert_summary(&self, summary: &EpisodeSummary) {
        let steps = f64::from(self.step);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9 * (1.0 + b.abs()), "{a} is not {b}");
        close(summary.episode_return, self.rewards);
        close(summary.mean_threat, self.threat_sum / steps);
        close(summary.final_threat, self.mean_threat());
        close(summary.average_idleness, self.idleness_sum / steps);
        close(summary.coverage, self.covered() as f64 / self.threat.len() as f64);
        close(summary.visited_share, self.visits.len() as f64 / self.threat.len() as f64);
        close(summary.min_battery, self.min_battery);
        close(summary.interference_rate, f64::from(self.interferences) / steps / self.robots.len() as f64);
        let dead = self.robots.iter().all(|robot| robot.battery <= 0.0);
        let now = self.step - u32::from(dead);
        let waiting = self.cleared_at.values().map(|step| now - step).max().expect("cells");
        assert_eq!(summary.worst_idleness, waiting.max(self.worst_idleness));
        assert_eq!(summary.steps_to_full_coverage, self.full_coverage_at);
        assert_eq!((summary.length, summary.interferences), (self.step, self.interferences));
        assert_eq!(summary.objects_spawned, self.spawned);
        assert_eq!(summary.objects_removed as usize, self.ages.len());
        let mut ages = self.ages.clone();
        ages.extend(self.objects.values().map(|spawned_at| self.step - spawned_at));
        ages.sort_unstable();
        let rank = |share: f64| (1..=ages.len()).find(|r| *r as f64 >= share * ages.len() as f64).map(|r| ages[r - 1]);
        assert_eq!((summary.response_p50, summary.response_p95), (rank(0.50), rank(0.95)));
    }
}
