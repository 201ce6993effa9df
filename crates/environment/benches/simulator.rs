//! Speed of the simulator, with and without observations, by size of the world and of the team.
//!
//! One iteration is one step of one world; its throughput is in robot-steps per second. Actions are drawn from the
//! mask, as a policy under training would at first. The way back to the scripted tour is found anew for a robot that strays, so
//! that observations with it are measured twice: of robots that follow it, as policies nearly do, and of robots that never mean to.
//! `step_and_observe_slack` is what a team of a run sees. `step_and_observe_run` is what a lone robot of a run sees where that
//! is more: the ring of obstacles around the near map.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use environment::{Action, EpisodeKey, MapConfig, MapType, ObservationSpec, Purpose, StepRecord, World, WorldConfig};
use std::hint::black_box;

const WORLDS: &[(usize, usize)] = &[(8, 1), (20, 1), (50, 1), (8, 4), (20, 4), (50, 4), (20, 10)];

fn simulator(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("simulator");
    for (side, robots) in WORLDS {
        group.throughput(Throughput::Elements(*robots as u64));
        group.bench_function(BenchmarkId::new("step", format!("{side}x{side}/{robots}")), |bencher| {
            let mut player = Player::new(*side, *robots);
            bencher.iter(|| player.step());
        });
        let spec = ObservationSpec { tour: false, ..ObservationSpec::for_team(*robots) };
        let of_a_run = ObservationSpec::for_world(&config(*side, *robots));
        let ring = of_a_run.ring.then_some(("step_and_observe_run", &of_a_run));
        for (name, spec) in [("step_and_observe", &spec)].into_iter().chain(ring) {
            group.bench_function(BenchmarkId::new(name, format!("{side}x{side}/{robots}")), |bencher| {
                let mut player = Player::new(*side, *robots);
                player.world.track_observations(spec);
                let mut rows = vec![0.0; spec.len() * robots];
                bencher.iter(|| {
                    player.step();
                    player.observe(spec, &mut rows);
                    black_box(&mut rows);
                });
            });
        }
        let with_the_tour = [
            ("step_and_observe_tour/following", true, false),
            ("step_and_observe_tour/straying", false, false),
            ("step_and_observe_slack/following", true, true),
        ];
        for (name, follows, slack) in with_the_tour {
            let spec = ObservationSpec { tour: true, slack, ..spec.clone() };
            let Some(tour) = spec.block("tour") else { continue };
            group.bench_function(BenchmarkId::new(name, format!("{side}x{side}/{robots}")), |bencher| {
                let mut player = Player::new(*side, *robots);
                player.world.track_observations(&spec);
                let mut rows = vec![0.0; spec.len() * robots];
                player.observe(&spec, &mut rows);
                bencher.iter(|| {
                    player.choose();
                    if follows {
                        let advised = rows.chunks_exact(spec.len()).map(|row| &row[tour.clone()]);
                        player.follow(advised);
                    }
                    player.play();
                    player.observe(&spec, &mut rows);
                    black_box(&mut rows);
                });
            });
        }
    }
    group.finish();
}

/// As a learner uses it: 64 worlds in turn, each observed into its own row of one matrix.
fn batch(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("simulator");
    for robots in [1, 4] {
        let mut players: Vec<Player> = (0..64).map(|index| Player::with_seed(20, robots, index)).collect();
        let spec = ObservationSpec { tour: false, ..ObservationSpec::for_team(robots) };
        players.iter_mut().for_each(|player| player.world.track_observations(&spec));
        let mut rows = vec![0.0; spec.len() * robots * players.len()];
        group.throughput(Throughput::Elements((robots * players.len()) as u64));
        group.bench_function(BenchmarkId::new("step_and_observe_64_worlds", format!("20x20/{robots}")), |bencher| {
            bencher.iter(|| {
                for (player, rows) in players.iter_mut().zip(rows.chunks_exact_mut(spec.len() * robots)) {
                    player.step();
                    player.observe(&spec, rows);
                }
                black_box(&mut rows);
            });
        });
    }
    group.finish();
}

/// The start of an episode with a map of its own.
fn reset(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("reset");
    for map_type in MapType::ALL {
        let map = MapConfig { map_type, ..MapConfig::default() };
        let mut world = World::new(&WorldConfig { map, ..WorldConfig::default() }, key(0)).expect("a map");
        let mut episode = 0;
        group.bench_function(BenchmarkId::new("20x20", map_type.name()), |bencher| {
            bencher.iter(|| {
                episode += 1;
                world.reset(EpisodeKey { episode, ..key(0) }).expect("a map");
            });
        });
    }
    group.finish();
}

fn key(env_index: u32) -> EpisodeKey {
    EpisodeKey { run_seed: 1, purpose: Purpose::Test, env_index, episode: 0 }
}

fn config(side: usize, num_robots: usize) -> WorldConfig {
    WorldConfig { width: side, height: side, num_robots, ..WorldConfig::default() }
}

/// Plays one world over and over with allowed random actions.
struct Player {
    world: World,
    actions: Vec<Action>,
    record: StepRecord,
    random: u32,
}

impl Player {
    fn new(side: usize, num_robots: usize) -> Self {
        Self::with_seed(side, num_robots, 0)
    }

    fn with_seed(side: usize, num_robots: usize, index: u32) -> Self {
        let world = World::new(&config(side, num_robots), key(index)).expect("a valid configuration");
        Self { world, actions: vec![Action::Patrol; num_robots], record: StepRecord::new(), random: index + 1 }
    }

    fn step(&mut self) {
        self.choose();
        self.play();
    }

    fn observe(&self, spec: &ObservationSpec, rows: &mut [f32]) {
        for (robot, row) in rows.chunks_exact_mut(spec.len()).enumerate() {
            spec.write(&self.world, robot, row);
        }
    }

    /// Replaces what was chosen by what is advised, where anything is.
    fn follow<'a>(&mut self, advised: impl Iterator<Item = &'a [f32]>) {
        for (action, advice) in self.actions.iter_mut().zip(advised) {
            if let Some(index) = advice.iter().position(|value| *value > 0.0) {
                *action = Action::ALL[index];
            }
        }
    }

    fn choose(&mut self) {
        for robot in 0..self.actions.len() {
            let mask = self.world.action_mask(robot).0;
            // One of the allowed actions, by the bits of a xorshift generator.
            self.random ^= self.random << 13;
            self.random ^= self.random >> 17;
            self.random ^= self.random << 5;
            let start = self.random & 3;
            let rotated = (mask | mask << 4) >> start;
            let action = (start + rotated.trailing_zeros()) & 3;
            self.actions[robot] = Action::ALL[action as usize];
        }
    }

    fn play(&mut self) {
        self.world.step(&self.actions, &mut self.record);
        if self.record.done() {
            let key = self.world.key();
            self.world.reset(EpisodeKey { episode: key.episode + 1, ..key }).expect("a map");
        }
    }
}

criterion_group!(benches, simulator, batch, reset);
criterion_main!(benches);
