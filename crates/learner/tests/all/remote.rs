//! Actors of other processes: leases and what comes back.
use environment::WorldConfig;
use learner::a3c::replay::Replay;
use learner::a3c::{AsyncLearner, AsyncRun, Consumed, Lease, RemoteActor, RemoteAnswer, RemoteRequest};
use learner::{LearnerError, PpoConfig};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const SEED: u64 = 3;
const PATIENCE: Duration = Duration::from_secs(60);

fn world() -> WorldConfig {
    WorldConfig { width: 9, height: 8, num_robots: 2, max_steps: Some(50), ..WorldConfig::default() }
}

fn config() -> PpoConfig {
    let base = PpoConfig::for_team(2);
    PpoConfig { total_steps: 1 << 16, num_envs: 10, num_steps: 24, minibatch_size: 96, hidden: 16, ..base }
}

fn learner() -> AsyncLearner {
    AsyncLearner::new(world(), config(), SEED, 1, 3, true).expect("a learner")
}

fn actor(name: &str) -> RemoteActor {
    RemoteActor::new(name, world(), config(), SEED, 3)
}

/// As it arrives elsewhere.
fn sent(lease: &Lease) -> Lease {
    let received = Lease::from_bytes(&lease.to_bytes().expect("bytes")).expect("a lease");
    assert_eq!(&received, lease);
    received
}

fn assert_replays(order: &[Consumed], mut live: AsyncLearner) {
    let mut again = learner();
    let mut replay = Replay::new(&again);
    for consumed in order {
        replay.step(&mut again, consumed).expect("the same segment");
    }
    assert!(again.checkpoint().expect("a checkpoint") == live.checkpoint().expect("another"));
}

#[test]
fn what_remote_actors_play_is_replayed_like_any_other() {
    let mut learner = learner();
    let (mut near, mut far) = (actor("near"), actor("far"));
    let mut order = Vec::new();
    while order.len() < 12 {
        let leases = [(); 2].map(|()| learner.lease(true).expect("a policy"));
        // The second comes first.
        for (actor, name, lease) in [(&mut far, "far", &leases[1]), (&mut near, "near", &leases[0])] {
            let Some(lease) = lease else { continue };
            let segment = actor.play(&sent(lease)).expect("played");
            if let Some(update) = learner.accept(name, &segment).expect("accepted") {
                order.extend(update.order);
            }
        }
    }
    assert!(order.iter().any(|consumed| &*consumed.actor == "far" && consumed.policy_version > 0));
    assert_replays(&order, learner);
}

#[test]
fn a_revoked_lease_is_played_by_another_and_its_answer_is_late() {
    let mut learner = learner();
    let lost = learner.lease(false).expect("a policy").expect("a lane");
    learner.revoke(lost.id);
    let given = learner.lease(false).expect("a policy").expect("a lane");
    assert_eq!((given.lane, given.segment), (lost.lane, lost.segment));
    assert_ne!(given.id, lost.id);
    let (late, once) = (actor("slow").play(&lost).expect("played"), actor("quick").play(&given).expect("played"));
    assert!(matches!(learner.accept("slow", &late), Err(LearnerError::UnknownLease(_))));
    learner.accept("quick", &once).expect("accepted");
    assert!(matches!(learner.accept("quick", &once), Err(LearnerError::UnknownLease(_))), "once only");
}

#[test]
fn what_cannot_have_been_played_is_refused_and_leaves_nothing_behind() {
    let mut learner = learner();
    let mut honest = actor("honest");
    let mut refused = 0;
    type Forgery = fn(&mut learner::a3c::RemoteSegment);
    let forgeries: [Forgery; 6] = [
        |segment| segment.digest.0 ^= 1,
        |segment| segment.choices.actions[7] = 9,
        |segment| segment.choices.actions.iter_mut().for_each(|action| *action = 0),
        |segment| segment.choices.values[3] = f32::NAN,
        |segment| segment.choices.log_probs[3] -= 0.5,
        |segment| segment.choices.next_values.push(0.0),
    ];
    for forge in forgeries {
        let lease = learner.lease(false).expect("a policy").expect("a lane");
        let mut segment = honest.play(&lease).expect("played");
        forge(&mut segment);
        let error = learner.accept("liar", &segment).expect_err("refused");
        assert!(matches!(error, LearnerError::Refused { .. }), "{error}");
        refused += 1;
    }
    assert_eq!((refused, learner.in_play()), (6, 0));
    let mut order = Vec::new();
    while order.is_empty() {
        let lease = learner.lease(true).expect("a policy").expect("a lane");
        let segment = honest.play(&lease).expect("played");
        order.extend(learner.accept("honest", &segment).expect("accepted").into_iter().flat_map(|it| it.order));
    }
    assert_replays(&order, learner);
}

