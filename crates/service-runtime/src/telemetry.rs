//! Logs: readable lines on the console, JSON lines per service in files that rotate daily.

use crate::EnvironmentReader;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::filter::{EnvFilter, dynamic_filter_fn};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry};

/// Daily files kept per service.
pub const KEPT_FILES: usize = 30;
/// File of what is logged outside the span of any service.
pub const OTHER: &str = "patrol";

/// Where logs go.
#[derive(Clone, Debug)]
pub struct Options {
    /// `LOG_LEVEL`: a level or `tracing` directives (`info,event_log=debug`); for console and files.
    pub filter: String,
    /// Least level on the console; `OFF` when a progress display has the terminal.
    pub console: LevelFilter,
    /// JSON lines on the console too, for a collector: the default of `ENVIRONMENT=production`.
    pub console_json: bool,
    /// `LOG_DIR`; no files when `None`.
    pub directory: Option<PathBuf>,
    /// Names of the services' spans; each gets a file, as does [`OTHER`].
    pub services: Vec<&'static str>,
}

/// Flushes the files when dropped: hold it in `main`.
#[derive(Debug)]
#[must_use = "the log files are flushed when this is dropped"]
pub struct Telemetry {
    _writers: Vec<WorkerGuard>,
}

/// Why logging could not begin.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("LOG_LEVEL: `{filter}` cannot be used; try `info` or `info,event_log=debug`")]
    Filter {
        filter: String,
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    #[error("LOG_DIR: cannot write log files to {}: {reason}", directory.display())]
    Directory { directory: PathBuf, reason: String },
    #[error("logging has already begun")]
    AlreadyBegun(#[source] TryInitError),
}

/// What the process is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Environment {
    Development,
    Production,
}

impl FromStr for Environment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "development" => Ok(Self::Development),
            "production" => Ok(Self::Production),
            _ => Err("it is neither `development` nor `production`"),
        }
    }
}

impl Options {
    /// From `LOG_LEVEL` (`info`), `LOG_DIR` (no files when absent) and `ENVIRONMENT`.
    pub fn read(variables: &mut EnvironmentReader, services: &[&'static str]) -> Self {
        let filter: String = variables.or_default("LOG_LEVEL", "info");
        if let Err(reason) = check_filter(&filter) {
            variables.mistake(format!("LOG_LEVEL: `{filter}` cannot be used: {reason}; try `info`"));
        }
        let directory = variables.optional("LOG_DIR");
        let environment: Environment = variables.or_default("ENVIRONMENT", "development");
        let console_json = environment == Environment::Production;
        Self { filter, console: LevelFilter::TRACE, console_json, directory, services: services.to_vec() }
    }
}

/// A filter that says what it seems to: a lone word would be the name of a module of which everything is logged, and
/// nothing of all others.
fn check_filter(filter: &str) -> Result<(), String> {
    EnvFilter::try_new(filter).map_err(|error| error.to_string())?;
    let mut lone = filter.split(',').map(str::trim).filter(|word| !word.is_empty() && !word.contains(['=', '[']));
    let unknown = lone.find(|word| word.parse::<LevelFilter>().is_err());
    unknown.map_or(Ok(()), |word| Err(format!("`{word}` is no level (off, error, warn, info, debug, trace)")))
}

/// Begins logging for the process.
///
/// # Errors
/// [`TelemetryError`] for a filter or directory that cannot be used, and when called twice.
pub fn init(options: Options) -> Result<Telemetry, TelemetryError> {
    let (subscriber, telemetry) = subscriber(&options)?;
    subscriber.try_init().map_err(TelemetryError::AlreadyBegun)?;
    Ok(telemetry)
}

/// The same without making it the process's own; for tests.
///
/// # Errors
/// As [`init`].
pub fn subscriber(options: &Options) -> Result<(impl Subscriber + Send + Sync + 'static, Telemetry), TelemetryError> {
    let (layers, writers, filter) = layers(options)?;
    Ok((Registry::default().with(layers).with(filter), Telemetry { _writers: writers }))
}

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

fn layers(options: &Options) -> Result<(Vec<BoxedLayer>, Vec<WorkerGuard>, EnvFilter), TelemetryError> {
    let filter = EnvFilter::try_new(&options.filter)
        .map_err(|source| TelemetryError::Filter { filter: options.filter.clone(), source })?;
    let mut layers = vec![console(options)];
    let mut writers = Vec::new();
    if let Some(directory) = &options.directory {
        for name in options.services.iter().copied().chain([OTHER]) {
            let (layer, writer) = file(directory, name, options.services.clone())?;
            layers.push(layer);
            writers.push(writer);
        }
    }
    Ok((layers, writers, filter))
}

/// On standard error, so that standard output stays free for results; colours only on a terminal.
fn console(options: &Options) -> BoxedLayer {
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    if options.console_json {
        layer.json().flatten_event(true).with_filter(options.console).boxed()
    } else {
        layer.with_filter(options.console).boxed()
    }
}

/// `<directory>/<name>.<date>.jsonl`, one JSON object per line with all fields and spans.
fn file(
    directory: &Path,
    name: &'static str,
    services: Vec<&'static str>,
) -> Result<(BoxedLayer, WorkerGuard), TelemetryError> {
    let failed = |reason| TelemetryError::Directory { directory: directory.to_owned(), reason };
    // The appender looks for old files before it makes the directory, and complains on the console when there is none.
    std::fs::create_dir_all(directory).map_err(|error| failed(error.to_string()))?;
    let appender = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(name)
        .filename_suffix("jsonl")
        .max_log_files(KEPT_FILES)
        .build(directory)
        .map_err(|error| failed(error.to_string()))?;
    let (writer, guard) = tracing_appender::non_blocking(appender);
    let belongs = dynamic_filter_fn(move |metadata: &Metadata<'_>, context: &Context<'_, Registry>| {
        // Every span passes, so that an event's services can be seen.
        metadata.is_span() || service_of(context, &services) == name
    });
    let layer = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(writer);
    Ok((layer.with_filter(belongs).boxed(), guard))
}

/// The service whose span is around the current place.
fn service_of(context: &Context<'_, Registry>, services: &[&'static str]) -> &'static str {
    let current = context.lookup_current();
    let names = current.iter().flat_map(|span| span.scope()).map(|span| span.name());
    names.filter_map(|name| services.iter().find(|service| **service == name).copied()).last().unwrap_or(OTHER)
}
