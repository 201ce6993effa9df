//! Starting services: all of them in this process, or one alone.

use crate::addresses;
use crate::cli::{OnPoison, ProjectorArgs, ServiceCommand, TrainerArgs, TrainerRole};
use crate::failure::Failure;
use crate::up::PATIENCE;
use anyhow::Context;
use event_log::{Definitions, EventLog, EventLogConfig};
use service_runtime::{EnvironmentReader, Health, Lifecycle, Metrics, RandomIds, SystemClock, health, telemetry};
use std::fmt::Display;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tracing::info_span;

/// Every service, in the order they are started.
pub const ALL: [&str; 5] = ["ingest", "projector", "trainer", "evaluator", "gateway"];

/// How long the services may take to become ready at the start.
const READY_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What stands for addresses that are not known before the local servers run.
const LATER: [(&str, &str); 2] = [("DATABASE_URL", "postgres://local"), ("PATROL_STORE_URL", "file:///local")];

/// Finds every mistake in the configuration of [`start`] before any server is started for it.
pub fn check(variables: &EnvironmentReader) -> Result<(), Failure> {
    let mut variables = variables.clone();
    LATER.iter().for_each(|(name, address)| variables.set_default(name, *address));
    Configurations::read(&mut variables);
    Ok(variables.finish()?)
}

/// Starts every service in this process; their health is reported in one place.
///
/// # Errors
/// Every mistake in the configuration; streams that differ from their definition.
pub async fn start(variables: &EnvironmentReader, lifecycle: &Lifecycle) -> Result<Health, Failure> {
    let surroundings = Surroundings::new("patrol");
    let mut variables = variables.clone();
    let configurations = Configurations::read(&mut variables);
    variables.finish()?;
    // Before any of them can say how it is doing: until the last has, nothing is ready.
    ALL.iter().for_each(|service| surroundings.health.expect(service));
    ensure_streams(&configurations.ingest.event_log, configurations.ingest.replicas).await?;
    surroundings.start_ingest(configurations.ingest, lifecycle);
    surroundings.start_projector(configurations.projector, lifecycle);
    surroundings.start_trainer(configurations.trainer, lifecycle);
    surroundings.start_evaluator(configurations.evaluator, lifecycle);
    surroundings.start_gateway(configurations.gateway, lifecycle);
    Ok(surroundings.health)
}

/// Waits until every service is ready.
pub async fn wait_until_ready(health: &Health) -> Result<(), Failure> {
    let ready = async {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        while !health.report().ready {
            ticks.tick().await;
        }
    };
    let waited = tokio::time::timeout(READY_WITHIN, ready).await;
    let describe = || {
        let report = health.report();
        let unready = report.components.iter().filter(|(_, component)| !component.ready);
        let lines: Vec<String> = unready.map(|(name, component)| format!("{name}: {}", component.detail)).collect();
        format!("not ready after {} s: {}", READY_WITHIN.as_secs(), lines.join("; "))
    };
    Ok(waited.with_context(describe)?)
}

/// Runs one service against configured servers until it is told to stop.
pub async fn run_alone(service: ServiceCommand) -> Result<ExitCode, Failure> {
    let mut variables = EnvironmentReader::from_process();
    let name = match &service {
        ServiceCommand::Ingest => "ingest",
        ServiceCommand::Trainer(_) => "trainer",
        ServiceCommand::Evaluator => "evaluator",
        ServiceCommand::Projector(_) => "projector",
        ServiceCommand::Gateway => "gateway",
    };
    let options = telemetry::Options::read(&mut variables, &[name]);
    let lifecycle = Lifecycle::new();
    let surroundings = Surroundings::new(name);
    addresses::check(&mut variables);
    let health_bind = variables.optional::<SocketAddr>("HEALTH_BIND");
    surroundings.health.expect(name);
    let start: Start = match service {
        ServiceCommand::Ingest => {
            let config = ingest::Config::read(&mut variables);
            Box::new(|it, lifecycle| it.start_ingest(config, lifecycle))
        }
        ServiceCommand::Trainer(TrainerArgs { role: TrainerRole::Actor, run: Some(run), lanes }) => {
            let name = format!("{}-{}", hostname(), std::process::id());
            let config = trainer::actor::ActorConfig::read(&mut variables, run, lanes, name);
            Box::new(|it, lifecycle| {
                let lifecycle = lifecycle.within(info_span!("actor"));
                it.health.ready("trainer", "playing for a run");
                let (playing, life) = (trainer::actor::act(config, lifecycle.clone()), lifecycle.clone());
                lifecycle.spawn_finite("actor", async move {
                    let played = playing.await;
                    // The run has ended, and with it what this process is for.
                    life.shut_down();
                    played.map_err(|error| Chain(Box::new(error)))
                });
            })
        }
        ServiceCommand::Trainer(args) => {
            if args.run.is_some() || args.lanes.is_some() {
                variables.mistake("--run and --lanes are for an actor: add `--role actor`");
            }
            let config = trainer::Config::read(&mut variables);
            Box::new(|it, lifecycle| it.start_trainer(config, lifecycle))
        }
        ServiceCommand::Evaluator => {
            let config = evaluator::Config::read(&mut variables);
            Box::new(|it, lifecycle| it.start_evaluator(config, lifecycle))
        }
        ServiceCommand::Projector(args) => {
            let config = projector_config(&args, &mut variables);
            Box::new(|it, lifecycle| it.start_projector(config, lifecycle))
        }
        ServiceCommand::Gateway => {
            let config = gateway::Config::read(&mut variables);
            Box::new(|it, lifecycle| it.start_gateway(config, lifecycle))
        }
    };
    variables.finish()?;
    let _telemetry = telemetry::init(options)?;
    if let Some(bind) = health_bind {
        let listener = tokio::net::TcpListener::bind(bind).await.with_context(|| format!("HEALTH_BIND: {bind}"))?;
        let (health, metrics) = (surroundings.health.clone(), surroundings.metrics.clone());
        lifecycle.spawn("health", health::serve(listener, health, metrics, lifecycle.draining()));
    }
    start(&surroundings, &lifecycle);
    lifecycle.run(PATIENCE).await?;
    Ok(ExitCode::SUCCESS)
}

