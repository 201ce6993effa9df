//! `patrol sweep`: many runs that differ in a few settings, and which of them patrols best.
//!
//! There is no service behind it: it publishes `run.start` like any client and follows the log. The id of a trial's run is
//! derived from the name of the sweep, so the same command goes on where an interrupted one ended.

mod board;
mod plan;
mod report;
mod runner;
mod space;

use crate::cli::{SearchName, SweepArgs};
use crate::client::Client;
use crate::failure::Failure;
use crate::fork;
use crate::runs::{set_all, training_payload};
use anyhow::{Context, Result, ensure};
use contracts::RunId;
use contracts::commands::StartRun;
use plan::{Rung, Trial};
use runner::{Ended, Runner};
use serde_json::{Value, json};
use space::Parameter;
use std::process::ExitCode;

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
    /// Training seeds of every trial.
    pub seeds: Vec<u64>,
    pub parallel: usize,
}

pub async fn run(args: SweepArgs) -> Result<ExitCode, Failure> {
    let client = Client::connect().await?;
    let sweep = prepare(&client, &args).await?;
    let mut runner = Runner::new(&client, &sweep, !args.json)?;
    match runner.run().await? {
        Ended::Done(report) => {
            if args.json {
                println!("{}", serde_json::to_string(&report)?);
            } else {
                print!("{}", report.to_text());
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

async fn prepare(client: &Client, args: &SweepArgs) -> Result<Sweep> {
    ensure!(!args.name.trim().is_empty(), "a sweep needs a name");
    ensure!(args.seeds >= 1 && args.parallel >= 1, "--seeds and --parallel are at least 1");
    let (mut base, parent) = base(client, args).await?;
    set_all(&mut base, &args.set)?;
    let steps = base["total_timesteps"].as_u64().context("give the steps of a run with `--steps`")?;
    let parameters = args.param.iter().map(|text| text.parse()).collect::<Result<Vec<Parameter>>>()?;
    let points = match args.search {
        SearchName::Grid => space::grid(&parameters)?,
        SearchName::Random | SearchName::Halving => space::random(&parameters, args.trials as usize, args.search_seed),
    };
    let trials = points.into_iter().enumerate().map(|(index, settings)| Trial { number: index + 1, settings });
    let trials: Vec<Trial> = trials.collect();
    let rungs = match args.search {
        SearchName::Halving => plan::halving(trials.len(), steps, args.eta, args.rungs)?,
        SearchName::Grid | SearchName::Random => plan::at_once(trials.len(), steps),
    };
    let first_seed = base["config"]["seed"].as_u64().unwrap_or(1);
    let seeds = (0..u64::from(args.seeds)).map(|repetition| first_seed + repetition).collect();
    let (name, search, parallel) = (args.name.clone(), args.search, args.parallel as usize);
    Ok(Sweep { name, search, base, parent, trials, rungs, seeds, parallel })
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
