use crate::sample::*;
use contracts::Event;
use contracts::commands::{RunOptions, StartRun};
use contracts::config::PolicyType;
use contracts::events::{Outcome, RunCompleted};
use domain::continuation::ResumedFrom;
use domain::run::{Network, Run, RunCommand, StartFacts, Status, decide, evolve};
use test_support::{Outcome as Decided, given};

const PAUSE: RunCommand<'_> = RunCommand::Pause;
const RESUME: RunCommand<'_> = RunCommand::Resume;
const STOP: RunCommand<'_> = RunCommand::Stop { force: false };
const FORCED_STOP: RunCommand<'_> = RunCommand::Stop { force: true };
const DELETE: RunCommand<'_> = RunCommand::Delete;

fn when(history: &[Event], command: RunCommand<'_>) -> Decided<Event, contracts::Rejection> {
    given(evolve, history.to_vec()).when(|run: &Run| decide(run, RUN, &command))
}

fn running() -> Vec<Event> {
    vec![requested(), started(), checkpoint_created(3)]
}

fn paused_at_update_3() -> Vec<Event> {
    [running(), vec![pause_requested(), paused(Some(checkpoint(3)))]].concat()
}

#[test]
fn a_start_becomes_a_complete_request() {
    when(&[], RunCommand::Start(&start(), FACTS)).then([requested()]);
}

#[test]
fn a_run_is_started_once() {
    let message = |status: &str| conflict(format!("run {RUN} exists already: it is {status}"));
    when(&[requested()], RunCommand::Start(&start(), FACTS)).then_rejected(message("queued"));
    when(&[requested(), deleted()], RunCommand::Start(&start(), FACTS)).then_rejected(message("deleted"));
}

#[test]
fn a_start_names_every_unknown_thing_it_refers_to() {
    let source = checkpoint(1).checkpoint_id.to_string();
    let start = StartRun { parent_run_id: Some(RUN), init_from: Some(source), batch_size: Some(65_536), ..start() };
    let facts = StartFacts { parent_known: false, weights_known: false, ..FACTS };
    let rejection = decide(&Run::default(), RUN, &RunCommand::Start(&start, facts)).unwrap_err();
    let named: Vec<_> = rejection.0.iter().map(|reason| (reason.field.as_str(), reason.code.as_str())).collect();
    assert_eq!(named, [("/batch_size", "invalid"), ("/parent_run_id", "not_found"), ("/init_from", "not_found")]);
    let start = StartRun { init_from: Some("../weights".into()), ..start };
    let rejection = decide(&Run::default(), RUN, &RunCommand::Start(&start, FACTS)).unwrap_err();
    assert!(rejection.to_string().contains("`../weights` is neither"), "{rejection}");
}

/// What asks to go on from `from`, with a change.
fn resumed_with(change: impl Fn(&mut StartRun)) -> Vec<String> {
    let Event::RunRequested(parent) = requested() else { panic!("a request") };
    let from = ResumedFrom { config: parent.config.clone(), timestep: 600_000 };
    let mut start = StartRun { resume_from: Some(checkpoint(3).checkpoint_id), ..StartRun::from(&parent.config) };
    change(&mut start);
    let facts = StartFacts { resumed: Some(&from), ..FACTS };
    let decided = decide(&Run::default(), RUN, &RunCommand::Start(&start, facts));
    decided.err().map_or_else(Vec::new, |rejection| rejection.0.into_iter().map(|reason| reason.field).collect())
}

#[test]
fn a_run_goes_on_from_a_checkpoint_of_the_same_worlds_with_other_settings() {
    assert!(resumed_with(|_| {}).is_empty());
    let changed = resumed_with(|start| {
        start.learning_rate = Some(5e-4);
        start.total_timesteps = 9_000_000;
        start.config.get_or_insert_default().clip_range = Some(0.1);
    });
    assert!(changed.is_empty(), "{changed:?}");
}

