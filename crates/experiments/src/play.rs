//! Whole episodes on held-out worlds, with everything that the archive wants to know of them.

use environment::evaluation::{BatchActor, Protocol};
use environment::{Action, FinishedEpisode, StepRecord, World, WorldError};
use learner::RolloutRecord;
use learner::record::{EventRow, StepColumns, StepRow};
use std::ops::Range;
use std::sync::Arc;

/// Plays the episodes of `protocol` with the indices `episodes` side by side and records all of it in `record`, which is
/// overwritten. Episode `i` has the index `i` in the record too.
///
/// # Errors
/// If a world cannot be built.
pub fn play(
    actor: &mut dyn BatchActor,
    protocol: &Protocol,
    episodes: Range<u32>,
    record: &mut RolloutRecord,
) -> Result<(), WorldError> {
    let worlds = episodes.map(|index| World::new(&protocol.world, protocol.key(index)));
    let mut worlds = worlds.collect::<Result<Vec<_>, _>>()?;
    let mut lanes: Vec<Lane> = worlds.iter().map(|_| Lane::default()).collect();
    play_to_end(actor, &mut worlds, &mut lanes, protocol.world.num_robots);
    record.steps.clear();
    record.events.clear();
    for lane in &lanes {
        record.steps.append(&lane.steps);
        record.events.extend_from_slice(&lane.events);
    }
    record.finished = lanes.into_iter().filter_map(|lane| lane.finished).collect();
    Ok(())
}

fn play_to_end(actor: &mut dyn BatchActor, worlds: &mut [World], lanes: &mut [Lane], robots: usize) {
    let mut running: Vec<usize> = (0..worlds.len()).collect();
    let mut actions = vec![Action::Patrol; worlds.len() * robots];
    let mut outcome = StepRecord::with_events(true);
    if let Some(observation) = actor.observation() {
        worlds.iter_mut().for_each(|world| world.track_observations(observation));
    }
    actor.start(worlds);
    while !running.is_empty() {
        let actions = &mut actions[..running.len() * robots];
        actor.act(worlds, &running, actions);
        let mut actions = actions.chunks(robots);
        running.retain(|&index| {
            lanes[index].step(&mut worlds[index], actions.next().unwrap_or_default(), &mut outcome);
            !outcome.done()
        });
    }
}

/// One world's episode as it is played.
#[derive(Default)]
struct Lane {
    steps: StepColumns,
    events: Vec<EventRow>,
    finished: Option<FinishedEpisode>,
}

impl Lane {
    fn step(&mut self, world: &mut World, actions: &[Action], outcome: &mut StepRecord) {
        let first = self.steps.len();
        let (step, episode_index) = (world.current_step(), u64::from(world.key().env_index));
        self.open_rows(world, actions);
        world.step(actions, outcome);
        self.close_rows(first, actions.len(), outcome);
        let events = outcome.events.as_slice().iter();
        self.events.extend(events.map(|&event| EventRow { episode_index, step, event }));
        if outcome.done() {
            let (summary, map) = (world.episode_summary(), Arc::clone(world.map()));
            let world = Arc::clone(world.shared_config());
            self.finished = Some(FinishedEpisode { episode_index, summary, map, world });
        }
    }

    /// Where the robots are and what they are about to do.
    fn open_rows(&mut self, world: &World, actions: &[Action]) {
        for (robot, action) in actions.iter().enumerate() {
            let state = world.robots()[robot];
            self.steps.push(StepRow {
                episode_index: u64::from(world.key().env_index),
                step: world.current_step(),
                robot: robot as u8,
                x: state.cell.x,
                y: state.cell.y,
                heading: state.heading as u8,
                action: *action as u8,
                action_mask: world.action_mask(robot).0,
                battery: state.battery as f32,
                charging: state.charging,
                is_first: world.current_step() == 0,
                ..StepRow::default()
            });
        }
    }

    /// What came of it.
    fn close_rows(&mut self, first: usize, robots: usize, outcome: &StepRecord) {
        let steps = &mut self.steps;
        for robot in 0..robots {
            let row = first + robot;
            steps.reward[row] = outcome.reward as f32;
            steps.blocked[row] = outcome.blocked[robot];
            steps.cells_cleared[row] = outcome.cells_cleared[robot];
            steps.threat_removed[row] = f32::from(outcome.threat_removed[robot]) * 0.01;
            steps.team_mean_threat[row] = outcome.mean_threat as f32;
            steps.is_last[row] = outcome.done();
            steps.is_terminal[row] = outcome.terminated;
            steps.state_hash[row] = outcome.state_hash;
        }
    }
}
