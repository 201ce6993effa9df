//! Scripted agents on demand.

mod shapes;

use crate::api::Api;
use crate::app::App;
use crate::error::{Error, Result, Violation};
use crate::extract::Json;
use crate::scripted::{self, Averages, Contest, Played};
use axum::extract::State;
use environment::EpisodeSummary;
use environment::agents::ScriptedAgent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shapes::{
    AgentDefinition, CompareAnswer, CompareRequest, ComparedAgent, EpisodeMetrics, ExecuteAnswer, ExecuteRequest, Size,
};

const DEFAULT_SIDE: u32 = 10;
const DEFAULT_EPISODES: u32 = 10;
const MOST_EPISODES: u32 = 100;
/// The simulator's largest world.
const LONGEST_SIDE: u32 = 100;
const MOST_STEPS: u32 = 10_000;
const MAX_SEED: u64 = (1 << 53) - 1;

pub fn routes(api: Api) -> Api {
    api.get("/api/v1/template-agents/types", types, |it| {
        it.says("template agents", "The scripted agents").gives::<Vec<AgentDefinition>>(200, "All of them")
    })
    .post("/api/v1/template-agents/execute", execute, |it| {
        it.says("template agents", "Play episodes of one agent")
            .explains("All episodes share one map. The same seed gives the same answer.")
            .takes::<ExecuteRequest>(
                json!({"agent_type": "spiral", "width": 10, "height": 10, "episodes": 3, "seed": 1}),
            )
            .gives::<ExecuteAnswer>(200, "What came of it")
            .fails(&[413, 415, 422])
    })
    .post("/api/v1/template-agents/compare", compare, |it| {
        it.says("template agents", "Play the same episodes with several agents")
            .explains("Ranked by average reward; `average_mean_threat`, lower is better, says who guards best.")
            .takes::<CompareRequest>(json!({"agent_types": ["spiral", "greedy", "tour"], "episodes": 3, "seed": 1}))
            .gives::<CompareAnswer>(200, "What came of it")
            .fails(&[413, 415, 422])
    })
}

/// A scripted agent's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgentType {
    HorizontalScan,
    VerticalScan,
    Spiral,
    RandomWalk,
    Greedy,
    Tour,
    Sebs,
}

impl AgentType {
    const ALL: [Self; 7] = [
        Self::HorizontalScan,
        Self::VerticalScan,
        Self::Spiral,
        Self::RandomWalk,
        Self::Greedy,
        Self::Tour,
        Self::Sebs,
    ];

    fn script(self) -> ScriptedAgent {
        match self {
            Self::HorizontalScan => ScriptedAgent::HorizontalScan,
            Self::VerticalScan => ScriptedAgent::VerticalScan,
            Self::Spiral => ScriptedAgent::Spiral,
            Self::RandomWalk => ScriptedAgent::RandomWalk,
            Self::Greedy => ScriptedAgent::Greedy,
            Self::Tour => ScriptedAgent::Tour,
            Self::Sebs => ScriptedAgent::Sebs,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::HorizontalScan => "Horizontal scan",
            Self::VerticalScan => "Vertical scan",
            Self::Spiral => "Spiral",
            Self::RandomWalk => "Random walk",
            Self::Greedy => "Greedy",
            Self::Tour => "Tour",
            Self::Sebs => "State exchange Bayesian strategy",
        }
    }
}

async fn types() -> axum::Json<Vec<AgentDefinition>> {
    let definition = |kind: AgentType| {
        let description = kind.script().description();
        AgentDefinition { kind, name: kind.name(), description }
    };
    axum::Json(AgentType::ALL.map(definition).into())
}

async fn execute(State(app): State<App>, Json(request): Json<ExecuteRequest>) -> Result<axum::Json<ExecuteAnswer>> {
    let ExecuteRequest { agent_type, save_frames, execution_id, .. } = request;
    let execution_id = execution(&app, execution_id)?;
    let contest = contest(&app, request.width, request.height, request.episodes, request.max_steps, request.seed)?;
    let environment = Size { width: contest.world.width as u32, height: contest.world.height as u32 };
    let episodes = contest.episodes;
    let played = on_a_thread(&app, move || scripted::play(agent_type.script(), &contest, save_frames)).await?;
    let Played { summaries, environment: environment_info, playbacks } = played;
    Ok(axum::Json(ExecuteAnswer {
        agent_type,
        agent_name: agent_type.name(),
        execution_id,
        environment,
        episodes,
        averages: Averages::of(&summaries),
        episode_metrics: (1..).zip(&summaries).map(|(episode, summary)| episode_metrics(episode, summary)).collect(),
        environment_info,
        episode_playbacks: playbacks,
    }))
}

