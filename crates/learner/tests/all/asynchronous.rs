//! Actors on threads, overlapped with the learner, and the same runs again from the order of consumption.
use environment::WorldConfig;
use learner::a3c::replay::Replay;
use learner::a3c::{AsyncLearner, AsyncRun, AsyncUpdate, Consumed};
use learner::{Checkpoint, LearnerError, PpoConfig, RolloutRecord};
use std::collections::BTreeSet;

const SEED: u64 = 11;

fn world(robots: usize) -> WorldConfig {
    WorldConfig { width: 9, height: 8, num_robots: robots, max_steps: Some(50), ..WorldConfig::default() }
}

/// Episodes end within every segment; lanes are three environments, and the last one is smaller.
fn config(robots: usize) -> PpoConfig {
    PpoConfig {
        total_steps: 24 * 20 * robots as u64 * 40,
        num_envs: 20,
        num_steps: 24,
        minibatch_size: 2 * 24 * robots,
        hidden: 16,
        ..PpoConfig::for_team(robots)
    }
}

fn new(robots: usize) -> AsyncLearner {
    AsyncLearner::new(world(robots), config(robots), SEED, 1, 3, true).expect("a learner")
}

fn resumed(robots: usize, checkpoint: &Checkpoint) -> AsyncLearner {
    AsyncLearner::resume(world(robots), config(robots), SEED, 1, 3, true, checkpoint).expect("resumed")
}

/// `updates` updates, the last of them draining, and the state then.
fn play(run: &mut AsyncRun, updates: usize) -> (Vec<AsyncUpdate>, Checkpoint) {
    let played = (1..=updates).map(|update| run.update(update == updates).expect("an update")).collect();
    (played, run.learner_mut().checkpoint().expect("a checkpoint"))
}

fn replay(mut learner: AsyncLearner, order: &[Consumed]) -> Result<Checkpoint, LearnerError> {
    let mut replay = Replay::new(&learner);
    for consumed in order {
        replay.step(&mut learner, consumed)?;
    }
    learner.checkpoint()
}

fn start(learner: AsyncLearner, actors: usize) -> AsyncRun {
    AsyncRun::start(learner, Vec::new(), actors).expect("actors")
}

fn order(updates: &[AsyncUpdate]) -> Vec<Consumed> {
    updates.iter().flat_map(|update| update.order.clone()).collect()
}

#[test]
fn the_order_of_consumption_gives_the_run_again() {
    for (robots, actors) in [(1, 2), (1, 4), (3, 2)] {
        let mut run = start(new(robots), actors);
        let (first, middle) = play(&mut run, 6);
        let (second, end) = play(&mut run, 5);
        let (first, second) = (order(&first), order(&second));
        assert!(first.iter().chain(&second).any(|consumed| consumed.policy_version > 0));
        assert!(replay(new(robots), &first).expect("replayed") == middle, "{robots} robots, {actors} actors");
        let whole = [first, second.clone()].concat();
        assert!(replay(new(robots), &whole).expect("replayed") == end, "{robots} robots, {actors} actors");
        assert!(replay(resumed(robots, &middle), &second).expect("replayed") == end, "from a checkpoint");
    }
}

/// A learner that died goes on live where the log ends, as if it had not.
#[test]
fn a_run_repeats_its_past_before_it_goes_on() {
    let mut run = start(new(1), 2);
    let (before, _) = play(&mut run, 4);
    let mut heir = AsyncRun::start(new(1), order(&before), 2).expect("actors");
    let replayed: Vec<AsyncUpdate> = (0..4).map(|_| heir.update(false).expect("an update")).collect();
    for (again, once) in replayed.iter().zip(&before) {
        assert!(again.replayed && !once.replayed);
        assert_eq!((&again.order, again.report.policy_loss), (&once.order, once.report.policy_loss));
    }
    assert!(heir.learner_mut().checkpoint().expect("a checkpoint") == run.learner_mut().checkpoint().expect("another"));
    assert!(!heir.update(false).expect("a live update").replayed);
}

