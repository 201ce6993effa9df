//! The world at one step, as the dashboard plays it.
//!
//! A page has up to a thousand frames of some two thousand numbers each, nearly all of them from small closed sets: they
//! are written into the answer as they are looked up, without a tree of values in between.

mod parts;

pub use parts::Frame;

use crate::frame_ids::FrameIds;
use chrono::{DateTime, Utc};
use environment::{Action, Cell, Map, StepRecord, World};
use parts::{Head, ObjectFrame, Point, RobotFrame};
use std::ops::Range;
use std::sync::LazyLock;
use trajectories::RecordedSteps;

/// Threat in hundredths as JSON numbers 0..1.
static HUNDREDTHS: LazyLock<Vec<String>> =
    LazyLock::new(|| (0..=100).map(|hundredths| (f64::from(hundredths) / 100.0).to_string()).collect());

/// What all frames of an episode have in common.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub session_id: i64,
    pub episode: u64,
    pub ids: FrameIds,
    pub recorded_at: DateTime<Utc>,
}

/// What does not move.
#[derive(Clone, Debug)]
pub struct Ground {
    width: usize,
    height: usize,
    obstacles: Vec<bool>,
    stations: Vec<Cell>,
}

impl Ground {
    pub fn of(map: &Map) -> Self {
        let (obstacles, stations) = (map.obstacles().to_vec(), map.stations().to_vec());
        Self { width: map.width(), height: map.height(), obstacles, stations }
    }

    /// Where nothing is known but the size.
    pub fn unknown(width: usize, height: usize) -> Self {
        Self { width, height, obstacles: vec![false; width * height], stations: Vec::new() }
    }

    /// Number of cells.
    pub fn cells(&self) -> usize {
        self.obstacles.len()
    }

    /// Index of a cell, if it lies on the ground.
    pub fn index(&self, x: u8, y: u8) -> Option<usize> {
        let (x, y) = (usize::from(x), usize::from(y));
        (x < self.width && y < self.height).then_some(y * self.width + x)
    }

    fn free_cells(&self) -> usize {
        self.obstacles.iter().filter(|blocked| !**blocked).count().max(1)
    }
}

/// Writes the frames of one episode.
pub struct FrameWriter {
    setting: Setting,
    ground: Ground,
    free_cells: f64,
    /// From `,"obstacles"` to the end of a frame.
    tail: Vec<u8>,
}

