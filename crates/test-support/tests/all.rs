//! The servers that tests of other crates rely on.

use anyhow::Result;
use std::time::Duration;
use test_support::{TestPostgres, TestServers, wait_for, workspace_root};

#[tokio::test]
async fn databases_are_migrated_and_private() -> Result<()> {
    use sqlx::{Connection, PgConnection};
    let postgres = TestPostgres::shared().await?;
    let (one, two) = (postgres.fresh_database().await?, postgres.fresh_database().await?);
    let mut first = PgConnection::connect(one.url()).await?;
    sqlx::raw_sql("CREATE TABLE only_here (n int)").execute(&mut first).await?;
    let mut second = PgConnection::connect(two.url()).await?;
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT relname::text FROM pg_stat_user_tables ORDER BY 1").fetch_all(&mut second).await?;
    assert!(!tables.contains(&"only_here".to_owned()));
    let migrated = workspace_root().join("migrations").is_dir();
    assert_eq!(tables.contains(&"_sqlx_migrations".to_owned()), migrated, "{tables:?}");
    Ok(())
}

#[tokio::test]
async fn both_servers_answer() -> Result<()> {
    let servers = TestServers::start().await?;
    let client = servers.nats.client().await?;
    assert!(client.server_info().jetstream);
    assert!(servers.postgres.url().starts_with("postgres://patrol:"));
    Ok(())
}

#[tokio::test]
async fn waiting_in_vain_tells_the_last_state() {
    let mut tries = 0;
    let attempt = async || {
        tries += 1;
        Err::<(), _>(format!("{tries} tries"))
    };
    let error = wait_for("something", Duration::from_millis(30), attempt).await.expect_err("never");
    let text = error.to_string();
    assert!(text.contains("for something; last state:") && text.ends_with("tries"), "{text}");
}
