//! Whole runs: threads, kill and resume, recording, saved policies and damaged ones.
use std::hash::{DefaultHasher, Hash, Hasher};

use environment::evaluation::{Protocol, ScriptedActor, run_episodes};
use environment::{Action, BatchActor, EpisodeKey, Purpose, ScriptedAgent, World, WorldConfig, Worlds};
use learner::Selection;
use learner::{Algorithm, Architecture, Backend, Checkpoint, Learner, LearnerError, Policy, PpoConfig, RolloutRecord};

fn world(robots: usize) -> WorldConfig {
    WorldConfig { width: 9, height: 8, num_robots: robots, max_steps: Some(50), ..WorldConfig::default() }
}

/// Small enough to be quick; episodes end within every rollout, and the last minibatch is a partial one.
fn config(robots: usize) -> PpoConfig {
    PpoConfig {
        total_steps: 1 << 20,
        num_envs: 20,
        num_steps: 24,
        update_epochs: 2,
        minibatch_size: 300,
        hidden: 16,
        ..PpoConfig::for_team(robots)
    }
}

fn new(robots: usize, threads: usize) -> Learner {
    Learner::new(world(robots), config(robots), 11, threads).expect("a learner")
}

fn train(learner: &mut Learner, updates: usize) -> Checkpoint {
    for _ in 0..updates {
        learner.update(None).expect("an update");
    }
    learner.checkpoint().expect("a checkpoint")
}

fn digest(checkpoint: &Checkpoint) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&checkpoint.policy, &checkpoint.resume).hash(&mut hasher);
    hasher.finish()
}

#[test]
fn threads_do_not_change_a_bit() {
    for robots in [1, 3] {
        let digests = [1, 2, 4].map(|threads| digest(&train(&mut new(robots, threads), 50)));
        assert_eq!(digests[0], digests[1], "{robots} robots, 1 and 2 threads");
        assert_eq!(digests[0], digests[2], "{robots} robots, 1 and 4 threads");
    }
}

#[test]
fn a_branch_goes_on_from_a_complete_state_with_other_settings() {
    let mut trunk = new(1, 1);
    let half = train(&mut trunk, 4);
    let end = train(&mut trunk, 4);
    let branch = |world, config, seed| Learner::branch(world, config, seed, 2, &half);
    let same = train(&mut branch(world(1), config(1), 11).expect("a learner"), 4);
    assert_eq!(digest(&same), digest(&end), "without a change it is the same run");
    let changed = PpoConfig { learning_rate: 5e-4, clip_range: 0.1, total_steps: 1 << 21, ..config(1) };
    let mut changed = branch(world(1), changed, 11).expect("a learner");
    assert_eq!((changed.updates_done(), changed.total_steps()), (4, 1 << 21));
    assert_ne!(digest(&train(&mut changed, 4)), digest(&end));
    let larger = WorldConfig { width: 12, ..world(1) };
    let fewer = PpoConfig { num_envs: 10, ..config(1) };
    for other in [branch(larger, config(1), 11), branch(world(1), fewer, 11), branch(world(1), config(1), 111)] {
        assert!(matches!(other, Err(LearnerError::Resume(_))), "another world, number of worlds or seed");
    }
}

#[test]
fn threads_do_not_change_a_bit_of_the_reference_either() {
    let digests = [1, 2].map(|threads| {
        let config = PpoConfig { backend: Backend::Dfdx, ..config(2) };
        digest(&train(&mut Learner::new(world(2), config, 11, threads).expect("a learner"), 5))
    });
    assert_eq!(digests[0], digests[1]);
}

