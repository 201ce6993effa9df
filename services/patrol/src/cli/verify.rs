//! `patrol verify`.

use super::RunArgs;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum VerifyCommand {
    /// Verify a run from the log and the object store alone.
    #[command(
        after_help = "Exit codes: 0 all that was compared is identical, 1 something differs, 2 it could not be verified.\n\nExamples:\n  patrol verify run 12\n  patrol verify run 12 --retrain --json"
    )]
    Run(VerifyRunArgs),
    /// Verify a model that comes with this version against its provenance.
    #[command(after_help = "Examples:\n  patrol verify model\n  patrol verify model models/universal.json --retrain")]
    Model(VerifyModelArgs),
}

#[derive(Debug, Args)]
pub struct VerifyRunArgs {
    #[command(flatten)]
    pub run: RunArgs,
    /// Train it again to its last checkpoint, in this process, and compare every checkpoint.
    #[arg(long)]
    pub retrain: bool,
    /// Archived episodes of each split that are simulated again.
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub episodes: u32,
}

#[derive(Debug, Args)]
pub struct VerifyModelArgs {
    /// The JSON file beside the model.
    #[arg(default_value = "models/universal.json")]
    pub provenance: PathBuf,
    /// Train it again and compare.
    #[arg(long)]
    pub retrain: bool,
    /// Print one object: the verdict, and what each check compared.
    #[arg(long)]
    pub json: bool,
}
