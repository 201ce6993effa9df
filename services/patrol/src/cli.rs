//! The command line: what can be asked of the executable.

mod sweep;
mod training;
mod verify;

pub use sweep::{SearchName, SweepArgs};
pub use training::{AlgorithmName, MapName, TrainingArgs, WorldsName};
pub use verify::{VerifyCommand, VerifyModelArgs, VerifyRunArgs};

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use sweep::SWEEP_EXAMPLES;

/// Train, evaluate, replay and serve policies for security-patrol robots.
///
/// Settings are environment variables, listed with their defaults in `.env.example`. `up` and `demo` need none; a service
/// that runs alone needs the addresses of its servers.
#[derive(Debug, Parser)]
#[command(name = "patrol", version, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Keep the whole system running in the foreground.
    Up,
    /// Train a policy through the whole pipeline and compare it with the scripted agents.
    Demo(DemoArgs),
    /// Show what is healthy, stream sizes, lag and runs.
    Status(StatusArgs),
    /// Start, pause, resume, stop, delete and list runs.
    #[command(subcommand)]
    Run(RunCommand),
    /// Train many runs that differ in a few settings and rank them by mean threat.
    #[command(after_help = SWEEP_EXAMPLES)]
    Sweep(SweepArgs),
    /// Evaluate checkpoints.
    #[command(subcommand)]
    Evaluation(EvaluationCommand),
    /// Print events of the log, from the beginning or as they come.
    Events(EventsArgs),
    /// Rerun analyses from the event history.
    #[command(subcommand)]
    Replay(ReplayCommand),
    /// Compare what was recorded with what is there and what comes out again.
    #[command(subcommand)]
    Verify(VerifyCommand),
    /// Measure the whole; `make bench` also measures the parts.
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Run one service against the servers of NATS_URL and DATABASE_URL.
    #[command(flatten)]
    Service(ServiceCommand),
}