#[test]
fn a_resumed_run_ends_like_an_uninterrupted_one() {
    for normalise_returns in [false, true] {
        let config = PpoConfig { normalise_returns, ..config(2) };
        let mut straight = Learner::new(world(2), config.clone(), 5, 1).expect("a learner");
        let end = train(&mut straight, 13);
        let mut first = Learner::new(world(2), config.clone(), 5, 2).expect("a learner");
        let middle = train(&mut first, 7);
        drop(first);
        let mut second = Learner::resume(world(2), config, 5, 1, &middle).expect("resumed");
        assert_eq!(second.updates_done(), 7);
        assert_eq!(second.checkpoint().expect("a checkpoint"), middle, "resuming loses nothing");
        assert_eq!(digest(&train(&mut second, 6)), digest(&end));
    }
}

/// Teams of every size in one rollout: the same bits for any number of threads and across a kill.
#[test]
fn drawn_worlds_do_not_depend_on_threads_or_interruptions() {
    let worlds = Worlds::Universal(WorldConfig { max_steps: Some(50), ..WorldConfig::default() });
    for normalise_returns in [false, true] {
        let config = PpoConfig { num_envs: 24, normalise_returns, ..drawn(config(1)) };
        let new = |threads| Learner::new(worlds.clone(), config.clone(), 4, threads).expect("a learner");
        let end = train(&mut new(1), 8);
        let middle = train(&mut new(3), 5);
        let mut second = Learner::resume(worlds.clone(), config.clone(), 4, 2, &middle).expect("resumed");
        assert_eq!(second.checkpoint().expect("a checkpoint"), middle, "resuming loses nothing");
        assert_eq!(digest(&train(&mut second, 3)), digest(&end));
    }
    let a3c = PpoConfig { algorithm: Algorithm::A3c { policy_lag: 0 }, ..drawn(config(1)) };
    let refused = Learner::new(worlds, a3c, 4, 1).map(drop).expect_err("no A3C");
    assert!(refused.to_string().contains("algorithm"), "{refused}");
}

fn drawn(config: PpoConfig) -> PpoConfig {
    PpoConfig { calm_coefficient: 0.05, tour_anchor: 0.1, ..config }
}

#[test]
fn seeds_matter() {
    let mut other = Learner::new(world(1), config(1), 12, 1).expect("a learner");
    assert_ne!(digest(&train(&mut new(1, 1), 2)), digest(&train(&mut other, 2)));
}

#[test]
fn a_run_ends_at_its_total() {
    let config = PpoConfig { total_steps: 1_000, ..config(1) };
    let mut learner = Learner::new(world(1), config, 1, 1).expect("a learner");
    let mut seen = Vec::new();
    while !learner.is_complete() {
        seen.push(learner.update(None).expect("an update").steps_done);
    }
    assert_eq!(seen, [480, 960, 1_000]);
    assert!(matches!(learner.update(None), Err(LearnerError::Complete { steps: 1_000, total: 1_000 })));
}

#[test]
fn a_record_holds_every_step_in_order_and_changes_nothing() {
    let (mut recorded, mut plain) = (new(3, 2), new(3, 2));
    let mut record = RolloutRecord::default();
    for update in 0..6 {
        let report = recorded.update(Some(&mut record)).expect("an update");
        plain.update(None).expect("an update");
        let s = record.columns();
        assert_eq!(s.len() as u64, report.rollout_steps);
        for row in 0..s.len() {
            assert_eq!(usize::from(s.robot[row]), row % 3);
            assert!(s.action_mask[row] >> s.action[row] & 1 == 1, "a legal action");
            assert!(s.log_prob[row] <= 0.0 && s.value[row].is_finite());
            let previous = row.checked_sub(3).filter(|_| row % (3 * 24) >= 3);
            if let Some(previous) = previous {
                assert_eq!(s.is_first[row], s.is_last[previous]);
                if !s.is_first[row] {
                    assert_eq!(s.episode_index[row], s.episode_index[previous]);
                    assert_eq!(s.step[row], s.step[previous] + 1);
                }
            }
        }
        let ended = s.is_last.iter().filter(|&&last| last).count() / 3;
        assert_eq!(record.finished.len(), ended, "update {update}");
    }
    assert_eq!(recorded.checkpoint().expect("saved"), plain.checkpoint().expect("saved"));
}

