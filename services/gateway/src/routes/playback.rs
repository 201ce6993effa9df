//! Recorded episodes, simulated again on demand.

use super::session::SessionStatus;
use crate::api::Api;
use crate::app::App;
use crate::archive::{Recordings, preferred_files};
use crate::error::{Error, Result};
use crate::excerpts::{Cut, Excerpt, FrameKey};
use crate::extract::{PageQuery, Path, Query, RunKey};
use crate::frame_ids::FrameIds;
use crate::frames::{Frame, FrameWriter, Ground, Setting};
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use contracts::RunId;
use contracts::config::{Algorithm, EnvironmentType};
use contracts::events::Split;
use environment::World;
use experiments::{Teams, playback};
use read_models::{Paging, PlaybackSession, RunRow};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trajectories::{Detail, RecordedSteps};

const DEFAULT_SESSIONS: u32 = 20;
const LARGEST_SESSIONS: u32 = 100;
const DEFAULT_FRAMES: u32 = 200;
const LARGEST_FRAMES: u32 = 1000;

pub fn routes(api: Api) -> Api {
    api.get("/api/v1/playback/sessions", sessions, |it| {
        it.says("playback", "Sessions with recorded episodes, newest first")
            .query::<PageQuery>()
            .gives::<SessionPage>(200, "A page of sessions")
            .fails(&[422])
    })
    .get("/api/v1/playback/{id}/frames", frames, |it| {
        it.says("playback", "Frames of a session by episode and step")
            .explains(
                "Simulated again from the recorded seed and actions; every recorded state hash is checked on the way. \
                 External recordings show what their robots reported.",
            )
            .query::<FramesQuery>()
            .gives::<FramePage>(200, "A page of frames")
            .fails(&[404, 409, 422])
    })
}

#[derive(Serialize, JsonSchema)]
struct SessionPage {
    total: u64,
    page: u32,
    page_size: u32,
    /// `after` of the next page, when there is one.
    next: Option<i64>,
    sessions: Vec<PlayableSession>,
}

/// A session with recorded episodes.
#[derive(Serialize, JsonSchema)]
struct PlayableSession {
    session_id: i64,
    name: String,
    algorithm: Algorithm,
    environment_type: EnvironmentType,
    status: SessionStatus,
    num_robots: Option<i32>,
    total_timesteps: i64,
    current_timestep: i64,
    episodes_completed: i64,
    /// Frames that the default split has; about so many where teams of all sizes trained.
    frame_count: u64,
    first_episode: Option<i64>,
    last_episode: Option<i64>,
    first_recorded_at: Option<DateTime<Utc>>,
    last_recorded_at: Option<DateTime<Utc>>,
    /// Of the newest file.
    last_step: Option<i32>,
    created_at: Option<DateTime<Utc>>,
    started_at: Option<DateTime<Utc>>,
    completed_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize, JsonSchema)]
struct FramesQuery {
    /// Counted from 1.
    #[schemars(range(min = 1))]
    page: Option<u32>,
    /// Frames per page; larger values are brought down to 1000.
    #[schemars(range(min = 1))]
    page_size: Option<u32>,
    /// Begin behind the frame with this key, the `next` of the page before, however many there are; pages are counted from
    /// there.
    after: Option<FrameKey>,
    /// Only this episode.
    #[schemars(range(max = 9_007_199_254_740_991_u64))]
    episode: Option<u64>,
    /// What the episodes were for; by default the first of train, external, eval and baseline that has any.
    split: Option<Split>,
}

/// A page of frames, in the order of episodes and steps.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes what `page_json` writes")]
struct FramePage {
    total: u64,
    page: u32,
    page_size: u32,
    /// `after` of the next page, when there is one.
    next: Option<FrameKey>,
    /// What these episodes were for.
    split: Split,
    frames: Vec<Frame>,
}

async fn sessions(State(app): State<App>, Query(query): Query<PageQuery>) -> Result<Json<SessionPage>> {
    let paging = query.paging(DEFAULT_SESSIONS, LARGEST_SESSIONS)?;
    let found = app.models.playback_sessions(paging).await?;
    let mut sessions = Vec::with_capacity(found.items.len());
    for session in found.items {
        sessions.push(playable(&app, session).await?);
    }
    Ok(Json(SessionPage {
        total: found.total,
        page: paging.page(),
        page_size: paging.page_size(),
        next: found.next,
        sessions,
    }))
}

async fn playable(app: &App, session: PlaybackSession) -> Result<PlayableSession> {
    let run = session.run;
    let (split, files) = preferred_files(&app.models, run.run_id.into()).await?;
    let rows = files.iter().map(|file| file.rows.max(0) as u64).sum();
    let frame_count = match split {
        Split::Train => Teams::of(&run.config.0).timesteps(rows),
        Split::Eval | Split::Baseline | Split::External => rows / run.num_robots.max(1) as u64,
    };
    Ok(PlayableSession {
        session_id: run.id,
        algorithm: run.config.0.learning.algorithm,
        environment_type: run.config.0.world.environment_type,
        status: SessionStatus::of(&run),
        num_robots: Some(run.num_robots),
        total_timesteps: run.total_timesteps,
        current_timestep: run.timestep.min(run.total_timesteps),
        episodes_completed: run.episodes_completed,
        frame_count,
        first_episode: files.iter().filter_map(|file| file.first_episode).min(),
        last_episode: files.iter().filter_map(|file| file.last_episode).max(),
        first_recorded_at: Some(session.first_recorded_at),
        last_recorded_at: Some(session.last_recorded_at),
        last_step: session.last_step,
        created_at: Some(run.created_at),
        started_at: run.started_at,
        completed_at: run.completed_at,
        name: run.name,
    })
}