#[derive(Debug, Subcommand)]
pub enum ServiceCommand {
    /// Run one service: validate commands and trajectories, write the archive.
    Ingest,
    /// Run one service: train runs, or play for one that is trained elsewhere.
    Trainer(TrainerArgs),
    /// Run one service: evaluate checkpoints.
    Evaluator,
    /// Run one service: write the read models.
    Projector(ProjectorArgs),
    /// Run one service: HTTP and WebSocket.
    Gateway,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  patrol trainer\n  patrol trainer --role actor --run 0192f0c4-7b1e-7c3a-9d52-4f8e6a1b2c3d"
)]
pub struct TrainerArgs {
    /// A learner takes runs and trains them; an actor plays for one of them, which must have `actors` set to `nats`.
    #[arg(long, value_enum, default_value_t = TrainerRole::Learner)]
    pub role: TrainerRole,
    /// The run to play for, its UUID.
    #[arg(long, required_if_eq("role", "actor"))]
    pub run: Option<contracts::RunId>,
    /// Lanes that an actor plays at a time; two per processor unless given.
    #[arg(long, value_name = "N")]
    pub lanes: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TrainerRole {
    Learner,
    Actor,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  patrol demo\n  patrol demo --robots 4 --json\n  patrol demo --size 8 --steps 500000 --seed 7"
)]
pub struct DemoArgs {
    #[command(flatten)]
    pub training: TrainingArgs,
    /// Print one summary object on standard output at the end.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  patrol status\n  patrol status --json | jq .projection_lag")]
pub struct StatusArgs {
    /// Print one object.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum RunCommand {
    /// Start a run and wait until it is accepted or rejected.
    #[command(
        after_help = "Examples:\n  patrol run start --steps 2000000\n  patrol run start --file run.json\n  patrol run start --robots 4 --set batch_size=4096 --set config.gamma=0.97\n  patrol run start --robots 8 --map maze --set init_from=universal"
    )]
    Start(StartArgs),
    /// Start a new run from a checkpoint of another one, with the same settings except those that are changed.
    #[command(
        after_help = "Examples:\n  patrol run fork 12 --steps 5000000\n  patrol run fork 12 --best --set learning_rate=0.0003\n  patrol run fork 12 --checkpoint 5b0e7f1a-3c4d-5e6f-8a9b-0c1d2e3f4a5b --set env_width=30 --set env_height=30\n  patrol run fork 12 --resume --steps 20000000"
    )]
    Fork(ForkArgs),
    /// Pause a run after a checkpoint.
    #[command(after_help = "Example:\n  patrol run pause 12")]
    Pause(RunArgs),
    /// Go on with a paused run.
    #[command(after_help = "Example:\n  patrol run resume 12")]
    Resume(RunArgs),
    /// End a run early.
    #[command(after_help = "Examples:\n  patrol run stop 12\n  patrol run stop 12 --force")]
    Stop(StopArgs),
    /// Hide a run; its history remains in the log.
    #[command(after_help = "Example:\n  patrol run delete 12")]
    Delete(RunArgs),
    /// List runs, newest first.
    #[command(
        after_help = "Examples:\n  patrol run list --limit 50\n  patrol run list --all --json | jq '.[] | select(.status == \"failed\").id'"
    )]
    List(ListArgs),
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// How many runs, at most.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// Every run.
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
    /// Print an array of objects. `best_checkpoint_mean_threat` comes from evaluations, `best_mean_threat` from training episodes.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct StartArgs {
    #[command(flatten)]
    pub training: TrainingArgs,
    /// Name for people.
    #[arg(long)]
    pub name: Option<String>,
    /// Read the whole command payload from a JSON file instead (`-` for standard input).
    #[arg(long, value_name = "FILE", conflicts_with_all = ["robots", "size", "map", "worlds", "steps", "seed", "algorithm", "name"])]
    pub file: Option<PathBuf>,
    /// Set any field of the command, e.g. `learning_rate=0.0005` or `config.max_steps=500`.
    #[arg(long = "set", value_name = "FIELD=JSON")]
    pub set: Vec<String>,
    /// Print one object: the run's id, and the event that the command caused.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct ForkArgs {
    #[command(flatten)]
    pub run: RunArgs,
    /// UUID of the checkpoint to start from.
    #[arg(long, value_name = "UUID", conflicts_with_all = ["best", "last"])]
    pub checkpoint: Option<contracts::CheckpointId>,
    /// Start from the checkpoint with the lowest mean threat in its evaluation.
    #[arg(long, conflicts_with = "last")]
    pub best: bool,
    /// Start from the newest checkpoint: the default.
    #[arg(long)]
    pub last: bool,
    /// Go on from the checkpoint's complete state (optimiser, worlds and counters, too) instead of its weights alone; world,
    /// seed and number of environments then stay as they are.
    #[arg(long, conflicts_with = "seed")]
    pub resume: bool,
    /// Environment steps to train for; with `--resume` those of the other run count, too.
    #[arg(long, value_name = "N")]
    pub steps: Option<u64>,
    /// Source of all randomness; a new one unless given.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Name for people.
    #[arg(long)]
    pub name: Option<String>,
    /// Change any field of the command, e.g. `learning_rate=0.0005` or `config.max_steps=500`.
    #[arg(long = "set", value_name = "FIELD=JSON")]
    pub set: Vec<String>,
}

#[derive(Debug, Args)]
pub struct RunArgs {
    /// The run's UUID or its number.
    pub run: String,
    /// Print the result as one object.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct StopArgs {
    #[command(flatten)]
    pub run: RunArgs,
    /// Do not wait for a last checkpoint.
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Subcommand)]
pub enum EvaluationCommand {
    /// Evaluate a checkpoint (the newest unless named) and wait for the result.
    #[command(
        after_help = "Examples:\n  patrol evaluation start 12\n  patrol evaluation start 12 --episodes 100 --json"
    )]
    Start(EvaluateArgs),
}

