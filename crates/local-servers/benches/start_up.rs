//! Time until the servers answer: the first start with `initdb` and fsync, later ones, and a restart after a crash.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use local_servers::{NatsOptions, NatsServer, PostgresOptions, PostgresServer, find_nats_server, find_postgres};
use std::path::Path;
use tempfile::TempDir;
use tokio::runtime::Runtime;

fn nats(dir: &Path) -> NatsOptions {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../var/tools");
    NatsOptions::new(find_nats_server(&tools).expect("run `cargo xtask setup`"), dir.join("nats"))
}

fn postgres(dir: &Path) -> PostgresOptions {
    let data_dir = dir.join("postgres");
    PostgresOptions::new(find_postgres(&data_dir).expect("run `cargo xtask setup`"), data_dir)
}

fn start_up(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("start_up");
    group.sample_size(10);
    let new_directory = || TempDir::new().expect("a temporary directory");
    group.bench_function("nats_first", |bencher| {
        let start = |dir: TempDir| (runtime.block_on(NatsServer::start(nats(dir.path()))).expect("nats"), dir);
        bencher.iter_batched(new_directory, start, BatchSize::PerIteration);
    });
    group.bench_function("postgres_first", |bencher| {
        let start =
            |dir: TempDir| (runtime.block_on(PostgresServer::start(postgres(dir.path()))).expect("postgres"), dir);
        bencher.iter_batched(new_directory, start, BatchSize::PerIteration);
    });
    let kept = new_directory();
    drop(runtime.block_on(PostgresServer::start(postgres(kept.path()))).expect("postgres"));
    group.bench_function("postgres_later", |bencher| {
        let start = |()| runtime.block_on(PostgresServer::start(postgres(kept.path()))).expect("postgres");
        bencher.iter_batched(|| (), start, BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, start_up);
criterion_main!(benches);