#[test]
fn weights_keep_their_network() {
    use PolicyType::{CnnPolicy, MlpPolicy};
    let decided = |init_from: &str, policy_type, hidden_size, weights_of| {
        let options = RunOptions { hidden_size, ..RunOptions::default() };
        let start = StartRun { init_from: Some(init_from.into()), policy_type, config: Some(options), ..start() };
        let facts = StartFacts { weights_of, ..FACTS };
        match decide(&Run::default(), RUN, &RunCommand::Start(&start, facts)).map(|mut events| events.pop()) {
            Ok(Some(Event::RunRequested(requested))) => Ok(requested.config.learning.policy_type),
            Ok(other) => panic!("{other:?}"),
            Err(rejection) => Err(rejection.to_string()),
        }
    };
    let checkpoint = checkpoint(1).checkpoint_id.to_string();
    let of = |policy_type, hidden_size| Some(Network { policy_type, hidden_size });
    let size = "/config/hidden_size: the weights to start from have hidden layers of 64 units, not of 128";
    assert_eq!(decided("universal", None, Some(128), None), Err(size.to_owned()));
    assert_eq!(decided(&checkpoint, None, Some(128), of(MlpPolicy, Some(64))), Err(size.to_owned()));
    let network = "/policy_type: the weights to start from are of a MlpPolicy, not of a CnnPolicy";
    assert_eq!(decided("universal", Some(CnnPolicy), None, None), Err(network.to_owned()));
    assert_eq!(decided(&checkpoint, Some(CnnPolicy), None, of(MlpPolicy, None)), Err(network.to_owned()));
    for (asked, size, found, expected) in [
        (None, Some(128), of(MlpPolicy, Some(128)), MlpPolicy),
        (None, Some(128), None, MlpPolicy),
        (None, None, of(CnnPolicy, Some(64)), CnnPolicy),
        (Some(CnnPolicy), Some(64), of(CnnPolicy, Some(64)), CnnPolicy),
        (Some(CnnPolicy), None, None, CnnPolicy),
    ] {
        assert_eq!(decided(&checkpoint, asked, size, found), Ok(expected), "{asked:?} {size:?} {found:?}");
    }
}

/// Nothing is said against a network whose size the command leaves open.
#[test]
fn a_run_goes_on_with_a_network_of_the_same_size() {
    let sized = |size| resumed_with(|start| start.config.get_or_insert_default().hidden_size = size);
    assert_eq!(sized(Some(128)), ["/config/hidden_size"]);
    assert!(sized(Some(64)).is_empty() && sized(None).is_empty());
}

#[test]
fn what_the_state_of_a_checkpoint_belongs_to_cannot_change() {
    let wrong = resumed_with(|start| {
        (start.num_robots, start.num_envs, start.env_width) = (Some(2), Some(8), Some(9));
        start.init_from = Some("universal".into());
        start.total_timesteps = 600_000;
        start.config.get_or_insert_default().seed = Some(1);
    });
    let fields = ["/resume_from", "/config/seed", "/num_robots", "/num_envs", "/resume_from", "/total_timesteps"];
    assert_eq!(wrong, fields);
    let start = StartRun { resume_from: Some(checkpoint(1).checkpoint_id), ..start() };
    let rejection = decide(&Run::default(), RUN, &RunCommand::Start(&start, FACTS)).unwrap_err();
    assert_eq!((rejection.0[0].field.as_str(), rejection.0[0].code.as_str()), ("/resume_from", "not_found"));
}

#[test]
fn a_queued_run_pauses_and_stops_at_once() {
    when(&[requested()], PAUSE).then([paused(None)]);
    when(&[requested()], STOP).then([completed(Outcome::Stopped)]);
    when(&[requested(), paused(None)], RESUME).then([resumed()]);
    when(&[requested(), paused(None), resumed()], PAUSE).then([paused(None)]);
}

#[test]
fn a_running_run_is_asked_to_pause_and_to_stop() {
    when(&running(), PAUSE).then([pause_requested()]);
    when(&running(), STOP).then([stop_requested(false)]);
    when(&running(), FORCED_STOP).then([stop_requested(true)]);
}

