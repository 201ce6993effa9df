//! Scripted agents: never stuck, never out of battery, the same again for the same episode, as good as they should be.

use environment::config::MapType;
use environment::rng::below;
use environment::{
    Action, Agent, EpisodeKey, EpisodeSummary, MapConfig, PatrolMode, Protocol, Purpose, ScriptedActor, ScriptedAgent,
    StepRecord, Stream, World, WorldConfig, WorldError, evaluate, run_episode,
};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;

fn key(run_seed: u64) -> EpisodeKey {
    EpisodeKey { run_seed, purpose: Purpose::Test, env_index: 0, episode: 0 }
}

fn config(map_type: MapType, width: usize, height: usize, num_robots: usize) -> WorldConfig {
    let map = MapConfig { map_type, ..MapConfig::default() };
    WorldConfig { width, height, num_robots, map, ..WorldConfig::default() }
}

fn play(script: ScriptedAgent, config: &WorldConfig, seed: u64) -> Result<EpisodeSummary, WorldError> {
    run_episode(script.build().as_mut(), config, key(seed))
}

fn any_script() -> impl Strategy<Value = ScriptedAgent> {
    prop::sample::select(ScriptedAgent::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn agents_play_any_world_to_its_end(
        script in any_script(), map_type in prop::sample::select(MapType::ALL.to_vec()), width in 3usize..=50,
        height in 3usize..=50, robots in 1usize..=10, drain in prop::sample::select(vec![0.0, 0.001, 0.3, 2.0, 100.0]),
        every_step: bool, strategic_init: bool, seed: u64,
    ) {
        let mut config = config(map_type, width, height, robots);
        config.max_steps = Some(300);
        config.battery_drain_rate = drain;
        config.strategic_init = strategic_init;
        config.patrol_mode = if every_step { PatrolMode::EveryStep } else { PatrolMode::OnAction };
        // Some combinations have no world; those are other tests' business.
        let Ok(summary) = play(script, &config, seed) else { return Ok(()) };
        prop_assert!(summary.terminated || summary.length == 300);
        prop_assert_eq!(play(script, &config, seed).unwrap(), summary);
    }
}

#[test]
fn the_largest_world_is_played_by_every_agent() {
    for map_type in MapType::ALL {
        let config = WorldConfig { max_steps: Some(2_000), ..config(map_type, 100, 100, 2) };
        for script in ScriptedAgent::ALL {
            let summary = play(script, &config, 5).expect("a world of 100 by 100 cells");
            assert_eq!(summary.length, 2_000);
            assert!(summary.coverage > 0.02, "{} on {map_type:?}: {}", script.name(), summary.coverage);
        }
    }
    let larger = config(MapType::Random, 101, 100, 1);
    assert!(larger.validate().is_err());
}

#[test]
fn an_agent_is_the_same_after_another_episode() {
    for script in ScriptedAgent::ALL {
        let config = config(MapType::Room, 15, 12, 3);
        let mut agent = script.build();
        run_episode(agent.as_mut(), &config, key(1)).unwrap();
        let again = run_episode(agent.as_mut(), &config, key(2)).unwrap();
        assert_eq!(again, play(script, &config, 2).unwrap(), "{}", script.name());
    }
}

#[test]
fn side_by_side_is_the_same_as_alone() {
    for script in ScriptedAgent::ALL {
        let world = config(MapType::Random, 10, 10, 2);
        let protocol = Protocol { world: WorldConfig { max_steps: Some(200), ..world }, seed: 3, episodes: 40 };
        let evaluation = evaluate(&mut ScriptedActor::new(script), &protocol).unwrap();
        let alone = run_episode(script.build().as_mut(), &protocol.world, protocol.key(33)).unwrap();
        assert_eq!(evaluation.episodes[33], alone, "{}", script.name());
        assert_eq!(evaluation.mean_threat.unwrap().count, 40);
    }
}

#[test]
fn tours_cover_every_floor() {
    for map_type in MapType::ALL {
        for (side, robots) in [(5, 1), (8, 2), (20, 1), (20, 4), (31, 3)] {
            for seed in 0..5 {
                let Ok(summary) = play(ScriptedAgent::Tour, &config(map_type, side, side, robots), seed) else {
                    continue;
                };
                let name = map_type.name();
                assert_eq!(summary.coverage, 1.0, "{name} {side}x{side}, {robots} robots, seed {seed}: {summary:?}");
            }
        }
    }
}

#[test]
fn teams_with_goals_never_stay_stuck() {
    let scripts = ScriptedAgent::ALL.into_iter().filter(|script| *script != ScriptedAgent::RandomWalk);
    for script in scripts {
        for (map_type, robots) in [(MapType::Maze, 3), (MapType::Maze, 6), (MapType::Room, 8), (MapType::Cave, 10)] {
            for seed in 0..3 {
                let config = config(map_type, 17, 17, robots);
                let idle = longest_idle(script, &config, seed);
                let worst = idle.iter().max().copied().unwrap_or(0);
                assert!(worst < 150, "{} on {}, seed {seed}: {idle:?}", script.name(), map_type.name());
            }
        }
    }
}

/// The most steps in a row that each robot stayed on its cell.
fn longest_idle(script: ScriptedAgent, config: &WorldConfig, seed: u64) -> Vec<u32> {
    let mut world = World::new(config, key(seed)).unwrap();
    let mut agent = script.build();
    agent.reset(&world);
    let mut actions = vec![Action::Patrol; config.num_robots];
    let mut record = StepRecord::new();
    let mut now = vec![0u32; config.num_robots];
    let mut longest = now.clone();
    while !record.done() {
        let before: Vec<_> = world.robots().iter().map(|robot| robot.cell).collect();
        agent.act(&world, &mut actions);
        world.step(&actions, &mut record);
        for (robot, state) in world.robots().iter().enumerate() {
            now[robot] = if state.cell == before[robot] { now[robot] + 1 } else { 0 };
            longest[robot] = longest[robot].max(now[robot]);
        }
    }
    longest
}

#[test]
fn nobody_who_could_charge_in_time_runs_empty() {
    for script in ScriptedAgent::ALL {
        for (map_type, robots) in [(MapType::Random, 1), (MapType::Random, 4), (MapType::Room, 2), (MapType::Maze, 1)] {
            for drain in [0.1, 0.5] {
                let config = WorldConfig { battery_drain_rate: drain, ..config(map_type, 20, 20, robots) };
                let deaths: u32 = (0..3).map(|seed| play(script, &config, seed).unwrap().battery_deaths).sum();
                assert_eq!(deaths, 0, "{} on {}, {robots} robots, drain {drain}", script.name(), map_type.name());
            }
        }
    }
}

/// Corridors of width one, in which robots cannot pass each other: four robots share stations that block the way of the
/// others while somebody charges there.
#[test]
fn nobody_runs_empty_in_a_maze() {
    for drain in [0.1, 0.3, 0.5] {
        let config = WorldConfig { battery_drain_rate: drain, ..config(MapType::Maze, 20, 20, 4) };
        for seed in 0..20 {
            let tour = play(ScriptedAgent::Tour, &config, seed).unwrap();
            assert_eq!(tour.battery_deaths, 0, "tour, drain {drain}, seed {seed}");
            let walk = run_episode(&mut Wanderer::default(), &config, key(seed)).unwrap();
            assert_eq!(walk.battery_deaths, 0, "random walk under the mask, drain {drain}, seed {seed}");
            assert!(tour.charging_events > 3 && walk.charging_events > 3, "drain {drain}, seed {seed}");
        }
    }
}

/// Any action that the mask allows: the policy that helps least.
#[derive(Default)]
struct Wanderer(Option<ChaCha8Rng>);

impl Agent for Wanderer {
    fn name(&self) -> &'static str {
        "wanderer"
    }

    fn reset(&mut self, world: &World) {
        self.0 = Some(world.key().rng(Stream::Agent));
    }

    fn act(&mut self, world: &World, actions: &mut [Action]) {
        let rng = self.0.as_mut().expect("reset comes first");
        for (robot, action) in actions.iter_mut().enumerate() {
            let mask = world.action_mask(robot);
            let allowed: Vec<Action> = Action::ALL.into_iter().filter(|action| mask.allows(*action)).collect();
            *action = allowed[below(rng, allowed.len())];
        }
    }
}