#[derive(Debug, Args)]
pub struct EvaluateArgs {
    #[command(flatten)]
    pub run: RunArgs,
    /// UUID of the checkpoint.
    #[arg(long)]
    pub checkpoint: Option<String>,
    /// Held-out episodes.
    #[arg(long)]
    pub episodes: Option<u32>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  patrol events --follow\n  patrol events --run 12 --json | jq .type")]
pub struct EventsArgs {
    /// First sequence to print.
    #[arg(long, default_value_t = 1)]
    pub from: u64,
    /// Only events of this run (UUID or number).
    #[arg(long)]
    pub run: Option<String>,
    /// Go on with new events until Ctrl-C.
    #[arg(long, short)]
    pub follow: bool,
    /// One JSON object per line.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum ReplayCommand {
    /// Build the read models again from the log.
    #[command(after_help = "Examples:\n  patrol replay project --check\n  patrol replay project")]
    Project(ReplayProjectArgs),
    /// Train a run again from the log and compare every checkpoint; exit code 1 when one differs.
    #[command(after_help = "Examples:\n  patrol replay training 12\n  patrol replay training 12 --json")]
    Training(ReplayTrainingArgs),
}

#[derive(Debug, Args)]
pub struct ReplayTrainingArgs {
    #[command(flatten)]
    pub run: RunArgs,
}

#[derive(Debug, Args)]
pub struct ReplayProjectArgs {
    /// Build into a scratch schema and compare, table by table; exit code 1 when they differ.
    #[arg(long)]
    pub check: bool,
    /// Print one object: the verdict, and rows and verdict of each table.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Training with and without the pipeline, command to visible, start-up, memory.
    #[command(after_help = "Example:\n  patrol bench pipeline --steps 500000 --json")]
    Pipeline(BenchPipelineArgs),
    /// Mean threat after a given time of training, over several seeds.
    #[command(
        after_help = "Examples:\n  patrol bench learning --seconds 60\n  patrol bench learning --robots 4 --seeds 5 --json\n  patrol bench learning --set config.hidden_size=128"
    )]
    Learning(BenchLearningArgs),
}

#[derive(Debug, Args)]
pub struct BenchPipelineArgs {
    /// Steps of single robots per measured training.
    #[arg(long, default_value_t = 1_500_000)]
    pub steps: u64,
    /// Print one object: name → {value, unit, limit, ratio}.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct BenchLearningArgs {
    #[command(flatten)]
    pub training: TrainingArgs,
    /// Seconds of training per seed; `--steps` overrides it.
    #[arg(long, value_name = "S", default_value_t = 60.0, value_parser = positive_seconds)]
    pub seconds: f64,
    /// Training seeds.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub seeds: u32,
    /// Set any other field of the start command.
    #[arg(long = "set", value_name = "FIELD=JSON")]
    pub set: Vec<String>,
    /// Print one object: name → {value, unit}.
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnPoison {
    Stop,
    Skip,
}

#[derive(Debug, Args)]
pub struct ProjectorArgs {
    /// What to do with an event that cannot be understood; overrides PROJECTOR_ON_POISON.
    #[arg(long, value_enum)]
    pub on_poison: Option<OnPoison>,
}

fn positive_seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0 && seconds.is_finite());
    seconds.ok_or_else(|| "give a number above 0".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn what_would_be_ignored_is_refused() {
        let refused = |arguments: &[&str]| Cli::try_parse_from(["patrol"].iter().chain(arguments)).is_err();
        assert!(refused(&["run", "start", "--file", "g.json", "--worlds", "universal"]));
        for option in ["--seeds=0", "--seconds=NaN", "--seconds=-1", "--seconds=0", "--seconds=inf"] {
            assert!(refused(&["bench", "learning", option]), "{option}");
        }
        assert!(!refused(&["bench", "learning", "--seconds=0.5", "--seeds=1"]));
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