/// The recorded actions of an episode lead through the recorded states.
#[test]
fn a_recorded_episode_can_be_simulated_again() {
    let mut learner = new(2, 1);
    let mut record = RolloutRecord::default();
    learner.update(Some(&mut record)).expect("an update");
    let key = EpisodeKey { run_seed: 11, purpose: Purpose::Training, env_index: 7, episode: 0 };
    let mut world = World::new(&world(2), key).expect("a world");
    let mut outcome = environment::StepRecord::new();
    let s = record.columns();
    let rows: Vec<usize> = (0..s.len()).filter(|&row| s.episode_index[row] == 7).collect();
    assert!(rows.len() >= 20);
    for pair in rows.chunks_exact(2) {
        assert_eq!((s.x[pair[1]], s.y[pair[1]]), (world.robots()[1].cell.x, world.robots()[1].cell.y));
        let actions: Vec<Action> =
            pair.iter().map(|&row| Action::from_index(s.action[row]).expect("an action")).collect();
        world.step(&actions, &mut outcome);
        assert_eq!(s.state_hash[pair[0]], outcome.state_hash);
        assert_eq!(s.reward[pair[0]], outcome.reward as f32);
    }
}

#[test]
fn a_saved_policy_acts_the_same_alone_and_in_company() {
    let checkpoint = train(&mut new(2, 1), 3);
    let policy = Policy::from_safetensors(&checkpoint.policy).expect("a policy");
    assert_eq!(policy.to_safetensors().expect("saved"), checkpoint.policy);
    let protocol = Protocol { world: world(2), seed: 4, episodes: 30 };
    for selection in [Selection::ArgMax, Selection::Sampled { seed: 3 }] {
        let play = |range| run_episodes(&mut policy.actor(selection), &protocol, range).expect("played");
        let together = play(0..30);
        for (index, summary) in (0..).zip(&together) {
            assert_eq!(&play(index..index + 1)[0], summary, "{selection:?}");
        }
        assert_ne!(together[0].last_state_hash, together[1].last_state_hash);
    }
    let play = |seed| run_episodes(&mut policy.actor(Selection::Sampled { seed }), &protocol, 0..1).expect("played");
    assert_ne!(play(3)[0].last_state_hash, play(4)[0].last_state_hash);
}

#[test]
fn a_warm_start_continues_from_the_weights_alone() {
    let checkpoint = train(&mut new(2, 1), 3);
    let mut warm = Learner::init_from(world(2), config(2), 99, 1, &checkpoint.policy).expect("a warm start");
    assert_eq!(warm.checkpoint().expect("saved").policy, checkpoint.policy);
    assert_eq!(warm.steps_done(), 0);
    let end = train(&mut warm, 2);
    Learner::resume(world(2), PpoConfig { hidden: 64, ..config(2) }, 99, 1, &end).expect("the width is the policy's");
    Learner::init_from(world(1), config(1), 99, 1, &checkpoint.policy).expect("it sees that it is alone");
    let lone = train(&mut new(1, 1), 1);
    let refused = Learner::init_from(world(2), config(2), 99, 1, &lone.policy).map(drop).expect_err("a team");
    assert!(matches!(refused, LearnerError::Observation), "{refused}");
}

