//! A robot outside that reports its way along the upper rim.

use anyhow::Result;
use contracts::events::{Split, Table};
use contracts::{RunId, subjects};
use event_log::TrajectoryMessage;
use trajectories::{EpisodeRow, MapRow, RecordBatch, Recording, SegmentHeader, StepColumns, rows, segment};

pub struct Robot {
    pub run: RunId,
    pub width: u8,
    pub height: u8,
}

const MAP: u64 = 4711;

impl Robot {
    /// `length` steps of episode `episode` with the episode's row and its map: one obstacle, one station.
    pub fn with_map(&self, episode: u64, length: u32) -> Result<TrajectoryMessage> {
        let row = EpisodeRow {
            episode_index: episode,
            agent: "robot-7",
            map_hash: Some(MAP),
            width: self.width,
            height: self.height,
            num_robots: 1,
            length,
            truncated: true,
            ..EpisodeRow::default()
        };
        let cells = usize::from(self.width) * usize::from(self.height);
        let obstacles = rows::pack_bitmap((0..cells).map(|cell| cell + 1 == cells));
        let map =
            MapRow { map_hash: MAP, width: self.width, height: self.height, obstacles: &obstacles, stations: &[2, 2] };
        let tables = [
            (Table::Steps, steps(episode, length)?),
            (Table::Episodes, EpisodeRow::batch(&[row])?),
            (Table::Maps, MapRow::batch(&[map])?),
        ];
        self.message(episode, &tables)
    }

    /// `length` steps of episode `episode`, and nothing about where it was.
    pub fn steps_only(&self, episode: u64, length: u32) -> Result<TrajectoryMessage> {
        self.message(episode, &[(Table::Steps, steps(episode, length)?)])
    }

    /// The only segment of a producer of its own.
    fn message(&self, episode: u64, tables: &[(Table, RecordBatch)]) -> Result<TrajectoryMessage> {
        let payload = segment::encode(tables)?.swap_remove(0);
        let header = SegmentHeader::new(format!("robot-{episode}"), 0, Recording::Full);
        let headers = SegmentHeader { end: true, ..header }.to_headers(self.run, Split::External);
        Ok(TrajectoryMessage::new(subjects::trajectory(self.run, Split::External), headers, payload))
    }
}

fn steps(episode: u64, length: u32) -> Result<RecordBatch> {
    let rows = length as usize;
    let step: Vec<u32> = (0..length).collect();
    let x: Vec<u8> = step.iter().map(|step| *step as u8).collect();
    let battery: Vec<f32> = step.iter().map(|step| 100.0 - *step as f32).collect();
    let (zeros, no): (Vec<u8>, Vec<bool>) = (vec![0; rows], vec![false; rows]);
    let first: Vec<bool> = step.iter().map(|step| *step == 0).collect();
    let last: Vec<bool> = step.iter().map(|step| step + 1 == length).collect();
    let columns = StepColumns {
        episode_index: &vec![episode; rows],
        step: &step,
        robot: &zeros,
        x: &x,
        y: &zeros,
        heading: &vec![1; rows],
        action: &zeros,
        reward: &vec![0.5; rows],
        battery: &battery,
        charging: &no,
        blocked: &no,
        cells_cleared: &vec![0; rows],
        threat_removed: &vec![0.0; rows],
        team_mean_threat: &vec![0.0; rows],
        is_first: &first,
        is_last: &last,
        is_terminal: &no,
        state_hash: &vec![0; rows],
        ..StepColumns::default()
    };
    Ok(columns.batch()?)
}
