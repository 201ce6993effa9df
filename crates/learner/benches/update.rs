//! The optimisation phase alone, on a rollout whose observations are real and whose rest is made up. Throughput "elements" are
//! robot-steps.
#[path = "common/observations.rs"]
mod observations;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use learner::adam::Adam;
use learner::kernels::Kernels;
use learner::network::{Network, NetworkShape};
use learner::ppo::PpoConfig;
use learner::ppo::optimise::{Optimiser, Position};
use learner::random::{Purpose, stream, unit};
use learner::rollout::buffer::{Rollout, RolloutShape};
use observations::observations;

fn optimise(c: &mut Criterion) {
    let mut group = c.benchmark_group("optimise");
    for robots in [1, 4] {
        let config = PpoConfig::for_team(robots);
        let (observed, observation_len) = observations(robots, config.num_envs * config.num_steps * robots);
        let shape = RolloutShape { num_envs: config.num_envs, steps: config.num_steps, robots, observation_len };
        let rollout = rollout(shape, &observed);
        let network = NetworkShape::mlp(observation_len, config.hidden);
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            let mut rng = stream(1, Purpose::InitialWeights, 0, 0);
            let adam = Adam::new(network.len(), config.adam_epsilon);
            let initial = Network::initialised(network.clone(), &mut rng);
            let mut optimiser = Optimiser::new(initial, adam, Kernels::detect(), config.gradient_shards);
            let at = Position { seed: 1, update: 0, progress: 0.0 };
            group.throughput(Throughput::Elements(shape.len() as u64));
            group.bench_function(format!("{robots}x{observation_len}/{threads}_threads"), |b| {
                b.iter(|| optimiser.optimise(&pool, &config, &rollout.batch(observation_len), at));
            });
        }
    }
    group.finish();
}

fn rollout(shape: RolloutShape, observed: &[f32]) -> Rollout {
    let mut rng = stream(2, Purpose::Evaluation, 0, 0);
    let mut rollout = Rollout::default();
    rollout.resize(&[shape]);
    rollout.observations.copy_from_slice(observed);
    rollout.masks.fill(0b1111);
    rollout.actions.fill_with(|| (4.0 * unit(&mut rng)) as u8);
    rollout.log_probs.fill(0.25_f32.ln());
    rollout.advantages.fill_with(|| 2.0 * unit(&mut rng) - 1.0);
    rollout.returns.fill_with(|| unit(&mut rng));
    rollout
}

criterion_group! { name = benches; config = Criterion::default().sample_size(10)
.warm_up_time(std::time::Duration::from_millis(500)).measurement_time(std::time::Duration::from_secs(2));
targets = optimise }
criterion_main!(benches);
