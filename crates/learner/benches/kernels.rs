//! Kernels against the processor's multiply-add limit, on what robots observe. Throughput "elements" are multiply-adds; those that
//! the sparse kernels leave out count as done.
#[path = "common/observations.rs"]
mod observations;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use environment::{ObservationSpec, WorldConfig};
use learner::kernels::{Aligned, Finish, Kernels, Rows};
use learner::network::{Activations, Architecture, CHUNK, Network, NetworkShape};
use learner::random::{Purpose, stream};
use observations::observations;

fn kernels(c: &mut Criterion) {
    let mut group = c.benchmark_group("kernels");
    let mut rng = stream(1, Purpose::InitialWeights, 0, 0);
    for robots in [1, 4] {
        let rows = 4_096;
        let (x, width) = observations(robots, rows);
        let shape = NetworkShape::mlp(width, 64);
        let index: Vec<u32> = (0..CHUNK as u32).map(|i| i * 37 % rows as u32).collect();
        let x = Rows { data: &x, stride: width, index: &index };
        let network = Network::initialised(shape.clone(), &mut rng);
        let (mut out, mut gradient) = (Aligned::zeros(CHUNK * 64), Aligned::zeros(shape.len()));
        let mut scratch = Activations::new(&shape);
        for kernels in Kernels::available() {
            let name = kernels.instruction_set().name();
            group.throughput(Throughput::Elements((CHUNK * width * 64) as u64));
            let (weights, bias) = (&network.parameters()[shape.w1()], &network.parameters()[shape.b1()]);
            group.bench_function(format!("affine/{width}x64/{name}"), |b| {
                b.iter(|| kernels.affine(x, weights, Some(bias), Finish::Relu, &mut out, 64));
            });
            group.bench_function(format!("affine_sparse/{width}x64/{name}"), |b| {
                b.iter(|| kernels.affine_sparse(x, weights, Some(bias), Finish::Relu, &mut out, 64));
            });
            group.bench_function(format!("outer/{width}x64/{name}"), |b| {
                b.iter(|| kernels.outer(x, &out, &mut gradient[shape.w1()], 64));
            });
            group.bench_function(format!("outer_sparse/{width}x64/{name}"), |b| {
                b.iter(|| kernels.outer_sparse(x, &out, &mut gradient[shape.w1()], 64));
            });
            let (forward, backward) = shape.macs();
            group.throughput(Throughput::Elements((CHUNK * (forward + backward)) as u64));
            group.bench_function(format!("network/{width}/{name}"), |b| {
                b.iter(|| {
                    network.forward(kernels, x, &mut scratch);
                    network.backward(kernels, x, &mut scratch, &mut gradient);
                });
            });
        }
    }
    group.finish();
}

fn convolutions(c: &mut Criterion) {
    let mut group = c.benchmark_group("convolutions");
    let mut rng = stream(1, Purpose::InitialWeights, 0, 0);
    let index: Vec<u32> = (0..CHUNK as u32).collect();
    for robots in [1, 4] {
        let (x, width) = observations(robots, CHUNK);
        let world = WorldConfig { num_robots: robots, ..WorldConfig::default() };
        let shape = NetworkShape::new(Architecture::Cnn, &ObservationSpec::for_world(&world), 64);
        let x = Rows { data: &x, stride: width, index: &index };
        let network = Network::initialised(shape.clone(), &mut rng);
        let (mut scratch, mut gradient) = (Activations::new(&shape), vec![0.0; shape.len()]);
        let (forward, backward) = shape.macs();
        group.throughput(Throughput::Elements((CHUNK * (forward + backward)) as u64));
        for kernels in Kernels::available() {
            group.bench_function(format!("{robots}_robots/{}", kernels.instruction_set().name()), |b| {
                b.iter(|| {
                    network.forward(kernels, x, &mut scratch);
                    network.backward(kernels, x, &mut scratch, &mut gradient);
                });
            });
        }
    }
    group.finish();
}

fn limit(c: &mut Criterion) {
    let mut group = c.benchmark_group("limit");
    for kernels in Kernels::available() {
        let name = kernels.instruction_set().name();
        group.throughput(Throughput::Elements(kernels.multiply_add_limit(1_000)));
        group.bench_function(name, |b| b.iter(|| std::hint::black_box(kernels.multiply_add_limit(1_000))));
    }
    group.finish();
}

criterion_group! { name = benches; config = Criterion::default().sample_size(20)
.warm_up_time(std::time::Duration::from_millis(300)).measurement_time(std::time::Duration::from_millis(900));
targets = limit, kernels, convolutions }
criterion_main!(benches);
