//! `patrol up`: everything in the foreground until Ctrl-C.

use crate::dashboard::{self, Dashboard};
use crate::failure::Failure;
use crate::services::{self, ALL};
use crate::system::{System, data_dir, make_data_dir};
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
    services::check(&variables)?;
    make_data_dir(&mut variables)?;
    let _telemetry = telemetry::init(options)?;
    let lifecycle = Lifecycle::new();
    lifecycle.listen_for_signals();
    let system = tokio::select! {
        system = System::start(variables) => system?,
        () = lifecycle.draining().cancelled_owned() => return Ok(ExitCode::SUCCESS),
    };
    let health = services::start(&system.variables, &lifecycle).await?;
    let ready = tokio::select! {
        // Because of a signal, or because a service has died.
        () = lifecycle.draining().cancelled_owned() => Ok(Dashboard::Off),
        ready = services::wait_until_ready(&health) => match ready {
            Ok(()) => Ok(Dashboard::start(dashboard).await),
            Err(failure) => Err(failure),
        },
    };
    match &ready {
        Ok(dashboard) if !lifecycle.draining().is_cancelled() => greet(&system, dashboard, began.elapsed()),
        Ok(_) => {}
        Err(_) => lifecycle.shut_down(),
    }
    let outcome = lifecycle.run(PATIENCE).await;
    if let Ok(dashboard) = &ready {
        dashboard.stop().await;
    }
    system.stop().await;
    ready?;
    outcome?;
    Ok(ExitCode::SUCCESS)
}

fn greet(system: &System, dashboard: &Dashboard, took: Duration) {
    let style = Style::of(&std::io::stderr());
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
