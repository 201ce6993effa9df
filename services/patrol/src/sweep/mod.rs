//! `patrol sweep`: many runs that differ in a few settings, and which of them patrols best.
//!
//! There is no service behind it: it publishes `run.start` like any client and follows the log. The id of a trial's run is
//! derived from the name of the sweep, so the same command goes on where an interrupted one ended.

mod board;
mod fields;
mod plan;
mod report;
mod runner;
mod space;

use crate::cli::{SearchName, SweepArgs};
use crate::client::Client;
use crate::failure::Failure;
use crate::fork;
use crate::output;
use crate::runs::{set_all, training_payload, training_seeds};
use anyhow::{Context, Result, ensure};
use contracts::RunId;
use contracts::commands::StartRun;
use plan::{Rung, Trial};
use runner::{Ended, Runner};
use serde_json::{Value, json};
use space::Parameter;
use std::process::ExitCode;

/// More runs than anybody means to train.
const MOST_RUNS: usize = 10_000;
/// Points of a random search unless given, and of which random sequence.
const POINTS: u32 = 9;
const SEARCH_SEED: u64 = 1;
/// Halving: one of so many goes on unless given.
const ETA: u32 = 3;
/// As shells have it for SIGINT.
const INTERRUPTED: u8 = 130;

/// Everything that is decided before the first run.
pub struct Sweep {
    pub name: String,
    pub search: SearchName,
    /// The start command of every trial before its own settings.
    pub base: Value,
    pub parent: Option<RunId>,
    pub trials: Vec<Trial>,
    pub rungs: Vec<Rung>,
    /// Steps of all runs together.
    pub planned: u64,
    /// Training seeds of every trial.
    pub seeds: Vec<u64>,
    pub parallel: usize,
}

pub async fn run(args: SweepArgs) -> Result<ExitCode, Failure> {
    check_search(&args)?;
    let client = Client::connect().await?;
    let sweep = prepare(&client, &args).await?;
    let mut runner = Runner::new(&client, &sweep, !args.json)?;
    match runner.run().await? {
        Ended::Done(report) => {
            if args.json {
                output::line(serde_json::to_string(&report)?)?;
            } else {
                output::print(report.to_text())?;
            }
            Ok(if report.best().is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Ended::Interrupted { running } => {
            eprintln!(
                "Interrupted. {running} run(s) go on by themselves (`patrol run list`, `patrol run stop`); the same command \
                 continues the sweep."
            );
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
}

/// # Errors
/// For an option that the search would ignore.
fn check_search(args: &SweepArgs) -> Result<()> {
    let (random, halving) = (args.search != SearchName::Grid, args.search == SearchName::Halving);
    let given = [
        ("--trials", args.trials.is_some(), random, "random` or `--search halving"),
        ("--search-seed", args.search_seed.is_some(), random, "random` or `--search halving"),
        ("--eta", args.eta.is_some(), halving, "halving"),
        ("--rungs", args.rungs.is_some(), halving, "halving"),
    ];
    for (option, given, has_effect, searches) in given {
        ensure!(has_effect || !given, "{option} is for `--search {searches}`");
    }
    Ok(())
}

async fn prepare(client: &Client, args: &SweepArgs) -> Result<Sweep> {
    ensure!(!args.name.trim().is_empty(), "a sweep needs a name");
    let parameters = args.param.iter().map(|text| text.parse()).collect::<Result<Vec<Parameter>>>()?;
    fields::check_parameters(&parameters)?;
    fields::check_settings(&args.set)?;
    let (mut base, parent) = base(client, args).await?;
    set_all(&mut base, &args.set)?;
    let steps = base["total_timesteps"].as_u64().context("give the steps of a run with `--steps`")?;
    let points = match args.search {
        SearchName::Grid => space::grid(&parameters)?,
        SearchName::Random | SearchName::Halving => {
            let (points, seed) = (args.trials.unwrap_or(POINTS), args.search_seed.unwrap_or(SEARCH_SEED));
            space::random(&parameters, points as usize, seed)
        }
    };
    let trials = points.into_iter().enumerate().map(|(index, settings)| Trial { number: index + 1, settings });
    let trials: Vec<Trial> = trials.collect();
    let rungs = match args.search {
        SearchName::Halving => plan::halving(trials.len(), steps, args.eta.unwrap_or(ETA), args.rungs)?,
        SearchName::Grid | SearchName::Random => plan::at_once(trials.len(), steps),
    };
    let runs = trials.len() * args.seeds as usize;
    ensure!(runs <= MOST_RUNS, "{} trials of {} seeds are more than {MOST_RUNS} runs", trials.len(), args.seeds);
    let planned = plan::total_steps(&rungs, args.seeds).context("these are more steps than can be counted")?;
    let seeds = training_seeds(base["config"]["seed"].as_u64().unwrap_or(1), args.seeds)?;
    let (name, search, parallel) = (args.name.clone(), args.search, args.parallel as usize);
    Ok(Sweep { name, search, base, parent, trials, rungs, planned, seeds, parallel })
}

/// The settings that all trials share: those of a run, or those of the command line.
async fn base(client: &Client, args: &SweepArgs) -> Result<(Value, Option<RunId>)> {
    let Some(name) = &args.base else {
        return Ok((Value::Object(training_payload(&args.training)), None));
    };
    let run = client.run(name).await?;
    let mut start = StartRun::from(&fork::requested(client, run).await?.config);
    start.total_timesteps = args.training.steps.unwrap_or(start.total_timesteps);
    let mut base = serde_json::to_value(start)?;
    if let Some(seed) = args.training.seed {
        base["config"]["seed"] = json!(seed);
    }
    Ok((base, Some(run)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn args(more: &[&str]) -> Option<SweepArgs> {
        let common = ["patrol", "sweep", "x", "--param", "learning_rate=0.001,0.002"];
        match Cli::try_parse_from(common.iter().chain(more)).ok()?.command {
            Command::Sweep(args) => Some(args),
            _ => None,
        }
    }

    #[test]
    fn an_option_that_the_search_would_ignore_is_refused() {
        let refused = |more: &[&str]| check_search(&args(more).expect("options")).is_err();
        for option in ["--trials", "--eta", "--rungs", "--search-seed"] {
            assert!(refused(&[option, "4"]), "{option}");
            assert!(!refused(&["--search", "halving", option, "4"]), "{option}");
        }
        assert!(refused(&["--search", "random", "--eta", "4"]) && !refused(&["--search", "random", "--trials", "4"]));
    }

    #[test]
    fn numbers_are_bounded() {
        for (option, number) in
            [("--trials", "0"), ("--trials", "10001"), ("--seeds", "0"), ("--seeds", "4294967295"), ("--parallel", "0")]
        {
            assert!(args(&["--search", "random", option, number]).is_none(), "{option} {number}");
        }
        assert!(args(&["--search", "random", "--trials", "10000", "--seeds", "1000"]).is_some());
    }
}
