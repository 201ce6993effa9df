//! One step of the world, in the order of the rules.

use super::movement::{Place, resolve_moves};
use super::reward;
use super::{Robot, SuspiciousObject, World};
use crate::action::Action;
use crate::config::{MAX_ROBOTS, PatrolMode, PatrolReward};
use crate::map::Cell;
use crate::record::{StepRecord, WorldEvent, WorldEventKind};
use crate::rng::below;
use rand_core::Rng;

/// Probability 0.02 that an object appears in a step, of 2^32.
const SPAWN_BELOW: u32 = 85_899_346;
/// Threat that an object adds to its own cell per step and step of its age, in hundredths.
const OBJECT_GROWTH: u32 = 5;

impl World {
    /// One step. `actions` holds one action per robot; those of robots with an empty battery are ignored.
    ///
    /// # Panics
    /// If there are fewer actions than robots.
    pub fn step(&mut self, actions: &[Action], record: &mut StepRecord) {
        let actions = &actions[..self.robots.len()];
        self.begin(record);
        self.use_batteries(record);
        let team_reward = if self.terminated() {
            reward::ALL_BATTERIES_EMPTY
        } else {
            self.field.grow();
            self.grow_objects();
            self.spawn_object(record);
            self.act(actions, record)
        };
        self.finish(team_reward, record);
        if let Some(homing) = &mut self.homing {
            homing.update(&self.robots, self.step, self.max_steps.saturating_sub(self.step));
        }
        if let Some(mut adviser) = self.adviser.take() {
            adviser.follow(self, actions);
            self.adviser = Some(adviser);
        }
    }

    fn begin(&mut self, record: &mut StepRecord) {
        self.step += 1;
        record.blocked = [false; MAX_ROBOTS];
        record.cells_cleared = [0; MAX_ROBOTS];
        record.threat_removed = [0; MAX_ROBOTS];
        record.object_removed = [false; MAX_ROBOTS];
        record.events.clear();
    }

    fn use_batteries(&mut self, record: &mut StepRecord) {
        for (index, robot) in self.robots.iter_mut().enumerate() {
            if !robot.alive() {
                continue;
            }
            if self.terrain.station_path[usize::from(robot.cell.y) * self.config.width + usize::from(robot.cell.x)] == 0
            {
                robot.battery = (robot.battery + 1.0).min(100.0);
                continue;
            }
            robot.battery = (robot.battery - self.config.battery_drain_rate).max(0.0);
            self.tally.min_battery = self.tally.min_battery.min(robot.battery);
            if !robot.alive() {
                record.events.push(event(WorldEventKind::BatteryEmpty, index, robot.cell, 0));
            }
        }
    }

    /// Objects whose cell is at the cap already add nothing.
    fn grow_objects(&mut self) {
        let mut index = 0;
        while index < self.restless.len() {
            let cell = self.restless[index];
            let age = self.step - self.object_at[self.field.index(cell)];
            if self.field.add(cell, (OBJECT_GROWTH * age.min(20)) as i32) {
                self.restless.swap_remove(index);
            } else {
                index += 1;
            }
        }
    }

    fn spawn_object(&mut self, record: &mut StepRecord) {
        if self.rng.next_u32() >= SPAWN_BELOW {
            return;
        }
        let index = below(&mut self.rng, self.config.width * self.config.height);
        if self.map.obstacles()[index] || self.object_at[index] != 0 {
            return;
        }
        let cell = Cell { x: (index % self.config.width) as u8, y: (index / self.config.width) as u8 };
        self.object_at[index] = self.step;
        self.objects.push(SuspiciousObject { cell, spawned_at: self.step });
        self.restless.push(cell);
        self.tally.objects_spawned += 1;
        if let Some(gain) = &mut self.field.gain {
            gain.set_object(cell, true);
        }
        record.events.push(WorldEvent {
            kind: WorldEventKind::ObjectSpawned,
            robot: None,
            x: cell.x,
            y: cell.y,
            value: 0,
        });
    }

    /// Moves, removals, turns, patrols, then the terms that depend on where that led; the team's reward.
    fn act(&mut self, actions: &[Action], record: &mut StepRecord) -> f64 {
        let covered = self.field.covered;
        let mut team_reward = self.move_robots(actions, record);
        team_reward += self.turn_robots(actions);
        team_reward += self.patrol(actions, record);
        team_reward += self.charge(record);
        team_reward + self.weighted_terms(covered)
    }

    fn move_robots(&mut self, actions: &[Action], record: &mut StepRecord) -> f64 {
        let count = self.robots.len();
        let mut positions = [Place::NOWHERE; MAX_ROBOTS];
        let mut targets = [Place::NOWHERE; MAX_ROBOTS];
        let mut team_reward = 0.0;
        for (index, robot) in self.robots.iter().enumerate() {
            positions[index] = Place::of(robot.cell);
            if robot.alive() && actions[index] == Action::Forward {
                targets[index] = self.cell_ahead(robot).map_or(Place::NOWHERE, Place::of);
                team_reward += reward::FORWARD;
            }
        }
        let moves = resolve_moves(&positions[..count], &targets[..count]);
        for index in 0..count {
            self.trails[index].moved = false;
            if moves[index] {
                team_reward += self.enter(index, targets[index].cell(), record);
            } else if targets[index] != Place::NOWHERE {
                record.blocked[index] = true;
                self.tally.interferences += 1;
                team_reward += reward::BLOCKED_BY_ROBOT;
                record.events.push(event(WorldEventKind::BlockedByRobot, index, positions[index].cell(), 0));
            }
        }
        team_reward
    }

