//! The scripted agents in the world of a run: evaluated once per world, then found in the log by the world's hash.

use crate::Evaluator;
use crate::contest::{Played, play_script};
use crate::error::{Error, Result};
use contracts::config::WorldSettings;
use contracts::events::{AgentScore, BaselinesCompleted, Protocol, Split};
use contracts::{Envelope, Event, EventId, RunId, subjects};
use environment::agents::ScriptedAgent;
use environment::evaluation::Protocol as Contest;
use experiments::{References, agent_score};

/// Every run's `baselines_completed`.
const ALL_BASELINES: &str = "patrol.evt.evaluation.*.baselines_completed";

impl Evaluator {
    /// The scripted agents' scores under `protocol`, and as an event of `run`.
    pub(crate) async fn baselines(
        &self,
        run: RunId,
        world: &WorldSettings,
        protocol: &Protocol,
        cause: &Envelope,
    ) -> Result<Vec<AgentScore>> {
        let own = subjects::event("evaluation", Some(run), "baselines_completed");
        if let Some(agents) = self.known_baselines(&own, protocol).await? {
            return Ok(agents);
        }
        let agents = match self.known_baselines(ALL_BASELINES, protocol).await? {
            Some(agents) => agents,
            None => self.play_baselines(run, world, protocol).await?,
        };
        let completed = BaselinesCompleted { run_id: run, protocol: protocol.clone(), agents: agents.clone() };
        let id = EventId(run.derive(&format!("baselines/{}", protocol.world_hash)));
        self.append(&Event::BaselinesCompleted(Box::new(completed)), id, cause).await?;
        Ok(agents)
    }

    async fn known_baselines(&self, filter: &str, protocol: &Protocol) -> Result<Option<Vec<AgentScore>>> {
        for recorded in self.log.load(filter).await?.into_iter().rev() {
            match recorded.event()? {
                Event::BaselinesCompleted(completed) if completed.protocol == *protocol => {
                    return Ok(Some(completed.agents));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    async fn play_baselines(&self, run: RunId, world: &WorldSettings, protocol: &Protocol) -> Result<Vec<AgentScore>> {
        let contest = contest(world, protocol)?;
        let playing = tokio::task::spawn_blocking(move || play_all(&contest));
        let (agents, segments) = playing.await??;
        self.metrics.baselines.inc();
        let producer: String = protocol.world_hash.chars().take(32).collect();
        self.record(run, Split::Baseline, &producer, segments).await?;
        Ok(agents)
    }
}

/// The protocol in the simulator's words.
pub fn contest(world: &WorldSettings, protocol: &Protocol) -> Result<Contest> {
    let world = experiments::world_config(world).map_err(|error| Error::evaluation("invalid_world", error))?;
    Ok(Contest { world, seed: protocol.first_seed, episodes: protocol.episodes })
}

fn play_all(contest: &Contest) -> Result<(Vec<AgentScore>, Vec<bytes::Bytes>)> {
    let mut played: Vec<(ScriptedAgent, Played)> = Vec::new();
    for (index, script) in ScriptedAgent::ALL.into_iter().enumerate() {
        let first_episode = index as u64 * u64::from(contest.episodes);
        played.push((script, play_script(script, contest, first_episode)?));
    }
    let threats = |script| {
        let found = played.iter().find(|(name, _)| *name == script);
        found.map(|(_, played)| played.evaluation.mean_threats())
    };
    let score = |references: &References| {
        let scores = played.iter().map(|(script, played)| agent_score(script.name(), &played.evaluation, references));
        scores.collect::<Option<Vec<_>>>()
    };
    let nothing = || Error::Evaluation { code: "no_episode", message: "the protocol has no episode".to_owned() };
    let scores = References::of(threats).as_ref().and_then(score).ok_or_else(nothing)?;
    Ok((scores, played.into_iter().flat_map(|(_, played)| played.segments).collect()))
}
