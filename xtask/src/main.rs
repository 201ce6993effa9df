//! Chores of the workspace: the programs of a fresh machine, the dependency rules, generated files.

mod bench_summary;
mod layers;
mod metrics;
mod schemas;
mod setup;

use anyhow::Result;
use clap::{Parser, Subcommand};
use setup::Wanted;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Chores of the workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Write `schemas/`: commands, events, tables and the AsyncAPI document.
    Schemas {
        /// Only compare; fail when a file is out of date.
        #[arg(long)]
        check: bool,
        /// Also replace the shape of a version that nobody has used yet.
        #[arg(long, conflicts_with = "check")]
        unreleased: bool,
    },
    /// Install what is missing: nats-server under var/tools, Postgres from the distribution.
    Setup {
        /// Also the Python packages that tests use, and the dashboard.
        #[arg(long)]
        tests: bool,
        /// Also the dashboard, built from services/dashboard to var/tools.
        #[arg(long)]
        dashboard: bool,
        /// Also those that draw the plots of docs/learning.md.
        #[arg(long)]
        plots: bool,
    },
    /// Collect the measurements of `make bench` in target/bench/summary.json.
    BenchSummary,
    /// Check who depends on whom, and that each heavy dependency has one owner.
    Layers,
    /// Write docs/metrics.md from the metrics that the services register.
    Metrics {
        /// Only compare; fail when it is out of date.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    match perform(Arguments::parse().chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(chore: Chore) -> Result<()> {
    match chore {
        Chore::Setup { tests, dashboard, plots } => setup::run(&workspace_root(), &Wanted { tests, dashboard, plots }),
        Chore::BenchSummary => bench_summary::run(&workspace_root()),
        Chore::Schemas { check, unreleased } => schemas::run(&workspace_root(), check, unreleased),
        Chore::Layers => layers::run(&workspace_root()),
        Chore::Metrics { check } => metrics::run(&workspace_root(), check),
    }
}

fn workspace_root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_owned()
}