#[test]
fn several_actors_overlap_with_the_learner() {
    let mut run = start(new(1), 2);
    let order = order(&play(&mut run, 20).0);
    let lag = |(version, consumed): (usize, &Consumed)| version as u64 - consumed.policy_version;
    let lags: Vec<u64> = order.iter().enumerate().map(lag).collect();
    assert!(lags.iter().all(|&lag| lag <= run.learner().max_policy_lag()), "{lags:?}");
    assert!(lags.iter().sum::<u64>() > 0, "nobody played while the learner learned");
    let actors: BTreeSet<&str> = order.iter().map(|consumed| &*consumed.actor).collect();
    assert_eq!(actors, BTreeSet::from(["actor-0", "actor-1"]));
}

#[test]
fn a_run_ends_after_its_steps_with_nothing_in_play() {
    let mut run = start(new(1), 3);
    let mut segments = 0;
    while !run.learner().run().is_complete() {
        segments += run.update(false).expect("an update").order.len();
    }
    assert_eq!(run.learner().in_play(), 0);
    let (done, total) = (run.learner().run().steps_done(), run.learner().run().total_steps());
    assert!((total..total + 3 * 24).contains(&done), "{done} of {total} steps in {segments} segments");
    run.learner_mut().checkpoint().expect("a last checkpoint");
    assert!(matches!(run.update(false), Err(LearnerError::Complete { .. })));
}

/// Whoever records a run sees every step of it once, episodes whole.
#[test]
fn records_hold_every_step_in_order() {
    let mut run = start(new(2), 2);
    let (mut record, mut rows, mut finished) = (RolloutRecord::default(), 0, 0);
    for _ in 0..10 {
        let report = run.update(false).expect("an update").report;
        run.learner_mut().take_record(&mut record);
        let columns = record.columns();
        rows += columns.len() as u64;
        finished += record.finished.len() as u64;
        assert_eq!((rows, finished), (report.steps_done, report.episodes_finished));
        let steps: Vec<(u64, u32, u8)> =
            (0..columns.len()).map(|row| (columns.episode_index[row], columns.step[row], columns.robot[row])).collect();
        for pair in steps.windows(2) {
            let together = pair[0].0 != pair[1].0 || (pair[0].1, pair[0].2) < (pair[1].1, pair[1].2);
            assert!(together, "{pair:?}");
        }
    }
    assert!(finished > 0);
}

#[test]
fn another_order_and_another_run_are_refused() {
    let mut run = start(new(1), 2);
    let (updates, _) = play(&mut run, 3);
    let order = order(&updates);
    let mut forged = order.clone();
    forged[5].digest.0 ^= 1;
    assert!(matches!(replay(new(1), &forged), Err(LearnerError::Diverged { .. })));
    let mut early = order.clone();
    early[0].policy_version = 7;
    assert!(matches!(replay(new(1), &early), Err(LearnerError::UnknownPolicy { version: 7 })));
    let gap = |consumed: &Consumed| consumed.lane == order[0].lane && consumed.segment == 0;
    let missing: Vec<Consumed> = order.iter().filter(|consumed| !gap(consumed)).cloned().collect();
    assert!(matches!(
        replay(new(1), &missing),
        Err(LearnerError::Diverged { .. } | LearnerError::UnknownPolicy { .. })
    ));
    let other = AsyncLearner::new(world(1), config(1), SEED + 1, 1, 3, true).expect("a learner");
    assert!(matches!(replay(other, &order), Err(LearnerError::Diverged { .. })));
}

#[test]
fn a_checkpoint_needs_everything_at_home_and_belongs_to_its_form() {
    let mut learner = new(1);
    let lane = learner.next_lane(false).expect("a lane");
    assert!(matches!(learner.checkpoint(), Err(LearnerError::InPlay { lanes: 1 })));
    drop(lane);
    let (_, checkpoint) = play(&mut start(new(1), 2), 2);
    let other = AsyncLearner::resume(world(1), config(1), SEED, 1, 5, true, &checkpoint).map(drop);
    assert!(matches!(other, Err(LearnerError::Resume(_))));
    let synchronous = learner::Learner::resume(world(1), config(1), SEED, 1, &checkpoint).map(drop);
    assert!(matches!(synchronous, Err(LearnerError::Resume(_))));
}