#[test]
fn damaged_and_foreign_checkpoints_are_refused() {
    let good = train(&mut new(1, 1), 2);
    let resume = |checkpoint: &Checkpoint, seed| Learner::resume(world(1), config(1), seed, 1, checkpoint).map(drop);
    resume(&good, 11).expect("the good one");
    assert!(matches!(resume(&good, 12), Err(LearnerError::Resume(_))), "another seed");
    for length in (0..good.resume.len()).step_by(997) {
        let cut = Checkpoint { resume: good.resume[..length].to_vec(), ..good.clone() };
        assert!(resume(&cut, 11).is_err(), "cut at {length}");
    }
    for length in (0..good.policy.len()).step_by(997) {
        assert!(Policy::from_safetensors(&good.policy[..length]).is_err(), "cut at {length}");
    }
    // Flipped bytes of the header never panic; those of the weights are caught when they are not finite.
    for at in 0..good.policy.len().min(2_000) {
        let mut flipped = good.policy.clone();
        flipped[at] ^= 0x41;
        let _ = Policy::from_safetensors(&flipped);
    }
    let mut infinite = good.policy.clone();
    let end = infinite.len();
    infinite[end - 4..].copy_from_slice(&f32::INFINITY.to_le_bytes());
    assert!(Policy::from_safetensors(&infinite).is_err());
}

#[test]
fn wrong_settings_are_refused() {
    let bad = PpoConfig { num_envs: 0, ..config(1) };
    assert!(matches!(Learner::new(world(1), bad, 1, 1), Err(LearnerError::Config(_))));
    let bad = WorldConfig { width: 1, ..world(1) };
    assert!(matches!(Learner::new(bad, config(1), 1, 1), Err(LearnerError::World(_))));
}

#[test]
fn too_large_a_change_of_the_policy_ends_the_epochs() {
    let epochs = |target_kl| {
        let config = PpoConfig { target_kl, update_epochs: 5, ..config(1) };
        Learner::new(world(1), config, 1, 1).expect("a learner").update(None).expect("an update").epochs
    };
    assert_eq!(epochs(None), 5);
    assert_eq!(epochs(Some(1e-9)), 1);
    assert_eq!(epochs(Some(1e3)), 5);
}

/// What the perceptron does the convolutional network does, too: lanes of 16 rows, pieces of shards and threads cut its
/// batches in every way.
#[test]
fn a_convolutional_run_has_the_same_bits_with_any_threads_and_when_resumed() {
    let perceptron = config(3);
    let config = PpoConfig { architecture: Architecture::Cnn, ..perceptron.clone() };
    let mut straight = Learner::new(world(3), config.clone(), 5, 1).expect("a learner");
    let end = train(&mut straight, 8);
    for threads in [2, 4] {
        let mut first = Learner::new(world(3), config.clone(), 5, threads).expect("a learner");
        let middle = train(&mut first, 3);
        drop(first);
        let mut second = Learner::resume(world(3), config.clone(), 5, threads, &middle).expect("resumed");
        assert_eq!(second.checkpoint().expect("a checkpoint"), middle, "resuming loses nothing");
        assert_eq!(digest(&train(&mut second, 5)), digest(&end), "{threads} threads");
    }
    let policy = Policy::from_safetensors(&end.policy).expect("a policy");
    assert_eq!(policy.to_safetensors().expect("saved"), end.policy);
    assert_eq!(policy.network().shape().architecture(), Architecture::Cnn);
    let warm = Learner::init_from(world(3), perceptron, 9, 1, &end.policy).expect("a warm start");
    assert_eq!(warm.config().architecture, Architecture::Cnn, "the architecture is the policy's");
}

/// Learning works: on a small world some updates beat the untrained policy clearly, without help from the tour.
#[test]
fn training_lowers_the_mean_threat() {
    for (architecture, steps) in [(Architecture::Mlp, 150_000), (Architecture::Cnn, 100_000)] {
        let world = WorldConfig { width: 8, height: 8, max_steps: Some(200), ..WorldConfig::default() };
        let config = PpoConfig {
            architecture,
            total_steps: steps,
            num_envs: 32,
            num_steps: 64,
            tour_prior: 0.0,
            minibatch_size: 512,
            ..PpoConfig::for_team(1)
        };
        let mut learner = Learner::new(world.clone(), config, 1, 2).expect("a learner");
        let protocol = Protocol { world, seed: 9, episodes: 20 };
        let threat = |learner: &Learner| {
            let episodes =
                run_episodes(&mut learner.policy().actor(Selection::ArgMax), &protocol, 0..20).expect("played");
            episodes.iter().map(|episode| episode.mean_threat).sum::<f64>() / 20.0
        };
        let before = threat(&learner);
        while !learner.is_complete() {
            learner.update(None).expect("an update");
        }
        let after = threat(&learner);
        assert!(after < 0.6 * before && after < 0.3, "{architecture:?}: {before:.3} -> {after:.3}");
    }
}

