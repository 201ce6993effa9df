use anyhow::Result;
use read_models::{ReadModels, ReadModelsConfig};
use test_support::TestPostgres;

use crate::samples;
use crate::world::batch;

#[tokio::test]
async fn migrations_go_up_down_and_up_again() -> Result<()> {
    let postgres = TestPostgres::shared().await?;
    let database = postgres.empty_database().await?;
    let models = ReadModels::connect(&ReadModelsConfig::new(database.url(), "test")).await?;
    models.migrate().await?;
    models.migrate().await?;
    models.apply(&batch(0, samples::history())).await?;
    let before = models.snapshot().await?.fingerprints().await?;
    models.migrate_down_to(0).await?;
    let gone = models.row_counts().await.expect_err("no table is left");
    assert!(format!("{gone:?}").contains("42P01"), "{gone:?}");
    models.migrate().await?;
    models.apply(&batch(0, samples::history())).await?;
    assert_eq!(models.snapshot().await?.fingerprints().await?, before);
    Ok(())
}

#[tokio::test]
async fn what_was_there_before_is_counted() -> Result<()> {
    const BEFORE: i64 = 20261126080000;
    let postgres = TestPostgres::shared().await?;
    let database = postgres.fresh_database().await?;
    let models = ReadModels::connect(&ReadModelsConfig::new(database.url(), "test")).await?;
    models.apply(&batch(0, samples::history())).await?;
    let counted = models.snapshot().await?.fingerprints().await?;
    models.migrate_down_to(BEFORE).await?;
    models.migrate().await?;
    assert_eq!(models.snapshot().await?.fingerprints().await?, counted);
    assert!(counted.iter().any(|table| table.table == "run_counts" && table.rows > 0));
    Ok(())
}

#[tokio::test]
async fn several_services_may_migrate_at_once() -> Result<()> {
    let postgres = TestPostgres::shared().await?;
    let database = postgres.empty_database().await?;
    let config = ReadModelsConfig::new(database.url(), "test");
    let (one, two) = (ReadModels::connect(&config).await?, ReadModels::connect(&config).await?);
    let both: (read_models::Result<()>, read_models::Result<()>) = tokio::join!(one.migrate(), two.migrate());
    both.0?;
    both.1?;
    Ok(())
}
