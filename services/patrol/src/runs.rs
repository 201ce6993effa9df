//! `patrol run …`: commands on runs.

use crate::cli::{
    AlgorithmName, ListArgs, MapName, RunArgs, RunCommand, StartArgs, StopArgs, TrainingArgs, WorldsName,
};
use crate::client::Client;
use crate::failure::Failure;
use crate::fork;
use crate::output;
use crate::status::Runs;
use crate::terminal::{count, table};
use anyhow::{Context, Result};
use contracts::commands::{DeleteRun, PauseRun, ResumeRun, StopRun};
use contracts::{Command, RecordedEvent};
use serde_json::{Map, Value, json};
use std::io::Read;
use std::process::ExitCode;

pub async fn run(command: RunCommand) -> Result<ExitCode, Failure> {
    let client = Client::connect().await?;
    match command {
        RunCommand::Start(args) => {
            let recorded = client.command("run", "start", serde_json::to_vec(&payload(&args)?)?).await?;
            report(&recorded, args.json)
        }
        RunCommand::Fork(args) => {
            let payload = fork::payload(&client, &args).await?;
            let recorded = client.command("run", "start", serde_json::to_vec(&payload)?).await?;
            report(&recorded, args.run.json)
        }
        RunCommand::Pause(args) => act(&client, args, |run_id| Command::PauseRun(PauseRun { run_id })).await,
        RunCommand::Resume(args) => act(&client, args, |run_id| Command::ResumeRun(ResumeRun { run_id })).await,
        RunCommand::Delete(args) => act(&client, args, |run_id| Command::DeleteRun(DeleteRun { run_id })).await,
        RunCommand::Stop(StopArgs { run, force }) => {
            act(&client, run, |run_id| Command::StopRun(StopRun { run_id, force })).await
        }
        RunCommand::List(args) => list(client, &args).await,
    }
}

/// What `demo` and `run start` send for the world and the amount of training.
pub fn training_payload(args: &TrainingArgs) -> Map<String, Value> {
    let map_type = match args.map {
        MapName::Random => "random",
        MapName::Maze => "maze",
        MapName::Room => "room",
        MapName::Cave => "cave",
    };
    let algorithm = match args.algorithm {
        AlgorithmName::Ppo => "ppo",
        AlgorithmName::A3c => "a3c",
    };
    let mut payload = Map::new();
    payload.insert("algorithm".into(), json!(algorithm));
    payload.insert("env_width".into(), json!(args.size.width));
    payload.insert("env_height".into(), json!(args.size.height));
    payload.insert("num_robots".into(), json!(args.robots));
    payload.insert("config".into(), json!({ "map_config": { "map_type": map_type } }));
    if args.worlds == WorldsName::Universal {
        payload["config"]["worlds"] = json!("universal");
    }
    if let Some(steps) = args.steps {
        payload.insert("total_timesteps".into(), json!(steps));
    }
    if let Some(seed) = args.seed {
        payload["config"]["seed"] = json!(seed);
    }
    payload
}

fn payload(args: &StartArgs) -> Result<Value> {
    let mut payload = match &args.file {
        Some(file) => read_payload(file)?,
        None => Value::Object(training_payload(&args.training)),
    };
    if let Some(name) = &args.name {
        payload["name"] = json!(name);
    }
    set_all(&mut payload, &args.set)?;
    Ok(payload)
}

fn read_payload(file: &std::path::Path) -> Result<Value> {
    let text = if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        text
    } else {
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?
    };
    let value: Value = serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))?;
    anyhow::ensure!(value.is_object(), "{} is not a JSON object", file.display());
    Ok(value)
}

/// So many training seeds from `first` on.
///
/// # Errors
/// When there are not so many numbers.
pub fn training_seeds(first: u64, count: u32) -> Result<Vec<u64>> {
    let seeds: Option<Vec<u64>> = (0..u64::from(count)).map(|index| first.checked_add(index)).collect();
    seeds.with_context(|| format!("there are no {count} seeds from {first} on: begin with a smaller `--seed`"))
}

