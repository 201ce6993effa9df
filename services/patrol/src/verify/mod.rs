//! `patrol verify`: is what was recorded still there, and does it come out the same again?
//!
//! Uses the log and the object store alone. Exit codes: 0 everything that was compared is identical, 1 something differs,
//! 2 it could not be verified.

mod blobs;
mod episodes;
mod evaluation;
mod material;
mod model;
mod report;
mod retrain;
mod surroundings;

use crate::cli::{VerifyCommand, VerifyRunArgs};
use crate::client::Client;
use crate::failure::Failure;
use crate::output;
use crate::terminal::{Style, bar, count};
use material::Material;
use report::{Check, Report, Verdict};
use serde_json::json;
use std::process::ExitCode;
use trajectories::ObjectStore;

/// Something could not be verified.
const UNVERIFIABLE: u8 = 2;

pub async fn run(command: VerifyCommand) -> Result<ExitCode, Failure> {
    let json = match &command {
        VerifyCommand::Run(args) => args.run.json,
        VerifyCommand::Model(args) => args.json,
    };
    let verified = match command {
        VerifyCommand::Run(args) => verify_run(&args).await,
        VerifyCommand::Model(args) => model::verify(&args).await,
    };
    match verified.and_then(|report| show(&report, json).map(|()| report.verdict)) {
        Ok(Verdict::Identical) => Ok(ExitCode::SUCCESS),
        Ok(Verdict::Different) => Ok(ExitCode::FAILURE),
        Ok(Verdict::Unverifiable) => Ok(ExitCode::from(UNVERIFIABLE)),
        Err(failure) => {
            failure.report();
            Ok(ExitCode::from(UNVERIFIABLE))
        }
    }
}

fn show(report: &Report, json: bool) -> Result<(), Failure> {
    if json { output::line(serde_json::to_string(report)?) } else { print(report) }
}

async fn verify_run(args: &VerifyRunArgs) -> Result<Report, Failure> {
    let client = Client::connect().await?;
    let run = client.run(&args.run.run).await?;
    let mut variables = client.variables.clone();
    let config = trainer::Config::read(&mut variables);
    variables.finish()?;
    let store = ObjectStore::open(&config.store_url)?;
    let material = Material::load(&client.log, run).await?;
    let notes = surroundings::notes(&material).await?;
    let steps = material.checkpoints.len() + material.files.len() + 1;
    let bar = bar("Verifying {bar:30} {pos}/{len}, {per_sec}, {eta} left", steps as u64)?;
    let done = || bar.inc(1);
    let mut checks = vec![
        blobs::checkpoints(&store, &material, done).await?,
        blobs::files(&store, &material, done).await?,
        evaluation::last(&store, &material).await?,
    ];
    done();
    checks.push(episodes::sampled(&store, &material, args.episodes as usize, || ()).await?);
    bar.finish_and_clear();
    if args.retrain {
        checks.push(retrain::run(config, &material).await?);
    }
    Ok(Report::new(json!({ "run_id": run }), checks, notes))
}

fn print(report: &Report) -> Result<(), Failure> {
    let style = Style::of(&std::io::stdout());
    for Check { check, compared, different, skipped, details } in &report.checks {
        let verdict = match (*compared, *different) {
            (0, _) => "nothing compared".to_owned(),
            (compared, 0) => format!("{} identical", count(compared)),
            (compared, different) => format!("{} of {} DIFFERENT", count(different), count(compared)),
        };
        let skipped = if *skipped > 0 { format!(", {} skipped", count(*skipped)) } else { String::new() };
        output::line(format_args!("{check:<18} {verdict}{skipped}"))?;
        details.iter().try_for_each(|line| output::line(format_args!("    {line}")))?;
    }
    report.notes.iter().try_for_each(|note| output::line(format_args!("note: {note}")))?;
    output::line(match report.verdict {
        Verdict::Identical => style.green("identical"),
        Verdict::Different => style.red("DIFFERENT"),
        Verdict::Unverifiable => style.red("could not be verified"),
    })
}
