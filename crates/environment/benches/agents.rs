//! Speed of the scripted agents, planning and simulator included.
//!
//! One iteration is one step of one world, played from episode to episode; throughput is in environment steps per second.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use environment::{Action, Agent, EpisodeKey, Purpose, ScriptedAgent, StepRecord, World, WorldConfig};

const WORLDS: &[(usize, usize)] = &[(20, 1), (20, 4), (50, 4)];

fn agents(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("agents");
    group.throughput(Throughput::Elements(1));
    for script in ScriptedAgent::ALL {
        for (side, robots) in WORLDS {
            group.bench_function(BenchmarkId::new(script.name(), format!("{side}x{side}/{robots}")), |bencher| {
                let mut player = Player::new(script, *side, *robots);
                bencher.iter(|| player.step());
            });
        }
    }
    group.finish();
}

/// Plays one episode after the other.
struct Player {
    agent: Box<dyn Agent>,
    world: World,
    actions: Vec<Action>,
    record: StepRecord,
}

impl Player {
    fn new(script: ScriptedAgent, side: usize, robots: usize) -> Self {
        let config = WorldConfig { width: side, height: side, num_robots: robots, ..WorldConfig::default() };
        let key = EpisodeKey { run_seed: 1, purpose: Purpose::Test, env_index: 0, episode: 0 };
        let world = World::new(&config, key).expect("the default world exists");
        let mut agent = script.build();
        agent.reset(&world);
        Self { agent, world, actions: vec![Action::Patrol; robots], record: StepRecord::new() }
    }

    fn step(&mut self) {
        self.agent.act(&self.world, &mut self.actions);
        self.world.step(&self.actions, &mut self.record);
        if self.record.done() {
            let key = self.world.key();
            self.world.reset(EpisodeKey { episode: key.episode + 1, ..key }).expect("every episode has a map");
            self.agent.reset(&self.world);
        }
    }
}

criterion_group!(benches, agents);
criterion_main!(benches);
