//! Runs of A3C in its deterministic form.
use environment::WorldConfig;
use environment::evaluation::{Protocol, run_episodes};
use learner::{Algorithm, Architecture, Backend, Checkpoint, Learner, LearnerError, PpoConfig, Selection};

fn world(robots: usize) -> WorldConfig {
    WorldConfig { width: 9, height: 8, num_robots: robots, max_steps: Some(50), ..WorldConfig::default() }
}

/// Episodes end within every rollout, which is learned from twice; minibatches are five environments, and the last one is
/// smaller.
fn config(robots: usize, policy_lag: u32) -> PpoConfig {
    PpoConfig {
        algorithm: Algorithm::A3c { policy_lag },
        total_steps: 1 << 20,
        num_envs: 23,
        num_steps: 24,
        update_epochs: 2,
        minibatch_size: 5 * 24 * robots + 7,
        hidden: 16,
        ..PpoConfig::for_team(robots)
    }
}

fn new(robots: usize, policy_lag: u32, threads: usize) -> Learner {
    Learner::new(world(robots), config(robots, policy_lag), 11, threads).expect("a learner")
}

fn train(learner: &mut Learner, updates: usize) -> Checkpoint {
    for _ in 0..updates {
        learner.update(None).expect("an update");
    }
    learner.checkpoint().expect("a checkpoint")
}

#[test]
fn threads_do_not_change_a_bit() {
    for (robots, lag) in [(1, 1), (3, 1), (3, 0)] {
        let [one, two, four] = [1, 2, 4].map(|threads| train(&mut new(robots, lag, threads), 20));
        assert!(one == two, "{robots} robots, lag {lag}, 1 and 2 threads");
        assert!(one == four, "{robots} robots, lag {lag}, 1 and 4 threads");
    }
}

#[test]
fn convolutions_do_not_change_that() {
    let config = PpoConfig { architecture: Architecture::Cnn, ..config(2, 1) };
    let end = train(&mut Learner::new(world(2), config.clone(), 5, 1).expect("a learner"), 4);
    let middle = train(&mut Learner::new(world(2), config.clone(), 5, 2).expect("a learner"), 2);
    let mut second = Learner::resume(world(2), config, 5, 2, &middle).expect("resumed");
    assert!(train(&mut second, 2) == end);
}

#[test]
fn a_resumed_run_ends_like_an_uninterrupted_one() {
    for (lag, normalise_returns) in [(0, false), (1, false), (1, true)] {
        let config = PpoConfig { normalise_returns, ..config(2, lag) };
        let end = train(&mut Learner::new(world(2), config.clone(), 5, 1).expect("a learner"), 9);
        for killed_after in [0, 1, 5] {
            let mut first = Learner::new(world(2), config.clone(), 5, 2).expect("a learner");
            let middle = train(&mut first, killed_after);
            drop(first);
            let mut second = Learner::resume(world(2), config.clone(), 5, 1, &middle).expect("resumed");
            assert!(second.checkpoint().expect("a checkpoint") == middle, "resuming loses nothing");
            assert!(train(&mut second, 9 - killed_after) == end, "lag {lag}, killed after {killed_after}");
        }
    }
}

#[test]
fn the_lag_is_part_of_the_run() {
    let lagging = train(&mut new(1, 1, 1), 2);
    assert!(train(&mut new(1, 0, 1), 2).policy != lagging.policy);
    let refused = Learner::resume(world(1), config(1, 0), 11, 1, &lagging).map(drop).expect_err("another lag");
    assert!(matches!(refused, LearnerError::Resume(_)), "{refused}");
    let refused = Learner::new(world(1), config(1, 2), 11, 1).map(drop).expect_err("too much lag");
    assert!(matches!(refused, LearnerError::Config(_)), "{refused}");
}

#[test]
fn passes_end_when_the_policy_has_strayed() {
    let epochs = |target_kl| {
        let config = PpoConfig { update_epochs: 3, target_kl, ..config(2, 0) };
        let mut learner = Learner::new(world(2), config, 3, 1).expect("a learner");
        learner.update(None).expect("an update").epochs
    };
    assert_eq!([epochs(None), epochs(Some(1e9)), epochs(Some(1e-9))], [3, 3, 1]);
}

/// Advantages are normalised, so what is added to those of the tour's actions is what the policy follows.
#[test]
fn an_anchor_keeps_the_policy_at_the_tour() {
    let kept = |tour_anchor| {
        let config = PpoConfig { tour_anchor, num_steps: 48, update_epochs: 1, ..config(2, 1) };
        let mut learner = Learner::new(world(2), config, 3, 2).expect("a learner");
        (0..30).map(|_| learner.update(None).expect("an update").entropy).last().expect("an entropy")
    };
    assert!(kept(1.0) < 0.7 * kept(0.0), "{} and {}", kept(1.0), kept(0.0));
}

/// A whole rollout as one minibatch is on-policy without lag; with it the policy has moved since it acted.
#[test]
fn importance_weights_measure_the_lag() {
    let divergence = |lag| {
        let once = PpoConfig { minibatch_size: 1 << 20, update_epochs: 1, clip_range: 0.01, ..config(2, lag) };
        let mut learner = Learner::new(world(2), once, 3, 1).expect("a learner");
        let mut reports = (0..3).map(|_| learner.update(None).expect("an update"));
        let first = reports.next().expect("the first update");
        assert_eq!((first.approx_kl, first.clip_fraction, first.epochs), (0.0, 0.0, 1));
        reports.map(|report| (report.approx_kl, report.clip_fraction)).collect::<Vec<_>>()
    };
    assert_eq!(divergence(0), [(0.0, 0.0); 2]);
    assert!(divergence(1).iter().all(|&(kl, clipped)| kl > 0.0 && clipped > 0.0));
}

#[test]
fn both_backends_learn_the_same_at_first() {
    let reference = PpoConfig { backend: Backend::Dfdx, ..config(2, 1) };
    let mut reference = Learner::new(world(2), reference, 11, 1).expect("a learner");
    let mut fused = new(2, 1, 1);
    for _ in 0..2 {
        let (a, b) = (fused.update(None).expect("an update"), reference.update(None).expect("an update"));
        assert!((a.policy_loss - b.policy_loss).abs() < 1e-4 && (a.gradient_norm - b.gradient_norm).abs() < 1e-3);
    }
}

#[test]
fn training_lowers_the_mean_threat() {
    let world = WorldConfig { width: 8, height: 8, max_steps: Some(200), ..WorldConfig::default() };
    let config = PpoConfig {
        algorithm: Algorithm::A3c { policy_lag: 1 },
        total_steps: 300_000,
        num_envs: 64,
        num_steps: 32,
        reward_scale: 0.004,
        object_coefficient: 0.2,
        minibatch_size: 256,
        update_epochs: 1,
        ..PpoConfig::for_team(1)
    };
    let mut learner = Learner::new(world.clone(), config, 1, 2).expect("a learner");
    let protocol = Protocol { world, seed: 9, episodes: 20 };
    let threat = |learner: &Learner| {
        let episodes = run_episodes(&mut learner.policy().actor(Selection::ArgMax), &protocol, 0..20).expect("played");
        episodes.iter().map(|episode| episode.mean_threat).sum::<f64>() / 20.0
    };
    let before = threat(&learner);
    while !learner.is_complete() {
        learner.update(None).expect("an update");
    }
    let after = threat(&learner);
    assert!(after < 0.6 * before && after < 0.35, "{before:.3} -> {after:.3}");
}
