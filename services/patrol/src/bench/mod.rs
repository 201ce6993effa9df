//! `patrol bench`: measurements of the whole, beside those that each crate keeps of its own hot loops.

mod learning;
mod pipeline;
mod processor;

use crate::cli::BenchCommand;
use crate::failure::Failure;
use crate::output;
use serde_json::{Map, Value, json};
use std::process::ExitCode;

/// Measurements by name, in the form of `target/bench/summary.json`: `{value, unit, limit?, ratio?}`.
#[derive(Default)]
struct Measurements(Map<String, Value>);

impl Measurements {
    fn add(&mut self, name: &str, value: f64, unit: &str) {
        eprintln!("{name:<48} {value:>14.4} {unit}");
        self.0.insert(name.to_owned(), json!({ "value": value, "unit": unit }));
    }

    /// A measurement beside what limits it, from the same run.
    fn add_limited(&mut self, name: &str, value: f64, unit: &str, limit: f64) {
        let ratio = value / limit;
        eprintln!("{name:<48} {value:>14.4} {unit}  ({:.0} % of {limit:.4})", 100.0 * ratio);
        self.0.insert(name.to_owned(), json!({ "value": value, "unit": unit, "limit": limit, "ratio": ratio }));
    }
}

pub async fn run(command: BenchCommand) -> Result<ExitCode, Failure> {
    let (measurements, json) = match command {
        BenchCommand::Pipeline(args) => (pipeline::measure(&args).await?, args.json),
        BenchCommand::Learning(args) => {
            let json = args.json;
            let measured = tokio::task::spawn_blocking(move || learning::measure(&args));
            (measured.await??, json)
        }
    };
    if json {
        output::line(serde_json::to_string_pretty(&Value::Object(measurements.0))?)?;
    }
    Ok(ExitCode::SUCCESS)
}
