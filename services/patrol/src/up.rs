//! `patrol up`: everything in the foreground until Ctrl-C.

use crate::dashboard::{self, Dashboard};
use crate::failure::Failure;
use crate::services::{self, ALL};
use crate::system::{System, data_dir};
use crate::terminal::Style;
use service_runtime::{EnvironmentReader, Lifecycle, telemetry};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long services may take to save what they are doing.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub async fn run() -> Result<ExitCode, Failure> {
    let began = Instant::now();
    let mut variables = EnvironmentReader::from_process();
    let data_dir = data_dir(&mut variables)?;
    variables.set_default("LOG_DIR", data_dir.join("log").display().to_string());
    let dashboard = dashboard::plan(&mut variables, &data_dir);
    let options = telemetry::Options::read(&mut variables, &ALL);
    let _telemetry = telemetry::init(options)?;
    let lifecycle = Lifecycle::new();
    lifecycle.listen_for_signals();
    let system = tokio::select! {
        system = System::start(variables) => system?,
        () = lifecycle.draining().cancelled_owned() => return Ok(ExitCode::SUCCESS),
    };
    let health = services::start(&system.variables, &lifecycle).await?;
    let dashboard = tokio::select! {
        ready = services::wait_until_ready(&health) => {
            ready?;
            Dashboard::start(dashboard).await
        },
        () = lifecycle.draining().cancelled_owned() => Dashboard::Off,
    };
    greet(&system, &dashboard, began.elapsed());
    let outcome = lifecycle.run(PATIENCE).await;
    dashboard.stop().await;
    system.stop().await;
    outcome?;
    Ok(ExitCode::SUCCESS)
}

fn greet(system: &System, dashboard: &Dashboard, took: Duration) {
    let style = Style::detect();
    let addresses = &system.addresses;
    eprintln!("{}", style.bold(&format!("Patrol is ready after {:.1} s. Ctrl-C stops it.", took.as_secs_f64())));
    if let Some(place) = dashboard.describe() {
        eprintln!("  Dashboard {place}");
    }
    eprintln!("  HTTP      http://{}   (documentation at /docs)", addresses.gateway);
    eprintln!("  NATS      {}", without_password(&addresses.nats_url));
    eprintln!("  Postgres  {}", without_password(&addresses.database_url));
    eprintln!("  Archive   {}", addresses.store_url);
}

/// An address that may be shown.
pub fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rfind('@')) {
        (Some((scheme, _)), Some(at)) => format!("{scheme}://…{}", &url[at..]),
        _ => url.to_owned(),
    }
}