#[test]
fn goal_driven_agents_do_not_bump_into_each_other() {
    for script in [ScriptedAgent::Tour, ScriptedAgent::Greedy, ScriptedAgent::Sebs, ScriptedAgent::Spiral] {
        let summary = play(script, &config(MapType::Room, 20, 20, 8), 5).unwrap();
        assert_eq!(summary.interferences, 0, "{}", script.name());
    }
}

#[test]
fn agents_rank_as_they_should() {
    for (robots, tour_bar, greedy_bar) in [(1, 0.57, 0.66), (4, 0.16, 0.22)] {
        let protocol = Protocol { world: config(MapType::Random, 20, 20, robots), seed: 11, episodes: 20 };
        let play = |script| evaluate(&mut ScriptedActor::new(script), &protocol).unwrap();
        let scripts =
            [ScriptedAgent::Tour, ScriptedAgent::Greedy, ScriptedAgent::HorizontalScan, ScriptedAgent::RandomWalk];
        let evaluations = scripts.map(play);
        let [tour, greedy, scan, random] = evaluations.each_ref().map(|e| e.mean_threat.unwrap().mean);
        // A robot alone clears as much if it is greedy, but leaves some cells for much longer.
        assert!(tour < greedy + 0.01 && greedy < scan && scan < random, "{tour} {greedy} {scan} {random}");
        assert!(tour < tour_bar, "tour {tour}");
        assert!(greedy < greedy_bar, "greedy {greedy}");
        let [tour, greedy, ..] = evaluations.map(|e| e.worst_idleness.unwrap().mean);
        assert!(2.0 * tour < greedy, "worst idleness {tour} {greedy}");
    }
}

#[test]
fn names_are_read_back_and_others_refused() {
    for script in ScriptedAgent::ALL {
        assert_eq!(script.name().parse(), Ok(script));
        assert_eq!(script.build().name(), script.name());
    }
    let error = "zigzag".parse::<ScriptedAgent>().unwrap_err().to_string();
    assert!(error.contains("zigzag") && error.contains("horizontal_scan"), "{error}");
}
