//! Episodes of every kind, played back from the archive. Every simulated frame met the state hash that was recorded: the
//! gateway refuses to show a world that differs.

use crate::external::Robot;
use crate::world::{PATIENCE, World};
use anyhow::{Context, Result, ensure};
use contracts::RunId;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use test_support::wait_for;

#[tokio::test]
async fn a_trained_session_can_be_looked_into_and_played_back() -> Result<()> {
    let world = World::with_trainer().await?;
    let body = json!({
        "name": "two robots", "algorithm": "ppo", "total_timesteps": 4096, "env_width": 9, "env_height": 7,
        "num_robots": 2, "num_envs": 4, "config": {"max_steps": 200, "rollout_length": 128}
    });
    let session = world.train(body).await?;
    assert!(session["model_path"].is_string(), "{session:#}");
    let (id, sessions) = (&session["id"], "/api/v1/playback/sessions");
    let checkpoints = world.found(&format!("/api/v1/training/{id}/checkpoints")).await?;
    assert_eq!(checkpoints["checkpoints"][0]["digest"], session["digest"], "{checkpoints:#}");
    assert_eq!(checkpoints["checkpoints"][0]["is_last"], true);
    let episodes = world.found(&format!("/api/v1/training/{id}/episodes")).await?;
    assert_eq!(episodes["total"], session["episodes_completed"]);
    assert_eq!(episodes["episodes"][0]["length"], 200);
    let history = world.found(&format!("/api/v1/training/{id}/events?aggregate=run")).await?;
    assert_eq!(history["events"][0]["type"], "patrol.run.requested.v1");

    let frames = Frames { world: &world, id: id.clone() };
    frames.wait_until(4096, "page_size=1").await?;
    let playable = world.found(sessions).await?["sessions"][0].clone();
    assert_eq!((&playable["session_id"], &playable["frame_count"]), (id, &json!(4096)), "{playable:#}");

    // Pages cut one sequence, and episodes follow each other.
    let long = frames.list("page=2&page_size=300").await?;
    let short = frames.list("page=4&page_size=100").await?;
    assert_eq!((long.len(), short.len()), (300, 100));
    assert_eq!(long[..100], short[..]);
    let ids: Vec<u64> = long.iter().filter_map(|frame| frame["id"].as_u64()).collect();
    assert!(ids.len() == 300 && ids.is_sorted_by(|one, next| one < next), "{ids:?}");
    let frame = &short[0];
    assert_eq!(frame["robots"].as_array().map(Vec::len), Some(2), "{frame}");
    for grid in ["/threat_grid/levels", "/coverage_map/levels", "/coverage_map/counts", "/obstacles/levels"] {
        let rows = frame.pointer(grid).and_then(Value::as_array).context(grid)?;
        assert_eq!((rows.len(), rows[0].as_array().map(Vec::len)), (7, Some(9)), "{grid}");
    }
    let one = frames.list("episode=3&page_size=1000").await?;
    assert_eq!((one.len(), &one[199]["step"]), (200, &json!(199)));
    assert_eq!(frames.list("split=eval").await?.len(), 0);
    // All pages together are all steps, each once, by number and by key.
    let mut seen = Vec::new();
    for page in 1..=5 {
        seen.extend(frames.list(&format!("page={page}&page_size=1000")).await?);
    }
    assert_eq!((seen.len(), frames.list("page=6&page_size=1000").await?.len()), (4096, 0));
    assert_eq!(frames.by_key("page_size=700").await?, seen);
    assert_eq!(frames.by_key("episode=3&page_size=90").await?, one);
    let behind = "after=3-199&page=2&page_size=10&split=train";
    let place = seen.iter().position(|frame| frame == &one[199]).context("the end of an episode")?;
    assert_eq!(frames.list(behind).await?, seen[place + 11..place + 21]);
    for wrong in ["after=3", "after=3-x", "after=-1-1"] {
        let (status, _) = world.get(&format!("/api/v1/playback/{id}/frames?{wrong}")).await?;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
    Ok(())
}

/// Every environment has a team of its own size, every episode a world of its own.
#[tokio::test]
async fn episodes_in_worlds_of_all_kinds_are_played_back() -> Result<()> {
    const ENVIRONMENTS: u64 = 22;
    let world = World::with_trainer().await?;
    let body = json!({
        "name": "all kinds", "algorithm": "ppo", "total_timesteps": 64 * ENVIRONMENTS, "num_envs": ENVIRONMENTS,
        "config": {"worlds": "universal", "max_steps": 40, "rollout_length": 32}
    });
    let session = world.train(body).await?;
    assert_eq!(session["config"]["worlds"], "universal");
    let frames = Frames { world: &world, id: session["id"].clone() };
    let total = frames.wait_until(64 * ENVIRONMENTS, "page_size=1").await?;
    let playable = world.found("/api/v1/playback/sessions").await?["sessions"][0].clone();
    assert_eq!(playable["frame_count"], total, "{playable:#}");
    let (mut places, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for page in 1..=total.div_ceil(100) {
        for frame in frames.list(&format!("page={page}&page_size=100")).await? {
            let environment = frame["episode"].as_u64().context("an episode")? % ENVIRONMENTS;
            let robots = frame["robots"].as_array().map_or(0, Vec::len);
            let levels = frame.pointer("/threat_grid/levels").and_then(Value::as_array).context("a grid")?;
            let width = levels[0].as_array().map_or(0, Vec::len);
            ids.insert(frame["id"].as_u64());
            places.insert((environment, robots, width, levels.len()));
        }
    }
    assert_eq!(ids.len() as u64, total, "every frame has an id of its own");
    let teams: BTreeSet<(u64, usize)> =
        places.iter().map(|(environment, robots, ..)| (*environment, *robots)).collect();
    assert_eq!(teams.len() as u64, ENVIRONMENTS, "a team keeps its size: {teams:?}");
    assert_eq!(teams.iter().map(|(_, robots)| *robots).collect::<BTreeSet<_>>().len(), 10, "{teams:?}");
    assert!(
        places.len() > teams.len() && places.iter().any(|(.., width, height)| width.max(height) > &20),
        "{places:?}"
    );
    Ok(())
}

#[tokio::test]
async fn evaluations_and_scripted_agents_are_played_back() -> Result<()> {
    let world = World::with_evaluator().await?;
    let body = json!({
        "name": "evaluated", "algorithm": "ppo", "total_timesteps": 512, "num_robots": 2, "num_envs": 2,
        "config": {"max_steps": 60, "rollout_length": 128, "evaluation_episodes": 2, "battery_drain_rate": 0.2}
    });
    let session = world.train(body).await?;
    let frames = Frames { world: &world, id: session["id"].clone() };
    // Two episodes with sampled actions and two with the most probable ones.
    let total = frames.wait_until(4 * 60, "split=eval&page_size=1").await?;
    let page = frames.list("split=eval&page_size=1000").await?;
    assert_eq!(page.len() as u64, total);
    let agents = world.found("/api/v1/template-agents/types").await?.as_array().context("agents")?.len() as u64;
    let total = frames.wait_until(agents * 2 * 60, "split=baseline&page_size=1").await?;
    let last = frames.list(&format!("split=baseline&page={total}&page_size=1")).await?;
    assert_eq!((&last[0]["episode"], &last[0]["step"]), (&json!(agents * 2 - 1), &json!(59)));
    // The number of an episode does not choose what it was for.
    for number in [0, agents * 2 - 1] {
        let page = frames.page(&format!("episode={number}&page_size=1")).await?;
        assert_eq!((&page["split"], page["total"] == 0), (&json!("train"), number > 9), "{number}: {:.300}", page);
    }
    // Any episode by its number, from its first step.
    for split in ["eval", "baseline"] {
        let all = frames.list(&format!("split={split}&page_size=1000")).await?;
        let episode = &all.last().context("frames")?["episode"];
        let one = frames.list(&format!("split={split}&episode={episode}&page_size=1000")).await?;
        assert_eq!(one, all[all.len() - 60..]);
    }
    Ok(())
}

#[tokio::test]
async fn external_robots_are_shown_where_they_said_they_were() -> Result<()> {
    let world = World::start().await?;
    let body = json!({"name": "outside", "algorithm": "ppo", "total_timesteps": 100, "env_width": 6, "env_height": 5});
    let (status, session) = world.post("/api/v1/training/start", body).await?;
    ensure!(status == StatusCode::ACCEPTED, "{session:#}");
    let run: RunId = session["run_id"].as_str().context("a UUID")?.parse()?;
    let robot = Robot { run, width: 6, height: 5 };
    // One whose map is known, and one of which only the way is known.
    world.log.publish_trajectory(&robot.with_map(0, 4)?).await?;
    world.log.publish_trajectory(&robot.steps_only(1, 3)?).await?;
    let frames = Frames { world: &world, id: session["id"].clone() };
    frames.wait_until(7, "page_size=1").await?;
    let all = frames.list("page_size=1000").await?;
    let places = |frames: &[Value]| frames.iter().map(|frame| frame["robot_x"].as_u64()).collect::<Vec<_>>();
    assert_eq!(places(&all), [0, 1, 2, 3, 0, 1, 2].map(Some));
    assert_eq!((&all[3]["episode"], &all[3]["battery_percentage"]), (&json!(0), &json!(97.0)));
    assert_eq!((&all[3]["action_taken"], &all[3]["reward_received"]), (&json!(0), &json!(0.5)));
    assert_eq!(all[3]["coverage_map"]["counts"][0], json!([1, 1, 1, 1, 0, 0]));
    assert_eq!(all[0]["obstacles"]["levels"][4][5], true);
    assert_eq!(all[0]["charging_stations"], json!([{"x": 2, "y": 2}]));
    assert_eq!((&all[4]["charging_stations"], &all[4]["obstacles"]["levels"][4][5]), (&json!([]), &json!(false)));
    assert_eq!(frames.by_key("page_size=2").await?, all);
    // A page from the middle of an episode knows what was before.
    let middle = frames.list("episode=0&page=2&page_size=2").await?;
    assert_eq!(middle, all[2..4]);
    Ok(())
}

struct Frames<'a> {
    world: &'a World,
    id: Value,
}

impl Frames<'_> {
    async fn page(&self, query: &str) -> Result<Value> {
        self.world.found(&format!("/api/v1/playback/{}/frames?{query}", self.id)).await
    }

    async fn list(&self, query: &str) -> Result<Vec<Value>> {
        self.page(query).await?["frames"].as_array().cloned().context("a list")
    }

    /// Every frame, page after page by the key of the one before.
    async fn by_key(&self, query: &str) -> Result<Vec<Value>> {
        let (mut all, mut page) = (Vec::new(), self.page(query).await?);
        loop {
            all.extend(page["frames"].as_array().cloned().context("a list")?);
            let Some(key) = page["next"].as_str() else { return Ok(all) };
            page = self.page(&format!("{query}&after={key}")).await?;
        }
    }

    /// Waits until so many frames are in the archive.
    async fn wait_until(&self, total: u64, query: &str) -> Result<u64> {
        wait_for("every step in the archive", PATIENCE, async || match self.page(query).await {
            Ok(page) if page["total"] == total => Ok(total),
            Ok(page) => Err(format!("{} of {total}", page["total"])),
            Err(error) => Err(format!("{error:#}")),
        })
        .await
    }
}
