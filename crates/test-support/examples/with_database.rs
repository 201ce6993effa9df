//! Runs a command with `DATABASE_URL` set to a fresh, migrated database that goes away with it.
//!
//! `cargo run -q -p test-support --example with_database -- psql $DATABASE_URL` would be expanded by your shell, so:
//! `cargo run -q -p test-support --example with_database -- sh -c 'psql "$DATABASE_URL"'`

use anyhow::{Context, Result};
use std::process::{Command, ExitCode};
use test_support::TestPostgres;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let program = arguments.next().context("say which command to run: with_database -- <command> [arguments]")?;
    let postgres = TestPostgres::start().await?;
    let database = postgres.fresh_database().await?;
    let mut command = Command::new(&program);
    command.args(arguments).env("DATABASE_URL", database.url());
    let status = command.status().with_context(|| format!("cannot run {}", program.display()))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