impl FrameWriter {
    pub fn new(setting: Setting, ground: Ground) -> serde_json::Result<Self> {
        let mut tail = br#","obstacles":{"levels":"#.to_vec();
        grid(&mut tail, ground.width, &ground.obstacles, |json, blocked| {
            json.extend_from_slice(if *blocked { b"true" } else { b"false" });
        });
        let stations: Vec<Point> = ground.stations.iter().map(|cell| Point { x: cell.x, y: cell.y }).collect();
        tail.extend_from_slice(br#"},"charging_stations":"#);
        serde_json::to_writer(&mut tail, &stations)?;
        for name in ["created_at", "updated_at"] {
            tail.extend_from_slice(format!(",\"{name}\":").as_bytes());
            serde_json::to_writer(&mut tail, &setting.recorded_at)?;
        }
        tail.push(b'}');
        Ok(Self { setting, free_cells: ground.free_cells() as f64, ground, tail })
    }

    pub fn ground(&self) -> &Ground {
        &self.ground
    }

    /// The world as it is after `actions`.
    pub fn world(
        &self,
        json: &mut Vec<u8>,
        step: u32,
        world: &World,
        actions: &[Action],
        outcome: &StepRecord,
    ) -> serde_json::Result<()> {
        let robots = world.robots().iter().enumerate().map(|(id, robot)| RobotFrame {
            id,
            x: robot.cell.x,
            y: robot.cell.y,
            orientation: robot.heading as u8,
            battery_percentage: robot.battery,
            is_charging: robot.charging,
            action_taken: actions.get(id).map(|action| *action as u8),
        });
        let mut head = self.head(step, robots.collect());
        head.suspicious_objects = world
            .objects()
            .iter()
            .map(|object| ObjectFrame {
                x: object.cell.x,
                y: object.cell.y,
                spawn_time: object.spawned_at,
                kind: "suspicious_object",
                threat_level: f64::from(world.threat(object.cell)) / 100.0,
            })
            .collect();
        head.reward_received = Some(outcome.reward);
        head.coverage_ratio = world.coverage();
        head.exploration_score = self.visited(world.visits());
        let width = self.ground.width;
        let threat = |index: usize| world.threat(Cell { x: (index % width) as u8, y: (index / width) as u8 });
        let threat: Vec<u8> = (0..self.ground.cells()).map(threat).collect();
        self.frame(json, &head, &threat, |index| world.last_cleared()[index] > 0, world.visits())
    }

    /// What an external robot recorded at a step: the simulator knows nothing of its world's threat.
    ///
    /// `rows` are those of the step, one per robot; `visits` counts the rows so far by cell.
    pub fn record(
        &self,
        json: &mut Vec<u8>,
        step: u32,
        recorded: &RecordedSteps,
        rows: Range<usize>,
        visits: &[u32],
    ) -> serde_json::Result<()> {
        let byte = |column: &Option<Vec<u8>>, row: usize| column.as_ref().map_or(0, |values| values[row]);
        let reward = recorded.reward.as_ref().and_then(|values| values.get(rows.start));
        let reward = reward.map(|reward| f64::from(*reward));
        let robots = rows.map(|row| RobotFrame {
            id: recorded.robot[row].into(),
            x: byte(&recorded.x, row),
            y: byte(&recorded.y, row),
            orientation: byte(&recorded.heading, row),
            battery_percentage: recorded.battery.as_ref().map_or(100.0, |values| values[row].into()),
            is_charging: false,
            action_taken: Some(recorded.action[row]),
        });
        let mut head = self.head(step, robots.collect());
        head.reward_received = reward;
        head.exploration_score = self.visited(visits);
        head.coverage_ratio = head.exploration_score;
        self.frame(json, &head, &vec![0; self.ground.cells()], |index| visits[index] > 0, visits)
    }

    fn visited(&self, visits: &[u32]) -> f64 {
        (visits.iter().filter(|count| **count > 0).count() as f64 / self.free_cells).min(1.0)
    }

    fn head(&self, step: u32, robots: Vec<RobotFrame>) -> Head {
        let Setting { session_id, episode, ids, .. } = self.setting;
        let first = robots.first();
        let (x, y) = first.map_or((0, 0), |robot| (robot.x, robot.y));
        let distance = |station: &Cell| u32::from(station.x.abs_diff(x)) + u32::from(station.y.abs_diff(y));
        let nearest = self.ground.stations.iter().copied().min_by_key(distance);
        let nearest = nearest.unwrap_or(Cell { x, y });
        Head {
            id: ids.at(step),
            session_id,
            episode,
            step,
            robot_x: x,
            robot_y: y,
            robot_orientation: first.map_or(0, |robot| robot.orientation),
            battery_percentage: first.map_or(0.0, |robot| robot.battery_percentage),
            is_charging: first.is_some_and(|robot| robot.is_charging),
            action_taken: first.and_then(|robot| robot.action_taken),
            robots,
            suspicious_objects: Vec::new(),
            reward_received: None,
            coverage_ratio: 0.0,
            exploration_score: 0.0,
            distance_to_charging_station: distance(&nearest),
            charging_station_position_x: nearest.x,
            charging_station_position_y: nearest.y,
        }
    }

    fn frame(
        &self,
        json: &mut Vec<u8>,
        head: &Head,
        threat: &[u8],
        cleared: impl Fn(usize) -> bool,
        visits: &[u32],
    ) -> serde_json::Result<()> {
        serde_json::to_writer(&mut *json, head)?;
        // The grids go before the brace that ends the head.
        json.pop();
        let width = self.ground.width;
        json.extend_from_slice(br#","threat_grid":{"levels":"#);
        grid(json, width, threat, |json, hundredths| {
            json.extend_from_slice(HUNDREDTHS[usize::from(*hundredths).min(100)].as_bytes());
        });
        json.extend_from_slice(br#"},"coverage_map":{"levels":"#);
        let cleared: Vec<bool> = (0..self.ground.cells()).map(cleared).collect();
        grid(json, width, &cleared, |json, cleared| json.push(if *cleared { b'1' } else { b'0' }));
        json.extend_from_slice(br#","counts":"#);
        grid(json, width, visits, |json, count| whole_number(json, *count));
        json.push(b'}');
        json.extend_from_slice(&self.tail);
        Ok(())
    }
}

/// Values in rows of `width`.
fn grid<T>(json: &mut Vec<u8>, width: usize, values: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    json.push(b'[');
    for (y, row) in values.chunks(width).enumerate() {
        json.extend_from_slice(if y == 0 { b"[" } else { b",[" });
        for (x, value) in row.iter().enumerate() {
            if x > 0 {
                json.push(b',');
            }
            write(json, value);
        }
        json.push(b']');
    }
    json.push(b']');
}

fn whole_number(json: &mut Vec<u8>, number: u32) {
    match u8::try_from(number) {
        Ok(digit @ 0..=9) => json.push(b'0' + digit),
        _ => json.extend_from_slice(number.to_string().as_bytes()),
    }
}

/// Rows of values by cell and by index `y * width + x`.
pub fn rows<T>(map: &Map, value: impl Fn(Cell, usize) -> T) -> Vec<Vec<T>> {
    let row =
        |y: usize| (0..map.width()).map(|x| value(Cell { x: x as u8, y: y as u8 }, y * map.width() + x)).collect();
    (0..map.height()).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::events::Split;
    use serde_json::{Value, json};

    #[test]
    fn grids_are_written_as_rows_of_numbers() {
        let mut json = Vec::new();
        grid(&mut json, 3, &[0_u32, 9, 10, 123, 4_000_000_000, 7], |json, count| whole_number(json, *count));
        let value: Value = serde_json::from_slice(&json).expect("JSON");
        assert_eq!(value, json!([[0, 9, 10], [123, 4_000_000_000_u32, 7]]));
        assert_eq!(HUNDREDTHS.len(), 101);
        for (hundredths, text) in HUNDREDTHS.iter().enumerate() {
            assert_eq!(text.parse(), Ok(hundredths as f64 / 100.0));
        }
    }

    #[test]
    fn a_place_of_which_only_the_size_is_known_is_empty() {
        let ids = FrameIds::of(Split::External, 2, None);
        let setting = Setting { session_id: 1, episode: 2, ids, recorded_at: DateTime::UNIX_EPOCH };
        let writer = FrameWriter::new(setting, Ground::unknown(3, 2)).expect("plain values");
        let recorded = RecordedSteps {
            step: vec![0],
            robot: vec![0],
            x: Some(vec![2]),
            y: Some(vec![1]),
            action: vec![3],
            ..RecordedSteps::default()
        };
        let mut json = Vec::new();
        writer.record(&mut json, 0, &recorded, 0..1, &[0, 0, 0, 0, 0, 1]).expect("a frame");
        let frame: Value = serde_json::from_slice(&json).expect("JSON");
        assert_eq!((&frame["robot_x"], &frame["robots"][0]["y"]), (&json!(2), &json!(1)));
        assert_eq!(frame["threat_grid"]["levels"], json!([[0, 0, 0], [0, 0, 0]]));
        assert_eq!(frame["obstacles"]["levels"][1], json!([false, false, false]));
        assert_eq!((&frame["charging_stations"], &frame["distance_to_charging_station"]), (&json!([]), &json!(0)));
        assert_eq!(frame["coverage_map"], json!({"levels": [[0, 0, 0], [0, 0, 1]], "counts": [[0, 0, 0], [0, 0, 1]]}));
    }
}
