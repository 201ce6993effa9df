//! `patrol evaluation start`: evaluate a checkpoint and print the result.

use crate::cli::{EvaluateArgs, EvaluationCommand};
use crate::client::Client;
use crate::failure::Failure;
use crate::output;
use crate::terminal::spinner;
use anyhow::{Context, anyhow};
use contracts::commands::StartEvaluation;
use contracts::events::EvaluationCompleted;
use contracts::{Command, Event, subjects};
use event_log::ReadOptions;
use std::process::ExitCode;

pub async fn run(command: EvaluationCommand) -> Result<ExitCode, Failure> {
    let EvaluationCommand::Start(args) = command;
    let client = Client::connect().await?;
    let spinner = spinner("Evaluating, {elapsed}")?;
    let completed = evaluate(&client, &args).await;
    spinner.finish_and_clear();
    let completed = completed?;
    if args.run.json {
        output::line(serde_json::to_string(&completed)?)?;
    } else {
        for (name, score) in [("sampled", &completed.sampled), ("arg-max", &completed.argmax)] {
            let threat = score.mean_threat;
            output::line(format_args!(
                "{name}: mean threat {:.3} ({:.3} – {:.3}), coverage {:.1} %, worst idleness {:.0}",
                threat.mean,
                threat.low,
                threat.high,
                100.0 * score.coverage,
                score.worst_idleness
            ))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn evaluate(client: &Client, args: &EvaluateArgs) -> Result<EvaluationCompleted, Failure> {
    let run_id = client.run(&args.run.run).await?;
    let checkpoint_id = args.checkpoint.as_deref().map(str::parse).transpose().context("--checkpoint is not a UUID")?;
    let command = StartEvaluation { run_id, evaluation_id: None, checkpoint_id, episodes: args.episodes };
    let requested = client.send(&Command::StartEvaluation(command)).await?;
    let Event::EvaluationRequested(request) = requested.event()? else {
        return Err(anyhow!("unexpected outcome {}", requested.envelope.kind).into());
    };
    let filter = format!("patrol.evt.evaluation.{run_id}.>");
    debug_assert!(event_log::subject_matches(&filter, &subjects::event("evaluation", Some(run_id), "completed")));
    let mut events = client.log.read(ReadOptions::follow(requested.sequence + 1).filtered([filter]));
    while let Some(recorded) = events.next_event().await? {
        match recorded.event()? {
            Event::EvaluationCompleted(completed) if completed.evaluation_id == request.evaluation_id => {
                return Ok(*completed);
            }
            Event::EvaluationFailed(failed) if failed.evaluation_id == request.evaluation_id => {
                return Err(Failure::Failed("the evaluation failed".to_owned(), failed.message));
            }
            _ => {}
        }
    }
    Err(anyhow!("the event log ended").into())
}
