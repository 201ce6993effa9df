//! Steps of a learner into the compact form of [`crate::schema::compact`].
//!
//! Nothing is taken for granted: where a column is not what the form would make of it, there is no compact form.

use crate::columns::StepColumns;
use crate::error::{Result, arrow};
use crate::schema::compact::Part;
use arrow::array::{
    ArrayRef, BooleanArray, Float32Array, UInt8Array, UInt16Array, UInt32Array, UInt64Array, new_null_array,
};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType::Float32;
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

/// What [`super::expand`] multiplies to get `threat_removed`, as the learner does.
pub(super) const HUNDREDTH: f32 = 0.01;

/// Consecutive steps of one episode.
struct Stretch {
    first_row: usize,
    episode: u64,
    first_step: u32,
    steps: usize,
    robots: usize,
    end: u8,
}

/// The three tables of `steps`; `None` when they would not give it back bit by bit.
pub(super) fn compact(steps: &StepColumns<'_>) -> Result<Option<[RecordBatch; 3]>> {
    let (Some(masks), Some(log_probs), Some(values)) = (steps.action_mask, steps.log_prob, steps.value) else {
        return Ok(None);
    };
    if !steps.is_rectangular() {
        return Ok(None);
    }
    let Some(stretches) = stretches(steps) else { return Ok(None) };
    let firsts: Vec<usize> =
        stretches.iter().flat_map(|it| (0..it.steps).map(|step| it.first_row + step * it.robots)).collect();
    let team = Team { stretches: &stretches, firsts: &firsts };
    let same_battery = steps.battery.iter().all(|it| it.to_bits() == steps.battery[0].to_bits());
    let columns = (
        team.shared(steps.reward, |it| it.to_bits().into()),
        team.shared(steps.team_mean_threat, |it| it.to_bits().into()),
        team.shared(steps.state_hash, |it| it),
        decisions(steps.heading, steps.action, masks),
        narrow(steps.cells_cleared),
        hundredths(steps.threat_removed),
    );
    let (Some(reward), Some(threat), Some(hash), Some(decision), Some(cleared), Some(removed)) = columns else {
        return Ok(None);
    };
    let battery: ArrayRef = match same_battery {
        true => new_null_array(&Float32, steps.step.len()),
        false => Arc::new(Float32Array::from(steps.battery.to_vec())),
    };
    let robots: Vec<ArrayRef> = vec![
        Arc::new(UInt8Array::from(steps.x.to_vec())),
        Arc::new(UInt8Array::from(steps.y.to_vec())),
        Arc::new(UInt8Array::from(decision)),
        Arc::new(Float32Array::from(log_probs.to_vec())),
        Arc::new(Float32Array::from(values.to_vec())),
        battery,
        Arc::new(BooleanArray::new(BooleanBuffer::from(steps.charging), None)),
        Arc::new(BooleanArray::new(BooleanBuffer::from(steps.blocked), None)),
        Arc::new(UInt8Array::from(cleared)),
        Arc::new(UInt16Array::from(removed)),
    ];
    let teams: Vec<ArrayRef> = vec![
        Arc::new(Float32Array::from(reward)),
        Arc::new(Float32Array::from(threat)),
        Arc::new(UInt64Array::from(hash)),
    ];
    let stretches = table_of(&stretches, same_battery.then_some(steps.battery[0]), steps.policy_version);
    let tables = [(Part::Stretches, stretches), (Part::Teams, teams), (Part::Robots, robots)];
    let [stretches, teams, robots] = tables.map(|(part, columns)| batch(part, columns));
    Ok(Some([stretches?, teams?, robots?]))
}

/// Leaves columns out of which every value is null.
fn batch(part: Part, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    let batch = RecordBatch::try_new(part.schema(), columns).map_err(arrow("build a compact segment"))?;
    let kept = |at: &usize| batch.column(*at).null_count() < batch.num_rows();
    let kept: Vec<usize> = (0..batch.num_columns()).filter(kept).collect();
    batch.project(&kept).map_err(arrow("build a compact segment"))
}

