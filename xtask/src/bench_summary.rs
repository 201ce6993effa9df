//! `target/bench/summary.json`: one object, name → `{value, unit, limit?, ratio?}`, from every measurement of a `make bench`.

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Made by `make bench` before it begins: older results of criterion are left out.
const BEGAN: &str = "began";

/// Collects criterion's estimates and the other JSON files of `target/bench`, which have the summary's own form.
pub fn run(root: &Path) -> Result<()> {
    let directory = root.join("target/bench");
    let began = fs::metadata(directory.join(BEGAN)).and_then(|file| file.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut summary = machine()?;
    for file in benchmarks(&root.join("target/criterion")) {
        if fs::metadata(&file)?.modified()? >= began {
            let (name, measurement) = criterion(&file).with_context(|| format!("read {}", file.display()))?;
            summary.insert(name, measurement);
        }
    }
    for file in reports(&directory) {
        let report: Value =
            serde_json::from_slice(&fs::read(&file)?).with_context(|| format!("read {}", file.display()))?;
        let measurements = report.as_object().cloned().unwrap_or_default();
        summary.extend(measurements.into_iter().filter(|(_, value)| value.get("value").is_some()));
    }
    summary.values_mut().for_each(add_ratio);
    let path = directory.join("summary.json");
    fs::create_dir_all(&directory)?;
    fs::write(&path, serde_json::to_string_pretty(&summary)? + "\n")?;
    print_table(&summary);
    println!("\nwritten to {}", path.display());
    Ok(())
}

/// What the numbers were measured on, and beside what.
fn machine() -> Result<Map<String, Value>> {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f64 = load.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(f64::NAN);
    let cores = std::thread::available_parallelism()?.get();
    let entries = [
        ("machine/cores", json!({"value": cores, "unit": "cores"})),
        ("machine/load_1m", json!({"value": load, "unit": "processes"})),
    ];
    Ok(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// The mean, as elements (or bytes) per second when the benchmark says how many there are, else in seconds.
fn criterion(benchmark: &Path) -> Result<(String, Value)> {
    let description: Value = serde_json::from_slice(&fs::read(benchmark)?)?;
    let estimates: Value = serde_json::from_slice(&fs::read(benchmark.with_file_name("estimates.json"))?)?;
    let seconds = estimates["mean"]["point_estimate"].as_f64().context("no mean")? / 1e9;
    let name = description["full_id"].as_str().context("no name")?.to_owned();
    let throughput = |kind: &str| description["throughput"][kind].as_f64();
    let measurement = match (throughput("Elements"), throughput("Bytes")) {
        (Some(elements), _) => json!({"value": elements / seconds, "unit": "elements/s"}),
        (_, Some(bytes)) => json!({"value": bytes / seconds, "unit": "bytes/s"}),
        _ => json!({"value": seconds, "unit": "s"}),
    };
    Ok((name, measurement))
}

fn benchmarks(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in entries(directory).into_iter().filter(|path| path.is_dir()) {
        let description = path.join("benchmark.json");
        if path.ends_with("new") && description.is_file() {
            found.push(description);
        } else {
            found.extend(benchmarks(&path));
        }
    }
    found
}

fn reports(directory: &Path) -> Vec<PathBuf> {
    let is_report =
        |path: &PathBuf| path.extension().is_some_and(|end| end == "json") && !path.ends_with("summary.json");
    entries(directory).into_iter().filter(is_report).collect()
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn add_ratio(measurement: &mut Value) {
    if let (Some(value), Some(limit)) =
        (measurement["value"].as_f64(), measurement.get("limit").and_then(Value::as_f64))
    {
        measurement["ratio"] = json!(value / limit);
    }
}

fn print_table(summary: &Map<String, Value>) {
    let width = summary.keys().map(String::len).max().unwrap_or_default();
    for (name, measurement) in summary {
        let (value, unit) =
            (measurement["value"].as_f64().unwrap_or(f64::NAN), measurement["unit"].as_str().unwrap_or_default());
        let ratio = measurement.get("ratio").and_then(Value::as_f64);
        let ratio = ratio.map(|ratio| format!("  {:.0} % of the limit", ratio * 100.0)).unwrap_or_default();
        let digits = if value.abs() >= 100.0 { 0 } else { 4 };
        println!("{name:width$}  {value:>16.digits$} {unit}{ratio}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, content: &Value) {
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, content.to_string()).expect("a file");
    }

    #[test]
    fn estimates_and_reports_come_together_with_ratios() {
        let root = tempfile::tempdir().expect("a directory");
        let bench = root.path().join("target/criterion/group/steps/new");
        write(&bench.join("benchmark.json"), &json!({"full_id": "group/steps", "throughput": {"Elements": 2000}}));
        write(&bench.join("estimates.json"), &json!({"mean": {"point_estimate": 1e6}}));
        write(
            &root.path().join("target/bench/pipeline.json"),
            &json!({"training": {"value": 50.0, "unit": "steps/s", "limit": 200.0}, "note": "no measurement"}),
        );
        run(root.path()).expect("a summary");
        let text = fs::read(root.path().join("target/bench/summary.json")).expect("written");
        let summary: Value = serde_json::from_slice(&text).expect("JSON");
        assert_eq!(summary["group/steps"], json!({"value": 2e6, "unit": "elements/s"}));
        assert_eq!(summary["training"]["ratio"], json!(0.25));
        assert!(summary.get("note").is_none() && summary["machine/cores"]["value"].as_u64() > Some(0));
    }
}
