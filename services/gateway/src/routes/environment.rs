//! Worlds to look at and to play in by hand.

use crate::api::{Api, Operation};
use crate::app::App;
use crate::error::{Error, Result};
use crate::extract::{Json, OptionalJson, Path};
use crate::interactive::{Full, IDLE, MOST_WORLDS, Played};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use contracts::config::{EnvironmentType, MAX_SEED, MapSettings, MapType, WorldSettings};
use contracts::config::{PatrolMode, PatrolRadius, PatrolReward};
use contracts::live::LiveFrame;
use environment::{Action, WorldConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;
use uuid::Uuid;

const DEFAULT_SIDE: u32 = 8;

pub fn routes(api: Api) -> Api {
    api.get("/api/v1/environment/definitions", definitions, |it| {
        it.says("environment", "Worlds to choose from").gives::<Data<Vec<Definition>>>(200, "All of them")
    })
    .get("/api/v1/environment/definitions/{number}/state", state, |it| {
        it.says("environment", "How such a world begins")
            .gives::<Data<LiveFrame>>(200, "Its first state")
            .fails(&[404, 422])
    })
    .post("/api/v1/environment/sessions", create, |it| {
        it.says("environment", "Open a world to play in")
            .explains("At most 128 worlds exist at once; one that is not touched for 30 minutes goes away.")
            .takes::<WorldRequest>(json!({"width": 10, "height": 10, "num_robots": 2, "map_type": "cave", "seed": 7}))
            .gives::<Data<WorldState>>(201, "It is open")
            .fails(&[413, 415, 422])
    })
    .get("/api/v1/environment/sessions/{uuid}", observe, |it| on_world(it, "How an open world stands"))
    .post("/api/v1/environment/sessions/{uuid}/reset", reset, |it| {
        on_world(it, "Begin another episode").may_take::<ResetRequest>(json!({"seed": 8}))
    })
    .post("/api/v1/environment/sessions/{uuid}/action", act, |it| {
        on_world(it, "One step")
            .explains("One action per robot: 0 forward, 1 turn left, 2 turn right, 3 patrol.")
            .takes::<ActionRequest>(json!({"actions": [0, 3]}))
    })
    .delete("/api/v1/environment/sessions/{uuid}", close, |it| {
        it.says("environment", "Close a world").gives_nothing(204, "It is closed").fails(&[404, 422])
    })
}

fn on_world(operation: Operation, summary: &'static str) -> Operation {
    operation
        .says("environment", summary)
        .gives::<Data<WorldState>>(200, "How it stands now")
        .fails(&[404, 409, 413, 415, 422])
}

#[derive(Serialize, JsonSchema)]
struct Data<T> {
    data: T,
}

/// A world to begin with.
#[derive(Clone, Serialize, JsonSchema)]
struct Definition {
    id: i64,
    name: &'static str,
    environment_type: EnvironmentType,
    map_type: MapType,
    width: u32,
    height: u32,
    num_robots: u32,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WorldRequest {
    /// Where the other fields' defaults come from.
    definition_id: Option<i64>,
    #[schemars(range(min = 3, max = 100))]
    width: Option<u32>,
    #[schemars(range(min = 3, max = 100))]
    height: Option<u32>,
    #[schemars(range(min = 1, max = 10))]
    num_robots: Option<u32>,
    environment_type: Option<EnvironmentType>,
    map_type: Option<MapType>,
    #[schemars(range(min = 1, max = 100_000))]
    max_steps: Option<u32>,
    #[schemars(range(max = 9_007_199_254_740_991_u64))]
    seed: Option<u64>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ResetRequest {
    /// Absent: the next episode of the present seed.
    #[schemars(range(max = 9_007_199_254_740_991_u64))]
    seed: Option<u64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ActionRequest {
    #[schemars(length(min = 1, max = 10))]
    actions: Vec<u8>,
}

/// A world between two actions.
#[derive(Serialize, JsonSchema)]
struct WorldState {
    session_id: Uuid,
    state: LiveFrame,
    /// Actions that are not pointless, per robot.
    legal_actions: Vec<Vec<u8>>,
    /// Of the last step.
    reward: Option<f64>,
    /// Mean threat, 0..1.
    mean_threat: f64,
    coverage_ratio: f64,
    terminated: bool,
    truncated: bool,
}

fn all_definitions() -> Vec<Definition> {
    let definition = |id, name, environment_type, map_type, side, num_robots| Definition {
        id,
        name,
        environment_type,
        map_type,
        width: side,
        height: side,
        num_robots,
    };
    vec![
        definition(1, "Standard", EnvironmentType::Standard, MapType::Random, DEFAULT_SIDE, 1),
        definition(2, "Enhanced", EnvironmentType::Enhanced, MapType::Random, DEFAULT_SIDE, 1),
        definition(3, "Team of four", EnvironmentType::Standard, MapType::Random, 20, 4),
        definition(4, "Maze", EnvironmentType::Standard, MapType::Maze, 20, 2),
        definition(5, "Rooms", EnvironmentType::Standard, MapType::Room, 20, 2),
        definition(6, "Cave", EnvironmentType::Standard, MapType::Cave, 20, 2),
    ]
}

fn definition(id: i64) -> Result<Definition> {
    let found = all_definitions().into_iter().find(|definition| definition.id == id);
    found.ok_or_else(|| Error::NotFound(format!("there is no environment definition {id}")))
}

async fn definitions() -> axum::Json<Data<Vec<Definition>>> {
    axum::Json(Data { data: all_definitions() })
}

async fn state(Path(number): Path<i64>) -> Result<axum::Json<Data<LiveFrame>>> {
    let world = Played::new(world_of(&definition(number)?, None)?, number.unsigned_abs()).map_err(impossible)?;
    Ok(axum::Json(Data { data: experiments::live_frame(Uuid::nil().into(), &world.environment) }))
}

async fn create(State(app): State<App>, Json(request): Json<WorldRequest>) -> Result<Response> {
    let mut definition = definition(request.definition_id.unwrap_or(1))
        .map_err(|_| Error::invalid(&["body", "definition_id"], "is not the id of a definition"))?;
    definition.width = request.width.unwrap_or(definition.width);
    definition.height = request.height.unwrap_or(definition.height);
    definition.num_robots = request.num_robots.unwrap_or(definition.num_robots);
    definition.environment_type = request.environment_type.unwrap_or(definition.environment_type);
    definition.map_type = request.map_type.unwrap_or(definition.map_type);
    let seed = request.seed.unwrap_or_else(|| app.ids.next_id().as_u64_pair().1 & MAX_SEED);
    check_seed(Some(seed))?;
    within("width", request.width, 3..=100)?;
    within("height", request.height, 3..=100)?;
    within("num_robots", request.num_robots, 1..=10)?;
    within("max_steps", request.max_steps, 1..=100_000)?;
    let world = Played::new(world_of(&definition, request.max_steps)?, seed).map_err(impossible)?;
    let id = app.ids.next_id();
    let added = app.worlds.add(id, world, Instant::now());
    let world = added.map_err(|Full { wait }| {
        let minutes = IDLE.as_secs() / 60;
        let message =
            format!("{MOST_WORLDS} worlds are open; close one, or wait: one that is idle for {minutes} minutes goes");
        Error::TooMany { message, wait }
    })?;
    let location = format!("/api/v1/environment/sessions/{id}");
    let state = changed(id, &world, |_| Ok(()))?;
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], axum::Json(state)).into_response())
}

async fn observe(State(app): State<App>, Path(id): Path<Uuid>) -> Result<axum::Json<Data<WorldState>>> {
    let world = open_world(&app, id)?;
    Ok(axum::Json(changed(id, &world, |_| Ok(()))?))
}

async fn reset(
    State(app): State<App>,
    Path(id): Path<Uuid>,
    OptionalJson(request): OptionalJson<ResetRequest>,
) -> Result<axum::Json<Data<WorldState>>> {
    check_seed(request.seed)?;
    let world = open_world(&app, id)?;
    Ok(axum::Json(changed(id, &world, |world| world.reset(request.seed).map_err(impossible))?))
}

async fn act(
    State(app): State<App>,
    Path(id): Path<Uuid>,
    Json(request): Json<ActionRequest>,
) -> Result<axum::Json<Data<WorldState>>> {
    let world = open_world(&app, id)?;
    let actions: Option<Vec<Action>> = request.actions.iter().map(|action| Action::from_index(*action)).collect();
    let actions = actions.ok_or_else(|| Error::invalid(&["body", "actions"], "an action is 0, 1, 2 or 3"))?;
    let step = |world: &mut Played| {
        let robots = world.environment.world().num_robots();
        if actions.len() != robots {
            return Err(Error::invalid(&["body", "actions"], format!("must be {robots}, one per robot")));
        }
        if world.is_over() {
            return Err(Error::Conflict("the episode is over; reset the world".to_owned()));
        }
        world.step(&actions);
        Ok(())
    };
    Ok(axum::Json(changed(id, &world, step)?))
}

async fn close(State(app): State<App>, Path(id): Path<Uuid>) -> Result<StatusCode> {
    if app.worlds.remove(id) { Ok(StatusCode::NO_CONTENT) } else { Err(no_world(id)) }
}

fn open_world(app: &App, id: Uuid) -> Result<Arc<Mutex<Played>>> {
    app.worlds.get(id, Instant::now()).ok_or_else(|| no_world(id))
}

/// The world after `change`.
fn changed(
    session_id: Uuid,
    world: &Mutex<Played>,
    change: impl FnOnce(&mut Played) -> Result<()>,
) -> Result<Data<WorldState>> {
    let mut played = world.lock().unwrap_or_else(PoisonError::into_inner);
    change(&mut played)?;
    let world = played.environment.world();
    let legal = |robot| Action::ALL.into_iter().filter(move |action| world.action_mask(robot).allows(*action));
    let state = WorldState {
        session_id,
        state: experiments::live_frame(session_id.into(), &played.environment),
        legal_actions: (0..world.num_robots()).map(|robot| legal(robot).map(|action| action as u8).collect()).collect(),
        reward: played.outcome.as_ref().map(|outcome| outcome.reward),
        mean_threat: world.mean_threat(),
        coverage_ratio: world.coverage(),
        terminated: world.terminated(),
        truncated: world.truncated(),
    };
    Ok(Data { data: state })
}

fn world_of(definition: &Definition, max_steps: Option<u32>) -> Result<WorldConfig> {
    let settings = WorldSettings {
        environment_type: definition.environment_type,
        width: definition.width,
        height: definition.height,
        num_robots: definition.num_robots,
        map: MapSettings { map_type: definition.map_type, seed: None, count: None, initial_wall_probability: None },
        max_steps,
        patrol_reward: PatrolReward::Growth,
        patrol_mode: PatrolMode::OnAction,
        patrol_radius: PatrolRadius::Fixed,
        strategic_init: false,
        battery_drain_rate: 0.001,
        coverage_weight: 1.5,
        exploration_weight: 3.0,
        diversity_weight: 2.0,
        threat_penalty_weight: 0.0,
        object_weight: 1.0,
    };
    experiments::world_config(&settings).map_err(|error| Error::invalid(&["body"], error.to_string()))
}

fn within(field: &str, given: Option<u32>, range: RangeInclusive<u32>) -> Result<()> {
    match given {
        Some(number) if !range.contains(&number) => {
            Err(Error::invalid(&["body", field], format!("must be {} to {}", range.start(), range.end())))
        }
        _ => Ok(()),
    }
}

fn check_seed(seed: Option<u64>) -> Result<()> {
    match seed {
        Some(seed) if seed > MAX_SEED => Err(Error::invalid(&["body", "seed"], "must be below 2^53")),
        _ => Ok(()),
    }
}

fn impossible(error: environment::WorldError) -> Error {
    Error::invalid(&["body"], format!("no such world can be made: {error}"))
}

fn no_world(id: Uuid) -> Error {
    Error::NotFound(format!("there is no open world {id}; one that nobody touches for 30 minutes goes away"))
}