fn table_of(stretches: &[Stretch], battery: Option<f32>, policy_version: Option<u32>) -> Vec<ArrayRef> {
    vec![
        Arc::new(stretches.iter().map(|it| Some(it.episode)).collect::<UInt64Array>()),
        Arc::new(stretches.iter().map(|it| Some(it.first_step)).collect::<UInt32Array>()),
        Arc::new(stretches.iter().map(|it| Some(it.steps as u32)).collect::<UInt32Array>()),
        Arc::new(stretches.iter().map(|it| Some(it.robots as u8)).collect::<UInt8Array>()),
        Arc::new(stretches.iter().map(|it| Some(it.end)).collect::<UInt8Array>()),
        Arc::new(stretches.iter().map(|_| battery).collect::<Float32Array>()),
        Arc::new(stretches.iter().map(|_| policy_version).collect::<UInt32Array>()),
    ]
}

/// The stretches, if all rows are there in the order (step, robot) and flags mark the ends of episodes.
fn stretches(steps: &StepColumns<'_>) -> Option<Vec<Stretch>> {
    let mut stretches = Vec::new();
    let mut first_row = 0;
    for episode in steps.episode_index.chunk_by(|one, next| one == next) {
        let rows = first_row..first_row + episode.len();
        let (step, robot) = (steps.step.get(rows.clone())?, steps.robot.get(rows.clone())?);
        let robots = step.iter().position(|it| *it != step[0]).unwrap_or(step.len());
        let last_team = rows.end.checked_sub(robots)?..rows.end;
        let in_order = |row: usize| {
            u64::from(step[row]) == u64::from(step[0]) + (row / robots) as u64
                && usize::from(robot[row]) == row % robots
        };
        let whole = episode.len() % robots == 0 && robots <= usize::from(u8::MAX);
        if !whole || !(0..episode.len()).fold(true, |all, row| all & in_order(row)) {
            return None;
        }
        let end = u8::from(steps.is_last[last_team.start]) | u8::from(steps.is_terminal[last_team.start]) << 1;
        let flagged = |flags: &[bool], bit: u8| {
            let set = end & bit != 0;
            !flags[rows.start..last_team.start].contains(&true) && !flags[last_team.clone()].contains(&!set)
        };
        let begins =
            (0..episode.len()).fold(true, |all, row| all & (steps.is_first[first_row + row] == (step[row] == 0)));
        if !(begins && flagged(steps.is_last, 1) && flagged(steps.is_terminal, 2)) || end == 2 {
            return None;
        }
        stretches.push(Stretch {
            first_row,
            episode: episode[0],
            first_step: step[0],
            steps: episode.len() / robots,
            robots,
            end,
        });
        first_row = rows.end;
    }
    (!stretches.is_empty()).then_some(stretches)
}

struct Team<'a> {
    stretches: &'a [Stretch],
    /// Row of the first robot of each step.
    firsts: &'a [usize],
}

impl Team<'_> {
    /// One value per step, if the whole team has it.
    fn shared<T: Copy>(&self, values: &[T], bits: impl Fn(T) -> u64) -> Option<Vec<T>> {
        let same = self.stretches.iter().filter(|it| it.robots > 1).all(|it| {
            let rows = &values[it.first_row..it.first_row + it.steps * it.robots];
            rows.chunks_exact(it.robots).all(|team| team.iter().all(|value| bits(*value) == bits(team[0])))
        });
        same.then(|| self.firsts.iter().map(|row| values[*row]).collect())
    }
}

fn decisions(headings: &[u8], actions: &[u8], masks: &[u8]) -> Option<Vec<u8>> {
    let fits = headings.iter().chain(actions).fold(true, |all, it| all & (*it < 4));
    let fits = masks.iter().fold(fits, |all, it| all & (*it < 16));
    let packed =
        headings.iter().zip(actions).zip(masks).map(|((heading, action), mask)| heading | action << 2 | mask << 4);
    fits.then(|| packed.collect())
}

fn narrow(numbers: &[u16]) -> Option<Vec<u8>> {
    let fits = numbers.iter().fold(true, |all, it| all & (*it <= u16::from(u8::MAX)));
    fits.then(|| numbers.iter().map(|it| *it as u8).collect())
}

fn hundredths(numbers: &[f32]) -> Option<Vec<u16>> {
    let whole: Vec<u16> = numbers.iter().map(|it| (it * 100.0).round() as u16).collect();
    let exact = |(whole, it): (&u16, &f32)| (f32::from(*whole) * HUNDREDTH).to_bits() == it.to_bits();
    whole.iter().zip(numbers).fold(true, |all, pair| all & exact(pair)).then_some(whole)
}