/// The round travels with the lease, and nothing that it says is believed.
#[test]
fn an_actor_follows_the_round_that_the_learner_planned() {
    let mut learner = learner();
    let lease = learner.lease(false).expect("a policy").expect("a lane");
    assert_eq!(lease.plans.len(), lease.environments.len());
    assert!(lease.plans.iter().all(|plan| plan.len() > 16), "rounds of several stops");
    let none = Lease { plans: vec![Vec::new(); lease.plans.len()], ..lease.clone() };
    let segment = actor("near").play(&sent(&lease)).expect("played");
    assert_eq!(actor("far").play(&none).expect("played"), segment, "planned again, it is the same");
    let mut plans = lease.plans.clone();
    plans[0].rotate_left(8);
    let other = actor("misled").play(&Lease { plans, ..lease.clone() });
    if let Ok(misled) = other {
        assert!(matches!(learner.accept("misled", &misled), Err(LearnerError::Refused { .. })));
    }
}

#[test]
fn no_prefix_of_a_lease_and_no_other_world_panics() {
    let mut learner = learner();
    let lease = learner.lease(false).expect("a policy").expect("a lane");
    let bytes = lease.to_bytes().expect("bytes");
    for length in (0..bytes.len()).step_by(97) {
        assert!(Lease::from_bytes(&bytes[..length]).is_err());
    }
    let other = WorldConfig { width: 20, ..world() };
    assert!(RemoteActor::new("lost", other, config(), SEED, 3).play(&lease).is_err());
}

/// Asks and returns where the answer comes.
fn ask(run: &AsyncRun, name: &str, segment: Option<learner::a3c::RemoteSegment>) -> Receiver<RemoteAnswer> {
    let (answers, answer) = channel();
    let answer_to = Box::new(move |answer| drop(answers.send(answer)));
    let request = RemoteRequest { actor: name.to_owned(), segment, answer: answer_to };
    assert!(run.door().enter(request).is_ok());
    answer
}

#[test]
fn threads_and_remote_actors_share_a_run_and_the_dead_are_not_waited_for() {
    let mut run = AsyncRun::start(learner(), Vec::new(), 1).expect("a thread");
    run.lend_for(Duration::from_millis(200));
    let mut remote = actor("remote");
    let mut answer = ask(&run, "remote", None);
    let mut order = Vec::new();
    while !order.iter().any(|consumed: &Consumed| &*consumed.actor == "remote") {
        order.extend(run.update(false).expect("an update").order);
        match answer.recv_timeout(PATIENCE).expect("an answer") {
            RemoteAnswer::Play(lease) => answer = ask(&run, "remote", remote.play(&lease).ok()),
            other => panic!("{other:?}"),
        }
    }
    // It is lent another lane and never heard of again.
    order.extend(run.update(false).expect("an update").order);
    assert!(matches!(answer.recv_timeout(PATIENCE), Ok(RemoteAnswer::Play(_))));
    order.extend(run.update(true).expect("an update").order);
    assert_eq!(run.learner().in_play(), 0);
    assert!(order.iter().any(|consumed| &*consumed.actor == "actor-0"));
    let mut again = learner();
    let mut replay = Replay::new(&again);
    for consumed in &order {
        replay.step(&mut again, consumed).expect("the same segment");
    }
    assert!(again.checkpoint().expect("a checkpoint") == run.learner_mut().checkpoint().expect("another"));
}