async fn compare(State(app): State<App>, Json(request): Json<CompareRequest>) -> Result<axum::Json<CompareAnswer>> {
    let mut agents = request.agent_types;
    if agents.is_empty() || agents.len() > AgentType::ALL.len() {
        return Err(Error::invalid(&["body", "agent_types"], "must name 1 to 7 agents"));
    }
    let execution_id = execution(&app, request.execution_id)?;
    let mut named = Vec::new();
    agents.retain(|agent| {
        !named.contains(agent) && {
            named.push(*agent);
            true
        }
    });
    let contest = contest(&app, request.width, request.height, request.episodes, request.max_steps, request.seed)?;
    let environment = Size { width: contest.world.width as u32, height: contest.world.height as u32 };
    let (episodes, max_steps) = (contest.episodes, contest.world.episode_length());
    let played = on_a_thread(&app, move || {
        let play =
            |agent: AgentType| Ok((agent, Averages::of(&scripted::play(agent.script(), &contest, false)?.summaries)));
        agents.into_iter().map(play).collect::<Result<Vec<_>, environment::WorldError>>()
    });
    let mut played = played.await?;
    played.sort_by(|(_, one), (_, other)| other.average_reward.total_cmp(&one.average_reward));
    let compared = |(rank, (agent_type, averages)): (usize, (AgentType, Averages))| ComparedAgent {
        agent_type,
        agent_name: agent_type.name(),
        rank,
        averages,
    };
    let results: Vec<ComparedAgent> = (1..).zip(played).map(compared).collect();
    let (best, worst) = (results.first(), results.last());
    Ok(axum::Json(CompareAnswer {
        execution_id,
        environment,
        episodes,
        max_steps,
        best_agent: best.map_or("", |agent| agent.agent_name),
        worst_agent: worst.map_or("", |agent| agent.agent_name),
        performance_gap: best
            .zip(worst)
            .map_or(0.0, |(best, worst)| best.averages.average_reward - worst.averages.average_reward),
        results,
    }))
}

/// The id that a client gives an execution, or one of ours.
fn execution(app: &App, given: Option<String>) -> Result<String> {
    match given {
        Some(id) if id.is_empty() || id.chars().count() > 128 => {
            Err(Error::invalid(&["body", "execution_id"], "must have 1 to 128 characters"))
        }
        Some(id) => Ok(id),
        None => Ok(app.ids.next_id().to_string()),
    }
}

fn contest(
    app: &App,
    width: Option<u32>,
    height: Option<u32>,
    episodes: Option<u32>,
    max_steps: Option<u32>,
    seed: Option<u64>,
) -> Result<Contest> {
    let (width, height) = (width.unwrap_or(DEFAULT_SIDE), height.unwrap_or(DEFAULT_SIDE));
    let episodes = episodes.unwrap_or(DEFAULT_EPISODES);
    let ranges = [
        ("width", Some(u64::from(width)), 3, u64::from(LONGEST_SIDE)),
        ("height", Some(u64::from(height)), 3, u64::from(LONGEST_SIDE)),
        ("episodes", Some(u64::from(episodes)), 1, u64::from(MOST_EPISODES)),
        ("max_steps", max_steps.map(u64::from), 1, u64::from(MOST_STEPS)),
        ("seed", seed, 0, MAX_SEED),
    ];
    let outside = |value: Option<u64>, low, high| value.is_some_and(|value| !(low..=high).contains(&value));
    let violations: Vec<Violation> = ranges
        .iter()
        .filter(|(_, value, low, high)| outside(*value, *low, *high))
        .map(|(name, _, low, high)| Violation::new(&["body", name], format!("must be {low} to {high}")))
        .collect();
    if !violations.is_empty() {
        return Err(Error::Invalid(violations));
    }
    let seed = seed.unwrap_or_else(|| app.ids.next_id().as_u64_pair().1 & MAX_SEED);
    let world = scripted::world(width, height, max_steps, seed);
    world.validate().map_err(|error| Error::invalid(&["body"], error.to_string()))?;
    Ok(Contest { world, seed, episodes, started_at: app.clock.now() })
}

/// Runs `play` on a thread for computing; only a few requests may do so at once.
async fn on_a_thread<T: Send + 'static>(
    app: &App,
    play: impl FnOnce() -> Result<T, environment::WorldError> + Send + 'static,
) -> Result<T> {
    let permit = app.simulations.clone().acquire_owned().await.map_err(Error::internal)?;
    let playing = tokio::task::spawn_blocking(move || {
        let played = play();
        drop(permit);
        played
    });
    let played = playing.await.map_err(Error::internal)?;
    played.map_err(|error| Error::invalid(&["body"], format!("no such world can be made: {error}")))
}

fn episode_metrics(episode: u32, summary: &EpisodeSummary) -> EpisodeMetrics {
    EpisodeMetrics {
        episode,
        total_reward: summary.episode_return,
        episode_length: summary.length,
        coverage_ratio: summary.coverage,
        mean_threat: summary.mean_threat,
        patrol_count: summary.patrol_count,
        move_count: summary.move_count,
        turn_count: summary.turn_count,
        min_battery: summary.min_battery,
        battery_deaths: summary.battery_deaths,
        charging_events: summary.charging_events,
    }
}
