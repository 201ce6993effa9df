use crate::samples::*;
use crate::world::{PATIENCE, World, batch};
use anyhow::Result;
use read_models::{ReadModels, ReadModelsConfig};
use std::time::Duration;
use test_support::TestPostgres;

#[tokio::test]
async fn a_waiter_is_woken_by_the_batch_it_waits_for() -> Result<()> {
    let world = World::with(vec![requested(run(1), "x")]).await?;
    assert!(world.models.wait_for_position(1, PATIENCE).await);
    assert!(!world.models.wait_for_position(2, Duration::from_millis(100)).await);
    let waiting = tokio::spawn({
        let models = world.models.clone();
        async move { models.wait_for_position(3, PATIENCE).await }
    });
    world.apply(1, vec![episode(run(1), 0)]).await?;
    assert!(!waiting.is_finished());
    world.apply(2, vec![episode(run(1), 1)]).await?;
    assert!(waiting.await?);
    Ok(())
}

#[tokio::test]
async fn waiting_and_queries_survive_a_restart_of_postgres() -> Result<()> {
    let postgres = TestPostgres::start().await?;
    let database = postgres.fresh_database().await?;
    let models = ReadModels::connect(&ReadModelsConfig::new(database.url(), "test")).await?;
    models.apply(&batch(0, vec![requested(run(1), "x")])).await?;
    assert!(models.wait_for_position(1, PATIENCE).await);
    postgres.restart().await?;
    let write = async || models.apply(&batch(1, vec![episode(run(1), 0)])).await;
    test_support::wait_for("a write after the restart", PATIENCE, write).await?;
    assert!(models.wait_for_position(2, PATIENCE).await);
    Ok(())
}

#[tokio::test]
async fn addresses_that_lead_nowhere_are_explained() {
    let mut config = ReadModelsConfig::new("not an address", "test");
    config.acquire_within = Duration::from_millis(200);
    let error = ReadModels::connect(&config).await.expect_err("no address");
    assert!(error.to_string().contains("DATABASE_URL") && !error.is_retryable(), "{error}");
    config.url = "postgres://nobody@127.0.0.1:1/nothing".into();
    let error = ReadModels::connect(&config).await.expect_err("nobody there");
    assert!(error.to_string().contains("cannot be reached") && error.is_retryable(), "{error}");
}