async fn frames(State(app): State<App>, Path(key): Path<RunKey>, Query(query): Query<FramesQuery>) -> Result<Response> {
    let paging = PageQuery { page: query.page, page_size: query.page_size, after: None }
        .paging(DEFAULT_FRAMES, LARGEST_FRAMES)?;
    let run = app.run(key).await?;
    let size = u64::from(paging.page_size());
    let cut = Cut::new(query.after, u64::from(paging.page() - 1) * size, size);
    let recordings = app.recordings(run.run_id.into(), &run.config.0, query.split, query.episode, cut).await?;
    let mut scenes = Vec::new();
    for excerpt in &recordings.excerpts {
        scenes.push(scene(&app, &run, &recordings, excerpt).await?);
    }
    let playing = tokio::task::spawn_blocking(move || page_json(&recordings, paging, scenes));
    let json = playing.await.map_err(Error::internal)??;
    Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response())
}

/// Part of an episode, ready to be played.
struct Scene {
    setting: Setting,
    excerpt: Excerpt,
    recorded: RecordedSteps,
    stage: Stage,
}

enum Stage {
    /// The world before the first step.
    Simulated(Box<World>),
    /// Where an external robot says that it was.
    Recorded { ground: Ground, robots: usize },
}

async fn scene(app: &App, run: &RunRow, recordings: &Recordings, excerpt: &Excerpt) -> Result<Scene> {
    let run_id = RunId(run.run_id);
    let (split, episode) = (recordings.split, excerpt.episode);
    let external = split == Split::External;
    let detail = if external { Detail::Reports } else { Detail::Actions };
    let recorded = app.recorded_steps(recordings, excerpt, detail).await?;
    // Training episodes are named by their number alone.
    let row = match split {
        Split::Train => None,
        _ => app.recorded_episode(run_id, split, episode).await?,
    };
    let stage = if external {
        let ground = match row.and_then(|row| row.map_hash) {
            Some(hash) => app.recorded_map(run_id, split, hash).await?,
            // Not complete yet, or nobody said where the walls are.
            None => None,
        };
        let ground = match ground {
            Some(map) => Ground::of(&playback::map(&map).map_err(Error::internal)?),
            None => Ground::unknown(run.width.max(1) as usize, run.height.max(1) as usize),
        };
        Stage::Recorded { robots: run.num_robots.max(1) as usize, ground }
    } else {
        let world = playback::opening(&run.config.0, split, episode, row.as_ref(), None);
        Stage::Simulated(Box::new(world.map_err(|error| unplayable(episode, error))?))
    };
    let ids = FrameIds::of(split, episode, run.config.0.world.max_steps);
    let setting = Setting { session_id: run.id, episode, ids, recorded_at: run.updated_at };
    Ok(Scene { setting, excerpt: excerpt.clone(), recorded, stage })
}

/// The page as JSON, frame by frame: the frames themselves would take many times the space.
fn page_json(recordings: &Recordings, paging: Paging, scenes: Vec<Scene>) -> Result<Vec<u8>> {
    let (page, page_size, total) = (paging.page(), paging.page_size(), recordings.total);
    let next = recordings.next.map_or("null".to_owned(), |key| format!("\"{key}\""));
    let split = serde_json::to_string(&recordings.split)?;
    let head =
        format!(r#"{{"total":{total},"page":{page},"page_size":{page_size},"next":{next},"split":{split},"frames":["#);
    let mut json = head.into_bytes();
    let beginning = json.len();
    for scene in scenes {
        write(&mut json, scene, beginning)?;
    }
    json.extend_from_slice(b"]}");
    Ok(json)
}

/// Adds the frames of a scene to a list of them that began at `beginning`.
fn write(json: &mut Vec<u8>, scene: Scene, beginning: usize) -> Result<()> {
    let Scene { setting, excerpt, recorded, stage } = scene;
    let separate = |json: &mut Vec<u8>| {
        if json.len() > beginning {
            json.push(b',');
        }
    };
    match stage {
        Stage::Simulated(mut world) => {
            let writer = FrameWriter::new(setting, Ground::of(world.map()))?;
            let mut failure = None;
            let played = playback::replay(&mut world, &recorded, excerpt.steps, |world, actions, outcome| {
                let step = world.current_step().saturating_sub(1);
                separate(json);
                failure = failure.take().or(writer.world(json, step, world, actions, outcome).err());
            });
            played.map_err(|error| unplayable(setting.episode, error))?;
            failure.map_or(Ok(()), |error| Err(error.into()))
        }
        Stage::Recorded { ground, robots } => {
            let writer = FrameWriter::new(setting, ground)?;
            let mut visits = vec![0_u32; writer.ground().cells()];
            for (step, rows) in (0..excerpt.steps.end).zip((0..recorded.len()).step_by(robots)) {
                let rows = rows..(rows + robots).min(recorded.len());
                count(&mut visits, writer.ground(), &recorded, rows.clone());
                if excerpt.steps.contains(&step) {
                    separate(json);
                    writer.record(json, step, &recorded, rows, &visits)?;
                }
            }
            Ok(())
        }
    }
}

/// Counts where the robots are; what lies outside was refused when it was recorded.
fn count(visits: &mut [u32], ground: &Ground, recorded: &RecordedSteps, rows: std::ops::Range<usize>) {
    let (Some(x), Some(y)) = (&recorded.x, &recorded.y) else { return };
    for row in rows {
        if let Some(index) = ground.index(x[row], y[row]) {
            visits[index] += 1;
        }
    }
}

fn unplayable(episode: u64, error: playback::PlaybackError) -> Error {
    Error::Conflict(format!("episode {episode} cannot be played back: {error}"))
}
