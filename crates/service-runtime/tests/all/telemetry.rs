use anyhow::{Context, Result};
use serde_json::Value;
use service_runtime::{EnvironmentReader, telemetry};
use std::path::Path;
use tracing::level_filters::LevelFilter;

fn lines(directory: &Path, service: &str) -> Result<Vec<Value>> {
    let entries = std::fs::read_dir(directory)?.flatten().map(|entry| entry.path());
    let named = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(service));
    let file = entries.into_iter().find(|path| named(path)).with_context(|| format!("no file of {service}"))?;
    let text = std::fs::read_to_string(file)?;
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

#[test]
fn each_service_has_its_own_file_of_json_lines() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let variables = [("LOG_DIR", directory.path().to_string_lossy().into_owned()), ("LOG_LEVEL", "info".to_owned())];
    let mut options = telemetry::Options::read(&mut EnvironmentReader::from_pairs(variables), &["ingest", "trainer"]);
    options.console = LevelFilter::OFF;
    let (subscriber, telemetry) = telemetry::subscriber(&options)?;
    tracing::subscriber::with_default(subscriber, || {
        tracing::info_span!("ingest").in_scope(|| {
            tracing::info_span!("batch", run.id = 7).in_scope(|| tracing::info!(duration_ms = 12, "archived a batch"));
            tracing::debug!("too fine");
        });
        tracing::info_span!("trainer").in_scope(|| tracing::warn!("slow"));
        tracing::info!("outside");
    });
    drop(telemetry); // flushes

    let ingest = lines(directory.path(), "ingest")?;
    assert_eq!(ingest.len(), 1, "{ingest:?}");
    assert_eq!(ingest[0]["message"], "archived a batch");
    assert_eq!(ingest[0]["duration_ms"], 12);
    assert_eq!(ingest[0]["span"]["run.id"], 7);
    assert_eq!(lines(directory.path(), "trainer")?[0]["level"], "WARN");
    let other = lines(directory.path(), telemetry::OTHER)?;
    assert_eq!(other.iter().map(|line| &line["message"]).collect::<Vec<_>>(), ["outside"]);
    Ok(())
}

#[test]
fn a_filter_that_cannot_be_used_is_a_mistake_of_the_configuration() {
    let mut variables = EnvironmentReader::from_pairs([("LOG_LEVEL", "info,=,loud=very")]);
    telemetry::Options::read(&mut variables, &[]);
    let error = variables.finish().expect_err("not a filter");
    assert!(error.to_string().starts_with("LOG_LEVEL: `info,=,loud=very` cannot be used"), "{error}");
}

#[test]
fn a_word_that_is_no_level_is_a_mistake_and_not_the_name_of_a_module() {
    let mistakes = |level: &str| {
        let mut variables = EnvironmentReader::from_pairs([("LOG_LEVEL", level)]);
        telemetry::Options::read(&mut variables, &[]);
        variables.finish().err().map(|error| error.to_string())
    };
    for wrong in ["loud", "info,loud", "info,foo=bar=baz"] {
        let told = mistakes(wrong).expect(wrong);
        assert!(told.starts_with("LOG_LEVEL: ") && told.lines().count() == 1, "{told}");
    }
    for right in ["info", "WARN", "off", "info,event_log=debug", "warn,trainer[update{run=1}]=trace"] {
        assert_eq!(mistakes(right), None, "{right}");
    }
}

#[test]
fn there_are_two_environments() {
    let read = |name: &str| {
        let mut variables = EnvironmentReader::from_pairs([("ENVIRONMENT", name)]);
        let json = telemetry::Options::read(&mut variables, &[]).console_json;
        variables.finish().map(|()| json).map_err(|error| error.to_string())
    };
    assert_eq!((read("production"), read("development"), read("")), (Ok(true), Ok(false), Ok(false)));
    let told = read("staging").expect_err("a third");
    assert!(told.contains("`staging`") && told.contains("neither `development` nor `production`"), "{told}");
}

#[test]
fn a_directory_that_cannot_be_written_is_named() -> Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    let below = file.path().join("log");
    let mut variables = EnvironmentReader::from_pairs([("LOG_DIR", below.to_string_lossy())]);
    let options = telemetry::Options::read(&mut variables, &[]);
    let error = telemetry::subscriber(&options).err().context("a file is no directory")?;
    let told = error.to_string();
    assert!(told.contains(&*below.to_string_lossy()) && told.contains("Not a directory"), "{told}");
    Ok(())
}
