//! `patrol sweep`.

use super::TrainingArgs;
use clap::{Args, ValueEnum};
use serde::Serialize;

pub const SWEEP_EXAMPLES: &str = "\
Examples:
  patrol sweep rates --steps 2000000 --param learning_rate=0.0003,0.001,0.003
  patrol sweep shape --steps 2000000 --seeds 3 --param batch_size=256,512 --param config.epochs=2,4
  patrol sweep wide --search random --trials 20 --base 12 --param learning_rate=log:1e-4..1e-2 --param config.gamma=0.95..0.999
  patrol sweep race --search halving --trials 27 --eta 3 --steps 9000000 --param learning_rate=log:1e-4..1e-2

A parameter is a field of the start command with values (`a,b,c`), a range (`low..high`) or a range whose logarithm is uniform
(`log:low..high`). Ctrl-C leaves the runs that have begun to themselves; the same command goes on with the sweep.";

#[derive(Debug, Args)]
pub struct SweepArgs {
    /// Name of the sweep: the same name goes on with the same runs.
    pub name: String,
    /// A setting to try and its values, e.g. `learning_rate=0.001,0.0003` or `config.gamma=0.95..0.999`.
    #[arg(long, value_name = "FIELD=VALUES", required = true)]
    pub param: Vec<String>,
    /// Every combination, random points, or random points of which the best train longer and longer.
    #[arg(long, value_enum, default_value_t = SearchName::Grid)]
    pub search: SearchName,
    /// Random search and halving: number of points, 9 unless given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub trials: Option<u32>,
    /// Random search and halving: which random points, 1 unless given.
    #[arg(long, value_name = "N")]
    pub search_seed: Option<u64>,
    /// Training seeds of every point: so many runs each, ranked together.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub seeds: u32,
    /// Halving: one of so many goes on to the next rung, and trains so many times as long; 3 unless given.
    #[arg(long, value_name = "N")]
    pub eta: Option<u32>,
    /// Halving: number of rungs; as many as leave one trial unless given.
    #[arg(long, value_name = "N")]
    pub rungs: Option<u32>,
    /// Runs that are asked for at a time.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub parallel: u32,
    /// Take all other settings from this run (UUID or number), which becomes the parent.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["robots", "size", "map", "worlds", "algorithm"])]
    pub base: Option<String>,
    #[command(flatten)]
    pub training: TrainingArgs,
    /// Set any other field of the command for all runs.
    #[arg(long = "set", value_name = "FIELD=JSON")]
    pub set: Vec<String>,
    /// Print one object at the end.
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum SearchName {
    Grid,
    Random,
    /// Successive halving.
    Halving,
}
