//! Whether what became of a command id can be what became of this command: a key that a client uses again for something
//! else must not be answered with the outcome of the first request.

use contracts::commands::{RegisterModel, StartEvaluation, StartRun};
use contracts::events::{CommandRejected, EvaluationRequested, ModelRegistered, RunRequested};
use contracts::{Command, Event};
use serde_json::{Value, json};

/// Whether `event`, caused under the id of `command`, can be its effect.
pub fn is_effect(command: &Command, event: &Event) -> bool {
    match (command, event) {
        (_, Event::CommandRejected(rejected)) => is_refusal(command, rejected),
        (Command::StartRun(start), Event::RunRequested(requested)) => is_requested(start, requested),
        (Command::PauseRun(asked), Event::RunPauseRequested(event)) => asked.run_id == event.run_id,
        (Command::PauseRun(asked), Event::RunPaused(event)) => asked.run_id == event.run_id,
        (Command::ResumeRun(asked), Event::RunResumed(event)) => asked.run_id == event.run_id,
        (Command::StopRun(asked), Event::RunStopRequested(event)) => {
            (asked.run_id, asked.force) == (event.run_id, event.force)
        }
        (Command::StopRun(asked), Event::RunCompleted(event)) => asked.run_id == event.run_id,
        (Command::DeleteRun(asked), Event::RunDeleted(event)) => asked.run_id == event.run_id,
        (Command::StartEvaluation(asked), Event::EvaluationRequested(event)) => is_evaluation(asked, event),
        (Command::RegisterModel(asked), Event::ModelRegistered(event)) => is_registered(asked, event),
        (Command::DeleteModel(asked), Event::ModelDeleted(event)) => asked.file_id == event.file_id,
        _ => false,
    }
}

/// A refusal tells the kind of the command and the run, if that existed; of what did not exist its sentence tells the id.
fn is_refusal(command: &Command, rejected: &CommandRejected) -> bool {
    let run = command.run_id();
    let file = match command {
        Command::RegisterModel(RegisterModel { file_id, .. }) => Some(file_id),
        Command::DeleteModel(delete) => Some(&delete.file_id),
        _ => None,
    };
    let named = |field: &str| match field {
        "/run_id" => run.map(|id| id.to_string()),
        "/file_id" => file.map(|id| id.to_string()),
        _ => None,
    };
    let mut missing = rejected.reasons.iter().filter(|reason| reason.code == "not_found");
    rejected.command == format!("{}.{}", command.aggregate(), command.verb())
        && rejected.run_id.zip(run).is_none_or(|(refused, asked)| refused == asked)
        && missing.all(|reason| named(&reason.field).is_none_or(|id| reason.message.contains(&id)))
}

/// What a start says stands in the run's configuration as it was said; what it leaves out was filled in.
fn is_requested(start: &StartRun, requested: &RunRequested) -> bool {
    // A fork from the newest or the best checkpoint is from another one when it is asked for later.
    let forked = start.parent_run_id.is_some();
    let from = |start: &StartRun| match forked {
        true => (json!(start.init_from.is_some()), json!(start.resume_from.is_some())),
        false => (json!(start.init_from), json!(start.resume_from)),
    };
    let as_asked = StartRun {
        run_id: Some(requested.run_id),
        name: Some(requested.name.clone()),
        parent_run_id: requested.parent_run_id,
        init_from: requested.init_from.clone(),
        resume_from: requested.resume_from,
        ..StartRun::from(&requested.config)
    };
    let settings = |start: &StartRun| {
        serde_json::to_value(StartRun { init_from: None, resume_from: None, ..start.clone() }).unwrap_or_default()
    };
    from(start) == from(&as_asked)
        && start.parent_run_id == requested.parent_run_id
        && agrees(&settings(start), &settings(&as_asked))
}

/// Whether everything that `asked` says is what `became`; what is not recorded may have been anything.
fn agrees(asked: &Value, became: &Value) -> bool {
    match (asked, became) {
        (Value::Null, _) | (_, Value::Null) => true,
        (Value::Object(asked), Value::Object(became)) => {
            asked.iter().all(|(name, value)| agrees(value, became.get(name).unwrap_or(&Value::Null)))
        }
        (Value::Number(asked), Value::Number(became)) => asked.as_f64() == became.as_f64(),
        _ => asked == became,
    }
}

fn is_evaluation(asked: &StartEvaluation, requested: &EvaluationRequested) -> bool {
    asked.run_id == requested.run_id
        && asked.evaluation_id.is_none_or(|id| id == requested.evaluation_id)
        && asked.checkpoint_id.is_none_or(|id| Some(id) == requested.checkpoint_id)
        && asked.episodes.is_none_or(|episodes| episodes == requested.episodes)
}

fn is_registered(asked: &RegisterModel, registered: &ModelRegistered) -> bool {
    let RegisterModel { file_id, original_filename, blob, run_id, description, metadata } = asked;
    (file_id, original_filename, blob) == (&registered.file_id, &registered.original_filename, &registered.blob)
        && (run_id, description, metadata) == (&registered.run_id, &registered.description, &registered.metadata)
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::commands::{PauseRun, StopRun};
    use contracts::events::{RunPaused, RunStopRequested};
    use contracts::{Reason, RunId};
    use uuid::Uuid;

    fn run(number: u128) -> RunId {
        RunId(Uuid::from_u128(number))
    }

    fn pause(number: u128) -> Command {
        Command::PauseRun(PauseRun { run_id: run(number) })
    }

    #[test]
    fn kind_target_and_content_must_fit() {
        let paused = Event::RunPaused(RunPaused { run_id: run(1), timestep: 0, checkpoint: None });
        assert!(is_effect(&pause(1), &paused) && !is_effect(&pause(2), &paused));
        let stop = |force| Command::StopRun(StopRun { run_id: run(1), force });
        let asked = Event::RunStopRequested(RunStopRequested { run_id: run(1), force: true });
        assert!(is_effect(&stop(true), &asked) && !is_effect(&stop(false), &asked) && !is_effect(&pause(1), &asked));
    }

    #[test]
    fn a_refusal_is_of_the_same_command_about_the_same_run() {
        let refused = |command: &str, run_id, reason| {
            let command = command.to_owned();
            let command_id = Uuid::from_u128(9).into();
            Event::CommandRejected(CommandRejected { command_id, command, run_id, reasons: vec![reason] })
        };
        let forbidden = || Reason::new("", "conflict", "run is paused");
        assert!(is_effect(&pause(1), &refused("run.pause", Some(run(1)), forbidden())));
        assert!(!is_effect(&pause(2), &refused("run.pause", Some(run(1)), forbidden())));
        assert!(!is_effect(&pause(1), &refused("run.stop", Some(run(1)), forbidden())));
        let unknown = refused("run.pause", None, Reason::new("/run_id", "not_found", format!("no run {}", run(1))));
        assert!(is_effect(&pause(1), &unknown) && !is_effect(&pause(2), &unknown));
    }

    #[test]
    fn what_was_filled_in_or_left_out_differs_from_nothing() {
        let became = json!({"name": "x", "num_envs": 4, "config": {"gamma": 0.9, "epochs": 4}, "target_kl": null});
        assert!(agrees(&json!({"name": "x", "num_envs": 4.0, "config": {"epochs": 4}, "target_kl": 0.1}), &became));
        assert!(!agrees(&json!({"name": "y"}), &became) && !agrees(&json!({"config": {"gamma": 0.8}}), &became));
    }
}
