//! Kernels against the processor's multiply-add limit. Throughput "elements" are multiply-adds.
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use environment::ObservationSpec;
use learner::kernels::{Finish, Kernels, Rows};
use learner::network::{Activations, Architecture, CHUNK, Network, NetworkShape};
use learner::random::{Purpose, stream, unit};

fn kernels(c: &mut Criterion) {
    let mut group = c.benchmark_group("kernels");
    let mut rng = stream(1, Purpose::InitialWeights, 0, 0);
    let rows = 4_096;
    for observations in [224, 288, 472] {
        let shape = NetworkShape::mlp(observations, 64);
        let x: Vec<f32> = (0..rows * observations).map(|_| unit(&mut rng)).collect();
        let index: Vec<u32> = (0..CHUNK as u32).map(|i| i * 37 % rows as u32).collect();
        let x = Rows { data: &x, stride: observations, index: &index };
        let network = Network::initialised(shape.clone(), &mut rng);
        let (mut out, mut gradient) = (vec![0.0; CHUNK * 64], vec![0.0; shape.len()]);
        let mut scratch = Activations::new(&shape);
        for kernels in Kernels::available() {
            let name = kernels.instruction_set().name();
            group.throughput(Throughput::Elements((CHUNK * observations * 64) as u64));
            group.bench_function(format!("affine/{observations}x64/{name}"), |b| {
                let p = network.parameters();
                b.iter(|| kernels.affine(x, &p[shape.w1()], Some(&p[shape.b1()]), Finish::Relu, &mut out, 64));
            });
            group.bench_function(format!("outer/{observations}x64/{name}"), |b| {
                b.iter(|| kernels.outer(x, &out, &mut gradient[shape.w1()], 64));
            });
            let (forward, backward) = shape.macs();
            group.throughput(Throughput::Elements((CHUNK * (forward + backward)) as u64));
            group.bench_function(format!("network/{observations}/{name}"), |b| {
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
        let shape = NetworkShape::new(Architecture::Cnn, &ObservationSpec::for_team(robots), 64);
        let x: Vec<f32> = (0..CHUNK * shape.observations).map(|_| unit(&mut rng)).collect();
        let x = Rows { data: &x, stride: shape.observations, index: &index };
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