/// Applies settings one after the other, each as [`set`] does.
pub fn set_all(payload: &mut Value, settings: &[String]) -> Result<()> {
    settings.iter().try_for_each(|setting| set(payload, setting))
}

/// Applies `field.field=json`; what is not JSON is taken as a string.
pub fn set(payload: &mut Value, setting: &str) -> Result<()> {
    let (path, text) = setting.split_once('=').with_context(|| format!("`--set {setting}` lacks `=`"))?;
    let value = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
    let mut place = payload;
    for field in path.split('.') {
        if place.is_null() {
            *place = json!({});
        }
        let object = place.as_object_mut().with_context(|| format!("`{path}` goes through what is not an object"))?;
        place = object.entry(field).or_insert(Value::Null);
    }
    *place = value;
    Ok(())
}

async fn act(
    client: &Client,
    args: RunArgs,
    command: impl Fn(contracts::RunId) -> Command,
) -> Result<ExitCode, Failure> {
    let run = client.run(&args.run).await?;
    let recorded = client.send(&command(run)).await?;
    report(&recorded, args.json)
}

fn report(recorded: &RecordedEvent, json: bool) -> Result<ExitCode, Failure> {
    let run = recorded.envelope.subject.clone().unwrap_or_default();
    if json {
        let event: Value = serde_json::from_slice(&recorded.payload)?;
        let (sequence, kind) = (recorded.sequence, &recorded.envelope.kind);
        output::line(json!({ "run_id": run, "sequence": sequence, "type": kind, "event": event }))?;
    } else {
        output::line(format_args!("{}  run {run}  (event {})", recorded.envelope.kind, recorded.sequence))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(mut client: Client, args: &ListArgs) -> Result<ExitCode, Failure> {
    let most = if args.all { usize::MAX } else { args.limit as usize };
    let Runs { newest, more } = crate::status::runs(&mut client.variables, most).await?;
    let more = (more > 0).then(|| format!("… and {} more: `--all` lists them", count(more)));
    if args.json {
        output::line(serde_json::to_string(&newest)?)?;
        more.iter().for_each(|line| eprintln!("{line}"));
        return Ok(ExitCode::SUCCESS);
    }
    let heading = ["run", "status", "steps", "of", "best threat", "name"].map(str::to_owned).to_vec();
    let rows = newest.iter().map(|run| {
        vec![
            run.id.to_string(),
            run.status.clone(),
            count(run.timestep),
            count(run.total_timesteps),
            run.best_checkpoint_mean_threat.map_or_else(|| "–".to_owned(), |threat| format!("{threat:.3}")),
            run.name.clone(),
        ]
    });
    output::print(table(&std::iter::once(heading).chain(rows).collect::<Vec<_>>()))?;
    more.iter().try_for_each(output::line)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_field_can_be_set() {
        let mut payload = json!({ "config": { "seed": 1 } });
        set(&mut payload, "config.gamma=0.97").unwrap();
        set(&mut payload, "config.map_config.map_type=maze").unwrap();
        set(&mut payload, "batch_size=4096").unwrap();
        assert_eq!(
            payload,
            json!({ "config": { "seed": 1, "gamma": 0.97, "map_config": { "map_type": "maze" } }, "batch_size": 4096 })
        );
        assert!(set(&mut payload, "batch_size.x=1").is_err() && set(&mut payload, "x").is_err());
    }

    #[test]
    fn seeds_follow_each_other_as_long_as_there_are_numbers() {
        assert_eq!(training_seeds(7, 2).unwrap(), [7, 8]);
        assert_eq!(training_seeds(u64::MAX, 1).unwrap(), [u64::MAX]);
        assert!(training_seeds(u64::MAX, 2).is_err());
    }
}
