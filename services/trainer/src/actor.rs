//! An actor of a run that another process trains: asks for a lane, plays it, sends what it chose, and asks again.
//!
//! It keeps nothing that matters: killed, its leases run out and others play those lanes.

use crate::error::{Error, Result};
use crate::start::requested;
use contracts::config::{Actors, RunConfig};
use contracts::{Event, RunId, subjects};
use event_log::{ActorAnswer, ActorRequest, EventLog, EventLogConfig};
use futures::future::try_join_all;
use learner::a3c::{Lease, RemoteActor, RemoteSegment};
use service_runtime::{EnvironmentReader, Lifecycle};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use trajectories::ActorChoices;

/// How long the learner may take to answer; it answers sooner even when it has nothing to play.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait while nobody trains the run.
const PAUSE: Duration = Duration::from_millis(500);

/// What an actor process needs.
#[derive(Clone, Debug)]
pub struct ActorConfig {
    pub event_log: EventLogConfig,
    pub run: RunId,
    /// Lanes played at a time. Two per processor hide the way to the learner and back.
    pub lanes: usize,
    /// Told to the learner, and by it to the log.
    pub name: String,
}

impl ActorConfig {
    /// Reads `NATS_URL`, `NATS_CREDENTIALS` and `TRAINER_THREADS`.
    pub fn read(variables: &mut EnvironmentReader, run: RunId, lanes: Option<usize>, name: String) -> Self {
        let (event_log, threads) = crate::config::read_common(variables, "actor");
        Self { event_log, run, lanes: lanes.unwrap_or(2 * threads), name }
    }
}

/// Plays for `run` until it has ended or the lifecycle drains.
///
/// # Errors
/// When the log holds no such run, or one whose actors do not come over the network.
pub async fn act(config: ActorConfig, lifecycle: Lifecycle) -> Result<()> {
    let log = EventLog::connect(config.event_log.clone()).await?;
    let settings = settings(&log, config.run).await?;
    tracing::info!(run.id = %config.run, lanes = config.lanes, "playing as {}", config.name);
    let players = (0..config.lanes.max(1)).map(|number| {
        let name = format!("{}-{number}", config.name);
        let player = Player { log: log.clone(), run: config.run, name, draining: lifecycle.draining() };
        player.play(settings.clone())
    });
    try_join_all(players).await?;
    log.flush().await?;
    Ok(())
}

/// The configuration of a run that remote actors may play for.
async fn settings(log: &EventLog, run: RunId) -> Result<RunConfig> {
    let config = requested(log, run).await?.config;
    if config.learning.actors == Actors::Nats {
        return Ok(config);
    }
    let message = "its actors do not come over NATS: start it with `actors` set to `nats`".to_owned();
    Err(Error::Run { code: "no_remote_actors", message })
}

/// One lane after the other.
struct Player {
    log: EventLog,
    run: RunId,
    name: String,
    draining: CancellationToken,
}

impl Player {
    async fn play(self, config: RunConfig) -> Result<()> {
        let world = experiments::world_config(&config.world).map_err(|error| Error::run("invalid_world", error))?;
        let ppo = experiments::ppo_config(&config).map_err(|error| Error::run("invalid_settings", error))?;
        let mut actor = RemoteActor::new(&self.name, world, ppo, config.seed, experiments::segment_envs(&config));
        let mut segment = None;
        while !self.draining.is_cancelled() {
            let request = self.request(segment.take())?;
            match self.log.ask_learner(self.run, request, PATIENCE).await {
                Ok(ActorAnswer::Play(bytes)) => {
                    let (again, played) = play(actor, bytes).await?;
                    (actor, segment) = (again, played);
                }
                Ok(ActorAnswer::Wait) => {}
                Ok(ActorAnswer::Complete) => return Ok(()),
                Err(error) if matches!(error, event_log::Error::Missing { .. }) || error.is_retryable() => {
                    if self.has_ended().await? {
                        return Ok(());
                    }
                    self.pause().await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn request(&self, played: Option<RemoteSegment>) -> Result<ActorRequest> {
        let segment = played.map(|RemoteSegment { lease, choices, digest }| {
            let digest = digest.to_string();
            let learner::a3c::Choices { actions, log_probs, values, final_values, next_values } = choices;
            ActorChoices { lease, digest, actions, log_probs, values, final_values, next_values }.encode()
        });
        let segment = segment.transpose()?.unwrap_or_default();
        Ok(ActorRequest { actor: self.name.clone(), segment })
    }

    /// Whether the run needs no actors any more. A paused one may go on.
    async fn has_ended(&self) -> Result<bool> {
        let lifecycle = self.log.load(&subjects::run_lifecycle(self.run)).await?;
        let events = lifecycle.iter().map(|recorded| recorded.event()).collect::<Result<Vec<_>, _>>()?;
        let ends = |event: &Event| matches!(event, Event::RunCompleted(_) | Event::RunFailed(_) | Event::RunDeleted(_));
        Ok(events.iter().any(ends))
    }

    async fn pause(&self) {
        let _ = tokio::time::timeout(PAUSE, self.draining.cancelled()).await;
    }
}

/// Plays a lease on a thread for computing. One that cannot be played is let go of: it runs out.
async fn play(mut actor: RemoteActor, lease: bytes::Bytes) -> Result<(RemoteActor, Option<RemoteSegment>)> {
    let work = move || {
        let played = Lease::from_bytes(&lease).and_then(|lease| actor.play(&lease));
        (actor, played)
    };
    let (actor, played) = tokio::task::spawn_blocking(work).await?;
    let played = played.inspect_err(|error| tracing::error!("a lease cannot be played: {error}")).ok();
    Ok((actor, played))
}