    /// Robot `index` steps onto `target`; removes the object there, if any, and returns the reward for it.
    fn enter(&mut self, index: usize, target: Cell, record: &mut StepRecord) -> f64 {
        let at = self.field.index(target);
        self.robots[index].cell = target;
        self.trails[index].moved = true;
        self.tally.moves += 1;
        self.tally.visited += u32::from(self.visits[at] == 0);
        self.visits[at] += 1;
        if self.object_at[at] == 0 {
            return 0.0;
        }
        let age = self.step - self.object_at[at];
        self.object_at[at] = 0;
        self.objects.retain(|object| object.cell != target);
        if let Some(position) = self.restless.iter().position(|cell| *cell == target) {
            self.restless.swap_remove(position);
            self.field.release(target);
        }
        if let Some(gain) = &mut self.field.gain {
            gain.set_object(target, false);
        }
        self.tally.response_times.push(age);
        record.object_removed[index] = true;
        record.events.push(event(WorldEventKind::ObjectRemoved, index, target, age));
        self.config.reward.object_weight * reward::object_removed(age)
    }

    fn turn_robots(&mut self, actions: &[Action]) -> f64 {
        let mut team_reward = 0.0;
        for (robot, action) in self.robots.iter_mut().zip(actions).filter(|(robot, _)| robot.alive()) {
            robot.last_action = Some(*action);
            robot.heading = robot.heading.after(*action);
            let turns = action.turns() != 0;
            self.tally.turns += u32::from(turns);
            team_reward += if turns { reward::TURN } else { 0.0 };
        }
        team_reward
    }

    fn patrol(&mut self, actions: &[Action], record: &mut StepRecord) -> f64 {
        let radius = self.patrol_radius();
        let always = self.config.patrol_mode == PatrolMode::EveryStep;
        let mut team_reward = 0.0;
        for (index, action) in actions.iter().enumerate() {
            let robot = self.robots[index];
            if !robot.alive() || !(always || *action == Action::Patrol) || self.needs_charge(&robot) {
                continue;
            }
            let cleared = self.field.clear(robot.cell, radius);
            self.wake_objects(robot.cell, radius);
            record.cells_cleared[index] = cleared.cells as u16;
            record.threat_removed[index] = cleared.threat as u16;
            self.tally.patrols += 1;
            team_reward += reward::patrol(match self.config.patrol_reward {
                PatrolReward::Growth => cleared.growth,
                PatrolReward::Threat => cleared.threat,
            });
        }
        team_reward
    }

    /// Objects whose cells were cleared add to them again.
    fn wake_objects(&mut self, centre: Cell, radius: usize) {
        let reach = radius as u8;
        for object in &self.objects {
            let near = object.cell.x.abs_diff(centre.x) <= reach && object.cell.y.abs_diff(centre.y) <= reach;
            if near && !self.restless.contains(&object.cell) {
                self.restless.push(object.cell);
            }
        }
    }

    fn charge(&mut self, record: &mut StepRecord) -> f64 {
        let mut team_reward = 0.0;
        for index in 0..self.robots.len() {
            let robot = self.robots[index];
            let charging = robot.alive() && self.needs_charge(&robot);
            if charging != robot.charging {
                self.robots[index].charging = charging;
                self.tally.charging_events += u32::from(charging);
                let kind = if charging { WorldEventKind::ChargingStarted } else { WorldEventKind::ChargingEnded };
                record.events.push(event(kind, index, robot.cell, (robot.battery * 100.0).round() as u32));
            }
            if robot.battery < reward::LOW_BATTERY {
                let distance = self.station_distance(robot.cell);
                team_reward += reward::low_battery(robot.battery, distance, self.config.width + self.config.height);
            }
            if charging {
                team_reward += reward::charging(robot.battery, self.mean_threat());
            }
        }
        team_reward
    }

    fn weighted_terms(&mut self, covered_before: u32) -> f64 {
        let penalty = self.config.reward.threat_penalty_weight;
        let mut team_reward = if penalty > 0.0 { -penalty * self.mean_threat() } else { 0.0 };
        let Some(weights) = &self.config.reward.enhanced else { return team_reward };
        let gained = f64::from(self.field.covered - covered_before) / self.map.free_cells() as f64;
        team_reward += weights.coverage_weight * reward::coverage(gained);
        for (robot, trail) in self.robots.iter().zip(&mut self.trails).filter(|(robot, _)| robot.alive()) {
            trail.push(robot.cell);
            team_reward += weights.diversity_weight * trail.distinct_share().map_or(0.0, reward::diversity);
            if trail.moved {
                let visits = self.visits[self.field.index(robot.cell)];
                team_reward += weights.exploration_weight * reward::exploration(visits);
            }
        }
        team_reward
    }

    fn finish(&mut self, team_reward: f64, record: &mut StepRecord) {
        record.reward = team_reward / self.robots.len() as f64;
        record.terminated = self.terminated();
        record.truncated = self.truncated();
        record.mean_threat = self.mean_threat();
        self.tally.episode_return += record.reward;
        self.tally.threat += u64::from(self.field.total);
        self.tally.idleness += self.field.idleness;
        if self.tally.full_coverage_at == 0 && self.field.covered as usize == self.map.free_cells() {
            self.tally.full_coverage_at = self.step;
        }
        self.extend_hash();
        record.state_hash = self.hash;
    }

    /// On a station and not full.
    fn needs_charge(&self, robot: &Robot) -> bool {
        robot.battery < 100.0 && self.terrain.station_path[self.field.index(robot.cell)] == 0
    }
}

fn event(kind: WorldEventKind, robot: usize, cell: Cell, value: u32) -> WorldEvent {
    WorldEvent { kind, robot: Some(robot as u8), x: cell.x, y: cell.y, value }
}
