//! Messages to clients that watch a run, each one JSON object with a `type`.

use crate::routes::run_metrics::Metric;
use crate::routes::session::SessionStatus;
use axum::extract::ws::Utf8Bytes;
use chrono::{DateTime, Utc};
use contracts::Event;
use contracts::events::{RunFailed, TrainingProgressed};
use contracts::live::{LiveFrame, LiveObject, LiveRobot, Position};
use read_models::RunMetricRow;
use serde::Serialize;
use uuid::Uuid;

/// The first message to every client.
#[derive(Serialize)]
#[serde(tag = "type", rename = "connection_ack")]
pub struct ConnectionAck {
    pub client_id: Uuid,
    pub message: &'static str,
    pub timestamp: DateTime<Utc>,
    pub session_id: i64,
}

#[derive(Serialize)]
struct TrainingProgress {
    #[serde(rename = "type")]
    kind: &'static str,
    session_id: i64,
    #[serde(flatten)]
    metric: Metric,
}

#[derive(Serialize)]
struct TrainingStatus<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    session_id: i64,
    status: SessionStatus,
    message: Option<&'a str>,
}

#[derive(Serialize)]
struct TrainingError<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    session_id: i64,
    error_message: &'a str,
    error_type: &'a str,
}

/// A live frame; the fields in the singular are those of the first robot.
#[derive(Serialize)]
struct EnvironmentUpdate {
    #[serde(rename = "type")]
    kind: &'static str,
    session_id: i64,
    episode: u64,
    step: u32,
    robot_position: RobotPosition,
    robot_orientation: u8,
    action_taken: Option<u8>,
    battery_percentage: f64,
    is_charging: bool,
    /// Cells, Manhattan, to the nearest station, whose position follows.
    distance_to_charging_station: u32,
    charging_station_position_x: u32,
    charging_station_position_y: u32,
    robots: Vec<LiveRobot>,
    grid_width: u32,
    grid_height: u32,
    threat_grid: Vec<Vec<f64>>,
    coverage_map: Vec<Vec<u8>>,
    obstacles: Vec<Vec<bool>>,
    suspicious_objects: Vec<SuspiciousObject>,
    charging_stations: Vec<Position>,
}

#[derive(Clone, Copy, Serialize)]
struct RobotPosition {
    x: u32,
    y: u32,
    orientation: u8,
}

#[derive(Serialize)]
struct SuspiciousObject {
    x: u32,
    y: u32,
    spawn_time: u32,
    #[serde(rename = "type")]
    kind: &'static str,
    threat_level: f64,
}

/// `training_progress` from a row of the read models.
pub fn progress(session_id: i64, row: RunMetricRow) -> Option<Utf8Bytes> {
    json(&TrainingProgress { kind: "training_progress", session_id, metric: Metric::of(session_id, row) })
}

/// `training_progress` from the event itself.
pub(super) fn progressed(
    session_id: i64,
    sequence: u64,
    time: DateTime<Utc>,
    event: &TrainingProgressed,
) -> Option<Utf8Bytes> {
    let metric = Metric::of_event(session_id, sequence, time, event);
    json(&TrainingProgress { kind: "training_progress", session_id, metric })
}

/// `training_status`
pub fn status(session_id: i64, status: SessionStatus, message: Option<&str>) -> Option<Utf8Bytes> {
    json(&TrainingStatus { kind: "training_status", session_id, status, message })
}

/// `training_error`
pub(super) fn failure(session_id: i64, event: &RunFailed) -> Option<Utf8Bytes> {
    let (error_message, error_type) = (event.message.as_str(), event.code.as_str());
    json(&TrainingError { kind: "training_error", session_id, error_message, error_type })
}

/// `environment_update` from a frame as trainers publish it.
pub fn environment_update(session_id: i64, frame: &[u8]) -> serde_json::Result<Utf8Bytes> {
    let frame: LiveFrame = serde_json::from_slice(frame)?;
    Ok(serde_json::to_string(&EnvironmentUpdate::of(session_id, frame))?.into())
}

impl EnvironmentUpdate {
    fn of(session_id: i64, frame: LiveFrame) -> Self {
        let first = frame.robots.first();
        let (x, y) = first.map_or((0, 0), |robot| (robot.x, robot.y));
        let orientation = first.map_or(0, |robot| robot.orientation);
        let distance = |station: &Position| station.x.abs_diff(x) + station.y.abs_diff(y);
        let nearest = frame.charging_stations.iter().copied().min_by_key(distance).unwrap_or(Position { x, y });
        Self {
            kind: "environment_update",
            session_id,
            episode: frame.episode,
            step: frame.step,
            robot_position: RobotPosition { x, y, orientation },
            robot_orientation: orientation,
            action_taken: first.and_then(|robot| robot.action_taken),
            battery_percentage: first.map_or(0.0, |robot| robot.battery_percentage),
            is_charging: first.is_some_and(|robot| robot.is_charging),
            distance_to_charging_station: distance(&nearest),
            charging_station_position_x: nearest.x,
            charging_station_position_y: nearest.y,
            robots: frame.robots,
            grid_width: frame.grid_width,
            grid_height: frame.grid_height,
            threat_grid: frame.threat_grid,
            coverage_map: frame.coverage_map,
            obstacles: frame.obstacles,
            suspicious_objects: frame.suspicious_objects.into_iter().map(SuspiciousObject::of).collect(),
            charging_stations: frame.charging_stations,
        }
    }
}

impl SuspiciousObject {
    fn of(object: LiveObject) -> Self {
        let LiveObject { x, y, spawn_time, threat_level } = object;
        Self { x, y, spawn_time, kind: "suspicious_object", threat_level }
    }
}

/// The status that an event of a run's life leads to, and what to say about it.
pub(super) fn status_after(event: &Event) -> Option<(SessionStatus, Option<&str>)> {
    Some(match event {
        Event::RunRequested(_) | Event::RunResumed(_) => (SessionStatus::Queued, None),
        Event::RunStarted(_) => (SessionStatus::Running, None),
        Event::RunPauseRequested(_) => (SessionStatus::Running, Some("pause was requested")),
        Event::RunStopRequested(_) => (SessionStatus::Running, Some("stop was requested")),
        Event::RunPaused(_) => (SessionStatus::Paused, None),
        Event::RunCompleted(_) => (SessionStatus::Completed, None),
        Event::RunFailed(failed) => (SessionStatus::Failed, Some(&failed.message)),
        _ => return None,
    })
}

/// Messages hold nothing that JSON cannot; a number that is not finite becomes null.
fn json(message: &impl Serialize) -> Option<Utf8Bytes> {
    serde_json::to_string(message).ok().map(Utf8Bytes::from)
}