#[test]
fn a_pausing_run_can_be_stopped_and_a_stop_can_be_forced() {
    let pausing = [running(), vec![pause_requested()]].concat();
    when(&pausing, STOP).then([stop_requested(false)]);
    when(&pausing, PAUSE).then_rejected(conflict(format!("run {RUN} is pausing and cannot be paused")));
    when(&pausing, RESUME).then_rejected(conflict(format!("run {RUN} is pausing and cannot be resumed")));
    let stopping = [pausing, vec![stop_requested(false)]].concat();
    when(&stopping, FORCED_STOP).then([stop_requested(true)]);
    when(&stopping, STOP).then_rejected(conflict(format!("run {RUN} is stopping and cannot be stopped")));
    let forced = [stopping, vec![stop_requested(true)]].concat();
    when(&forced, FORCED_STOP).then_rejected(conflict(format!("run {RUN} is stopping and cannot be stopped")));
}

#[test]
fn a_paused_run_resumes_or_ends_where_it_stands() {
    when(&paused_at_update_3(), RESUME).then([resumed()]);
    when(&paused_at_update_3(), PAUSE).then_rejected(conflict(format!("run {RUN} is paused and cannot be paused")));
    when(&paused_at_update_3(), STOP).then([Event::RunCompleted(RunCompleted {
        run_id: RUN,
        outcome: Outcome::Stopped,
        timestep: 3 * 8192,
        episodes_completed: 15,
        checkpoint: Some(checkpoint(3)),
        digest: Some(format!("{:064x}", 3)),
    })]);
}

#[test]
fn what_a_trainer_has_cannot_be_deleted_and_the_rest_can() {
    let message = |status| conflict(format!("run {RUN} is {status} and cannot be deleted; stop it first"));
    when(&running(), DELETE).then_rejected(message("running"));
    when(&[running(), vec![pause_requested()]].concat(), DELETE).then_rejected(message("pausing"));
    when(&[running(), vec![stop_requested(false)]].concat(), DELETE).then_rejected(message("stopping"));
    for ended in [completed(Outcome::Finished), failed()] {
        when(&[running(), vec![ended]].concat(), DELETE).then([deleted()]);
    }
    when(&[requested()], DELETE).then([deleted()]);
    when(&paused_at_update_3(), DELETE).then([deleted()]);
}

#[test]
fn an_ended_run_stays_ended() {
    for (ended, name) in [(completed(Outcome::Finished), "completed"), (failed(), "failed")] {
        let history = [running(), vec![ended]].concat();
        for (command, what) in [(PAUSE, "paused"), (RESUME, "resumed"), (STOP, "stopped"), (FORCED_STOP, "stopped")] {
            when(&history, command).then_rejected(conflict(format!("run {RUN} is {name} and cannot be {what}")));
        }
    }
}

#[test]
fn an_unknown_and_a_deleted_run_are_not_found() {
    for history in [vec![], vec![requested(), deleted()]] {
        for command in [PAUSE, RESUME, STOP, DELETE] {
            when(&history, command).then_rejected(not_found("/run_id", format!("there is no run {RUN}")));
        }
    }
}

#[test]
fn a_takeover_keeps_what_the_client_asked_for() {
    let status = |history: Vec<Event>| given(evolve, history).state.status;
    assert_eq!(status([running(), vec![started()]].concat()), Status::Running);
    assert_eq!(status([running(), vec![pause_requested(), started()]].concat()), Status::Pausing);
    let stopping = [running(), vec![stop_requested(true), started()]].concat();
    assert_eq!(status(stopping), Status::Stopping { force: true });
}

#[test]
fn a_repeated_older_checkpoint_moves_nothing_back() {
    let state = given(evolve, [requested(), started(), checkpoint_created(4), checkpoint_created(2)]).state;
    assert_eq!((state.checkpoint, state.episodes_completed), (Some(checkpoint(4)), 20));
}
