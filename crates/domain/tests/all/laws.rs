//! Laws over any history, whoever wrote it and in whatever order.

use crate::sample::*;
use contracts::Event;
use contracts::events::Outcome;
use domain::run::{Run, RunCommand, Status, decide, evolve};
use proptest::prelude::*;

/// A client's command or a trainer's event.
#[derive(Clone, Debug)]
enum Move {
    Start,
    Command(RunCommand<'static>),
    Trainer(Box<Event>),
}

fn any_command() -> impl Strategy<Value = RunCommand<'static>> {
    prop_oneof![
        Just(RunCommand::Pause),
        Just(RunCommand::Resume),
        any::<bool>().prop_map(|force| RunCommand::Stop { force }),
        Just(RunCommand::Delete),
    ]
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(requested()),
        Just(started()),
        (0..9_u64).prop_map(checkpoint_created),
        Just(pause_requested()),
        (0..9_u64).prop_map(|update| paused(Some(checkpoint(update)))),
        Just(paused(None)),
        Just(resumed()),
        any::<bool>().prop_map(stop_requested),
        Just(completed(Outcome::Finished)),
        Just(failed()),
        Just(deleted()),
    ]
}

fn any_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        2 => Just(Move::Start),
        4 => any_command().prop_map(Move::Command),
        4 => any_event().prop_map(|event| Move::Trainer(Box::new(event))),
    ]
}

fn decide_on(run: &Run, command: &Move) -> Option<domain::Decision> {
    match command {
        Move::Start => Some(decide(run, RUN, &RunCommand::Start(&start(), FACTS))),
        Move::Command(command) => Some(decide(run, RUN, command)),
        Move::Trainer(_) => None,
    }
}

proptest! {
    #[test]
    fn every_accepted_command_has_an_effect_and_only_once(moves in proptest::collection::vec(any_move(), 0..40)) {
        let mut run = Run::default();
        for step in &moves {
            match (decide_on(&run, step), step) {
                (Some(Ok(events)), _) => {
                    prop_assert!(!events.is_empty(), "{step:?} was accepted without an event");
                    let after = events.iter().fold(run.clone(), evolve);
                    prop_assert_ne!(after.status, run.status, "{:?} changed nothing", step);
                    let again = decide_on(&after, step);
                    prop_assert!(matches!(again, Some(Err(_))), "{step:?} twice: {again:?}");
                    run = after;
                }
                (Some(Err(rejection)), _) => {
                    prop_assert!(!rejection.0.is_empty(), "{step:?} was refused without a reason");
                    prop_assert!(rejection.0.iter().all(|reason| !reason.message.is_empty()));
                }
                (None, Move::Trainer(event)) => run = evolve(run, event),
                (None, _) => unreachable!("commands are decided"),
            }
        }
    }

    #[test]
    fn an_end_is_final(before in proptest::collection::vec(any_event(), 0..20), after in proptest::collection::vec(any_event(), 0..20)) {
        let ended = before.iter().fold(Run::default(), evolve);
        prop_assume!(ended.status.has_ended());
        let later = after.iter().fold(ended.clone(), evolve);
        prop_assert!(later.status == ended.status || later.status == Status::Deleted);
    }

    #[test]
    fn progress_never_goes_back(events in proptest::collection::vec(any_event(), 0..40)) {
        let mut run = Run::default();
        for event in &events {
            let next = evolve(run.clone(), event);
            prop_assert!(next.timestep >= run.timestep, "{event:?}");
            run = next;
        }
    }
}
