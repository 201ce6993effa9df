//! The one executable: every service, the local supervisor and the command line.

// A panic of `println!` is no way to end when a pipe is closed: `output` writes results.
#![warn(clippy::print_stdout)]

mod addresses;
mod bench;
mod cli;
mod client;
mod dashboard;
mod demo;
mod evaluations;
mod events;
mod failure;
mod fork;
mod instance;
mod output;
mod replay;
mod runs;
mod services;
mod status;
mod sweep;
mod system;
mod terminal;
mod up;
mod verify;

use clap::Parser;
use cli::{Cli, Command};
use failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::from(anyhow::Error::from(error)).report(),
    };
    match runtime.block_on(dispatch(cli)) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

async fn dispatch(cli: Cli) -> Result<ExitCode, Failure> {
    match cli.command {
        Command::Up => up::run().await,
        Command::Demo(args) => demo::run(args).await,
        Command::Status(args) => status::run(args).await,
        Command::Run(command) => runs::run(command).await,
        Command::Sweep(args) => sweep::run(args).await,
        Command::Evaluation(command) => evaluations::run(command).await,
        Command::Events(args) => events::run(args).await,
        Command::Replay(command) => replay::run(command).await,
        Command::Verify(command) => verify::run(command).await,
        Command::Bench(command) => bench::run(command).await,
        Command::Service(service) => services::run_alone(service).await,
    }
}
