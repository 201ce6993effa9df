//! What a simulation recorded, as rows of the archive.

use crate::world::archived_settings;
use contracts::events;
use environment::{Cell, FinishedEpisode, Map};
use learner::RolloutRecord;
use learner::record::{EventRow, StepColumns};
use std::collections::BTreeMap;
use std::sync::Arc;
use trajectories::{EpisodeRow, MapRow, Recording, Result, WorldEventRow};

/// Who acted in the episodes of a record.
#[derive(Clone, Debug)]
pub struct EpisodeOrigin<'a> {
    /// `policy`, in evaluations `policy-sampled` or `policy-argmax`, or the name of a scripted agent.
    pub agent: &'a str,
    /// The policy's checkpoint, when it is one.
    pub checkpoint_id: Option<String>,
    /// Update that the policy comes from.
    pub policy_version: Option<u32>,
    /// Whether log-probabilities and values were estimated.
    pub has_estimates: bool,
}

/// Encodes a record as messages for the archive, each a segment of its own; the same record gives the same messages.
///
/// # Errors
/// If a row does not fit a message.
pub fn segments(record: &RolloutRecord, origin: &EpisodeOrigin<'_>, recording: Recording) -> Result<Vec<bytes::Bytes>> {
    use contracts::events::Table;
    let others = [
        (Table::Episodes, episode_rows(&record.finished, origin)?),
        (Table::Maps, map_rows(&record.finished)?),
        (Table::WorldEvents, world_event_rows(record.events())?),
    ];
    let columns = record.columns();
    let steps = step_columns(&columns, origin);
    if recording == Recording::Full {
        return trajectories::segment::encode_steps(&steps, &others);
    }
    let tables = [(Table::Steps, steps.batch()?)].into_iter().chain(others);
    let kept = tables.map(|(table, batch)| Ok((table, recording.apply(table, batch)?)));
    trajectories::segment::encode(&kept.collect::<Result<Vec<_>>>()?)
}

/// An episode's metrics as events carry them.
pub fn episode_summary(episode: &FinishedEpisode) -> events::EpisodeSummary {
    let summary = &episode.summary;
    events::EpisodeSummary {
        episode_index: episode.episode_index,
        env_index: summary.key.env_index,
        length: summary.length,
        terminated: summary.terminated,
        truncated: summary.truncated,
        episode_return: summary.episode_return,
        mean_threat: summary.mean_threat,
        final_threat: summary.final_threat,
        average_idleness: summary.average_idleness,
        worst_idleness: f64::from(summary.worst_idleness),
        coverage: summary.coverage,
        steps_to_full_coverage: summary.steps_to_full_coverage,
        interferences: summary.interferences,
        objects_spawned: summary.objects_spawned,
        objects_removed: summary.objects_removed,
        response_p50: summary.response_p50.map(f64::from),
        response_p95: summary.response_p95.map(f64::from),
    }
}

fn step_columns<'a>(steps: &'a StepColumns, origin: &EpisodeOrigin<'_>) -> trajectories::StepColumns<'a> {
    trajectories::StepColumns {
        episode_index: &steps.episode_index,
        step: &steps.step,
        robot: &steps.robot,
        x: &steps.x,
        y: &steps.y,
        heading: &steps.heading,
        action: &steps.action,
        action_mask: Some(&steps.action_mask),
        log_prob: origin.has_estimates.then_some(&steps.log_prob),
        value: origin.has_estimates.then_some(&steps.value),
        reward: &steps.reward,
        battery: &steps.battery,
        charging: &steps.charging,
        blocked: &steps.blocked,
        cells_cleared: &steps.cells_cleared,
        threat_removed: &steps.threat_removed,
        team_mean_threat: &steps.team_mean_threat,
        is_first: &steps.is_first,
        is_last: &steps.is_last,
        is_terminal: &steps.is_terminal,
        policy_version: origin.policy_version,
        state_hash: &steps.state_hash,
    }
}