#[test]
fn both_backends_learn_the_same_at_first() {
    let reference = PpoConfig { backend: Backend::Dfdx, ..config(1) };
    let mut reference = Learner::new(world(1), reference, 11, 1).expect("a learner");
    let (mut fused, mut kl) = (new(1, 1), 0.0);
    for _ in 0..2 {
        let (a, b) = (fused.update(None).expect("an update"), reference.update(None).expect("an update"));
        assert!((a.policy_loss - b.policy_loss).abs() < 1e-4 && (a.value_loss - b.value_loss).abs() < 1e-4);
        kl = a.approx_kl;
    }
    assert!(kl > 0.0);
    let (a, b) = (fused.policy(), reference.policy());
    let (a, b) = (a.network().parameters(), b.network().parameters());
    let furthest = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(furthest < 1e-3, "{furthest}");
}

/// The most probable actions of an untrained policy are those of the tour, in either network; without trust it does not see it. In so large
/// a world no slack is kept, with which teams would wait less.
#[test]
fn the_first_policy_follows_the_tour() {
    for (architecture, robots) in [(Architecture::Mlp, 1), (Architecture::Mlp, 3), (Architecture::Cnn, 2)] {
        let config = PpoConfig { architecture, tour_prior: 3.0, ..config(robots) };
        let protocol = Protocol { world: WorldConfig { width: 40, height: 40, ..world(robots) }, seed: 3, episodes: 4 };
        let policy = Learner::new(protocol.world.clone(), config.clone(), 1, 1).expect("a learner").policy();
        let mut tour = ScriptedActor::new(ScriptedAgent::Tour);
        let scripted = run_episodes(&mut tour, &protocol, 0..4).expect("worlds");
        let learned = run_episodes(&mut policy.actor(Selection::ArgMax), &protocol, 0..4).expect("worlds");
        assert_eq!(learned, scripted);
        let alone = PpoConfig { tour_prior: 0.0, ..config };
        let policy = Learner::new(world(robots), alone, 1, 1).expect("a learner").policy();
        assert_eq!(policy.observation().block("tour"), None);
    }
}

/// A lone robot has a round of its own, which is shorter; teams wait for their time only while they have some to spare.
#[test]
fn the_first_policy_that_keeps_slack_is_sooner_everywhere_than_the_tour() {
    for robots in [1, 4, 8] {
        let protocol =
            Protocol { world: WorldConfig { num_robots: robots, ..WorldConfig::default() }, seed: 3, episodes: 6 };
        let config = PpoConfig { tour_prior: 3.0, ..config(robots) };
        let policy = Learner::new(protocol.world.clone(), config, 1, 1).expect("a learner").policy();
        let of = |actor: &mut dyn BatchActor| {
            let episodes = run_episodes(actor, &protocol, 0..6).expect("worlds");
            let threat = episodes.iter().map(|episode| episode.mean_threat).sum::<f64>();
            (threat / 6.0, episodes.iter().map(|episode| episode.worst_idleness).sum::<u32>())
        };
        let (learned, scripted) =
            (of(&mut policy.actor(Selection::ArgMax)), of(&mut ScriptedActor::new(ScriptedAgent::Tour)));
        assert!(learned.0 < 1.01 * scripted.0 && learned.1 < scripted.1, "{robots} robots: {learned:?} {scripted:?}");
    }
}