/// The machine's name, for people who read who played what.
fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String = name.trim().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(32).collect();
    if name.is_empty() { "actor".to_owned() } else { name }
}

/// Creates what is missing on the server and refuses what differs.
async fn ensure_streams(config: &EventLogConfig, replicas: u8) -> Result<(), Failure> {
    let log = EventLog::connect(EventLogConfig { name: "patrol".to_owned(), ..config.clone() }).await?;
    Ok(log.ensure(&Definitions::embedded()?.with_replicas(replicas)).await?)
}

fn projector_config(args: &ProjectorArgs, variables: &mut EnvironmentReader) -> projector::Config {
    let mut config = projector::Config::read(variables);
    if let Some(on_poison) = args.on_poison {
        config.on_poison = match on_poison {
            OnPoison::Stop => projector::OnPoison::Stop,
            OnPoison::Skip => projector::OnPoison::Skip,
        };
    }
    config
}

struct Configurations {
    ingest: ingest::Config,
    projector: projector::Config,
    trainer: trainer::Config,
    evaluator: evaluator::Config,
    gateway: gateway::Config,
}

impl Configurations {
    fn read(variables: &mut EnvironmentReader) -> Self {
        addresses::check(variables);
        Self {
            ingest: ingest::Config::read(variables),
            projector: projector::Config::read(variables),
            trainer: trainer::Config::read(variables),
            evaluator: evaluator::Config::read(variables),
            gateway: gateway::Config::read(variables),
        }
    }
}

/// Starts one configured service.
type Start = Box<dyn FnOnce(&Surroundings, &Lifecycle)>;

/// What services need from outside, shared by those in one process.
struct Surroundings {
    clock: Arc<SystemClock>,
    ids: Arc<RandomIds>,
    health: Health,
    metrics: Metrics,
}

impl Surroundings {
    fn new(service: &'static str) -> Self {
        Self {
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
            health: Health::new(),
            metrics: Metrics::new(service),
        }
    }

    fn start_ingest(&self, config: ingest::Config, lifecycle: &Lifecycle) {
        let lifecycle = lifecycle.within(info_span!("ingest"));
        let (health, metrics) = (self.health.clone(), self.metrics.of_service("ingest"));
        let outside = ingest::Surroundings { clock: self.clock.clone(), ids: self.ids.clone(), health, metrics };
        spawn(&lifecycle, "ingest", ingest::run(config, outside, lifecycle.clone()));
    }

    fn start_projector(&self, config: projector::Config, lifecycle: &Lifecycle) {
        let lifecycle = lifecycle.within(info_span!("projector"));
        let (health, metrics) = (self.health.clone(), self.metrics.of_service("projector"));
        let outside = projector::Surroundings { health, metrics };
        spawn(&lifecycle, "projector", projector::run(config, outside, lifecycle.clone()));
    }

    fn start_trainer(&self, config: trainer::Config, lifecycle: &Lifecycle) {
        let lifecycle = lifecycle.within(info_span!("trainer"));
        let (health, metrics) = (self.health.clone(), self.metrics.of_service("trainer"));
        let outside = trainer::Surroundings { clock: self.clock.clone(), ids: self.ids.clone(), health, metrics };
        spawn(&lifecycle, "trainer", trainer::run(config, outside, lifecycle.clone()));
    }

    fn start_evaluator(&self, config: evaluator::Config, lifecycle: &Lifecycle) {
        let lifecycle = lifecycle.within(info_span!("evaluator"));
        let (health, metrics) = (self.health.clone(), self.metrics.of_service("evaluator"));
        let outside = evaluator::Surroundings { clock: self.clock.clone(), health, metrics };
        spawn(&lifecycle, "evaluator", evaluator::run(config, outside, lifecycle.clone()));
    }

    fn start_gateway(&self, config: gateway::Config, lifecycle: &Lifecycle) {
        let lifecycle = lifecycle.within(info_span!("gateway"));
        let (health, metrics) = (self.health.clone(), self.metrics.of_service("gateway"));
        let outside = gateway::Surroundings { clock: self.clock.clone(), ids: self.ids.clone(), health, metrics };
        spawn(&lifecycle, "gateway", gateway::run(config, outside, lifecycle.clone()));
    }
}

fn spawn<E: std::error::Error + Send + 'static>(
    lifecycle: &Lifecycle,
    service: &'static str,
    running: impl Future<Output = Result<(), E>> + Send + 'static,
) {
    let chained = async move { running.await.map_err(|error| Chain(Box::new(error))) };
    lifecycle.spawn(service, chained);
}

/// An error that shows its causes.
struct Chain<E>(Box<E>);

impl<E: std::error::Error> Display for Chain<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        std::iter::successors(self.0.source(), |cause| cause.source()).try_for_each(|cause| write!(f, ": {cause}"))
    }
}