fn episode_rows(finished: &[FinishedEpisode], origin: &EpisodeOrigin<'_>) -> Result<trajectories::RecordBatch> {
    let worlds: Vec<(String, Vec<u8>)> =
        finished.iter().map(|episode| (archived_settings(&episode.world), starts(episode))).collect();
    let rows: Vec<EpisodeRow<'_>> = finished
        .iter()
        .zip(&worlds)
        .map(|(episode, (settings, starts))| {
            let (summary, world) = (&episode.summary, &episode.world);
            EpisodeRow {
                episode_index: episode.episode_index,
                agent: origin.agent,
                checkpoint_id: origin.checkpoint_id.as_deref(),
                seed: Some(summary.key.run_seed),
                env_index: Some(summary.key.env_index),
                env_episode: Some(summary.key.episode),
                map_type: Some(world.map.map_type.name()),
                map_seed: Some(summary.map_seed),
                map_hash: Some(summary.map_hash),
                width: world.width as u8,
                height: world.height as u8,
                num_robots: world.num_robots as u8,
                max_steps: Some(summary.max_steps),
                length: summary.length,
                terminated: summary.terminated,
                truncated: summary.truncated,
                episode_return: Some(summary.episode_return),
                mean_threat: Some(summary.mean_threat),
                final_threat: Some(summary.final_threat),
                average_idleness: Some(summary.average_idleness),
                worst_idleness: Some(f64::from(summary.worst_idleness)),
                coverage: Some(summary.coverage),
                steps_to_full_coverage: summary.steps_to_full_coverage,
                interferences: Some(summary.interferences),
                objects_spawned: Some(summary.objects_spawned),
                objects_removed: Some(summary.objects_removed),
                response_p50: summary.response_p50.map(f64::from),
                response_p95: summary.response_p95.map(f64::from),
                first_state_hash: Some(summary.first_state_hash),
                last_state_hash: Some(summary.last_state_hash),
                rules_version: Some(environment::RULES_VERSION as u16),
                battery_drain_rate: Some(world.battery_drain_rate),
                world: Some(settings),
                starts: Some(starts),
            }
        })
        .collect();
    EpisodeRow::batch(&rows)
}

/// The first cell of each robot.
fn starts(episode: &FinishedEpisode) -> Vec<u8> {
    places(&environment::start_cells(&episode.world, &episode.map, episode.summary.key))
}

/// x and y of each, one byte each.
fn places(cells: &[Cell]) -> Vec<u8> {
    cells.iter().flat_map(|cell| [cell.x, cell.y]).collect()
}

fn map_rows(finished: &[FinishedEpisode]) -> Result<trajectories::RecordBatch> {
    let maps: BTreeMap<u64, &Arc<Map>> =
        finished.iter().map(|episode| (episode.summary.map_hash, &episode.map)).collect();
    let packed: Vec<(u64, &Map, Vec<u8>, Vec<u8>)> =
        maps.into_iter().map(|(hash, map)| (hash, &**map, map.packed_obstacles(), places(map.stations()))).collect();
    let rows: Vec<MapRow<'_>> = packed
        .iter()
        .map(|(map_hash, map, obstacles, stations)| MapRow {
            map_hash: *map_hash,
            width: map.width() as u8,
            height: map.height() as u8,
            obstacles,
            stations,
        })
        .collect();
    MapRow::batch(&rows)
}

fn world_event_rows<'a>(events: impl Iterator<Item = &'a EventRow>) -> Result<trajectories::RecordBatch> {
    let rows: Vec<WorldEventRow<'_>> = events
        .map(|row| WorldEventRow {
            episode_index: row.episode_index,
            step: row.step,
            kind: row.event.kind.name(),
            robot: row.event.robot,
            x: row.event.x,
            y: row.event.y,
            value: Some(row.event.value as f32),
        })
        .collect();
    WorldEventRow::batch(&rows)
}
