//! Whole episodes on held-out worlds, with everything that the archive wants to know of them.

use environment::evaluation::{BatchActor, ChoiceEstimate, Protocol};
use environment::{Action, FinishedEpisode, StepRecord, World, WorldError};
use learner::RolloutRecord;
use learner::record::{Choice, EnvironmentRecord};
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
    record.environments.clear();
    record.finished.clear();
    for lane in lanes {
        record.environments.push(lane.record);
        record.finished.extend(lane.finished);
    }
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
        let (mut actions, mut estimates) = (actions.chunks(robots), actor.estimates().chunks(robots));
        running.retain(|&index| {
            let (actions, estimates) = (actions.next().unwrap_or_default(), estimates.next().unwrap_or_default());
            lanes[index].step(&mut worlds[index], actions, estimates, &mut outcome);
            !outcome.done()
        });
    }
}

/// One world's episode as it is played.
#[derive(Default)]
struct Lane {
    record: EnvironmentRecord,
    finished: Option<FinishedEpisode>,
}

impl Lane {
    fn step(&mut self, world: &mut World, actions: &[Action], estimates: &[ChoiceEstimate], outcome: &mut StepRecord) {
        let episode_index = u64::from(world.key().env_index);
        for (robot, &action) in actions.iter().enumerate() {
            let ChoiceEstimate { log_prob, value } = estimates.get(robot).copied().unwrap_or_default();
            let choice = Choice { action, action_mask: world.action_mask(robot).0, log_prob, value };
            self.record.before(episode_index, world, robot, choice);
        }
        world.step(actions, outcome);
        self.record.after(actions.len(), outcome);
        if outcome.done() {
            let (summary, map) = (world.episode_summary(), Arc::clone(world.map()));
            let world = Arc::clone(world.shared_config());
            self.finished = Some(FinishedEpisode { episode_index, summary, map, world });
        }
    }
}
