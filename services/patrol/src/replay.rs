//! `patrol replay project`: build the read models again from the log.

use crate::cli::{ReplayCommand, ReplayProjectArgs, RunArgs};
use crate::client::Client;
use crate::failure::Failure;
use crate::output;
use crate::terminal::{Style, bar, count, table};
use projector::{RebuildOptions, Report};
use read_models::ReadModels;
use serde_json::json;
use service_runtime::EnvironmentReader;
use std::process::ExitCode;

pub async fn run(command: ReplayCommand) -> Result<ExitCode, Failure> {
    let mut client = Client::connect().await?;
    let args = match command {
        ReplayCommand::Project(args) => args,
        ReplayCommand::Training(args) => return training(&client, &args.run).await,
    };
    let report = project(&mut client, args.check).await?;
    print(&report, &args)?;
    Ok(if report.identical == Some(false) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Trains a run again as the log says and compares its checkpoints.
async fn training(client: &Client, args: &RunArgs) -> Result<ExitCode, Failure> {
    let run = client.run(&args.run).await?;
    let mut variables = client.variables.clone();
    let mut config = trainer::Config::read(&mut variables);
    variables.finish()?;
    config.event_log.name = "patrol-cli".to_owned();
    // Without any checkpoint the replay itself says so.
    let last = client.log.checkpoints(run).await?.last().map_or(0, |checkpoint| checkpoint.update);
    let bar = bar("Training again {bar:30} {pos}/{len} updates, {per_sec}, {eta} left", last)?;
    let moved = bar.clone();
    let report = trainer::replay(&config, run, move |update| moved.set_position(update)).await;
    bar.finish_and_clear();
    let report = report?;
    let differing = report.checkpoints.iter().filter(|checkpoint| checkpoint.recorded != checkpoint.replayed).count();
    if args.json {
        let checkpoints = report
            .checkpoints
            .iter()
            .map(|it| json!({ "update": it.update, "recorded": it.recorded, "replayed": it.replayed }));
        let checkpoints: Vec<_> = checkpoints.collect();
        let (updates, robot_steps, identical) = (report.updates, report.robot_steps, report.is_identical());
        let report = json!({ "run_id": run, "updates": updates, "robot_steps": robot_steps, "identical": identical,
                             "checkpoints": checkpoints });
        output::line(report)?;
    } else {
        let (updates, all) = (count(report.updates), report.checkpoints.len());
        output::line(format_args!(
            "Trained {updates} updates again: {} of {all} checkpoints are identical.",
            all - differing
        ))?;
    }
    Ok(if differing == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Replays the log; compares with the live tables or replaces them.
pub async fn project(client: &mut Client, check: bool) -> Result<Report, Failure> {
    let (models, on_poison) = read_models(&mut client.variables).await?;
    let bar = bar("Replaying {bar:30} {pos}/{len} events, {per_sec}, {eta} left", 0)?;
    let report = projector::rebuild(&models, &client.log, RebuildOptions { check, on_poison }, |progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.events);
    });
    let report = report.await;
    bar.finish_and_clear();
    Ok(report?)
}

/// The read models that `variables` name.
pub async fn read_models(variables: &mut EnvironmentReader) -> Result<(ReadModels, projector::OnPoison), Failure> {
    let mut reader = variables.clone();
    let config = projector::Config::read(&mut reader);
    reader.finish()?;
    let models = ReadModels::connect(&config.read_models).await?;
    Ok((models, config.on_poison))
}

fn print(report: &Report, args: &ReplayProjectArgs) -> Result<(), Failure> {
    if args.json {
        return output::line(json!(report));
    }
    let style = Style::of(&std::io::stdout());
    let speed = count(report.events_per_second as u64);
    let (events, seconds) = (count(report.events), report.seconds);
    output::line(format_args!("Replayed {events} events in {seconds:.2} s ({speed} events/s)."))?;
    let Some(identical) = report.identical else {
        return output::line("The read models were replaced.");
    };
    let heading = ["table", "live rows", "rebuilt rows", "content"].map(str::to_owned).to_vec();
    let rows = report.tables.iter().map(|table| {
        let content = if table.identical { "identical" } else { "DIFFERENT" };
        vec![table.table.to_owned(), count(table.live_rows), count(table.rebuilt_rows), content.to_owned()]
    });
    output::print(table(&std::iter::once(heading).chain(rows).collect::<Vec<_>>()))?;
    let verdict = if identical { style.green("identical") } else { style.red("DIFFERENT") };
    output::line(format_args!("Read models rebuilt from the log: {verdict}"))
}
