//! The servers that tests of other crates rely on.

use anyhow::Result;
use std::time::Duration;
use test_support::{TestPostgres, TestServers, python, run_to_end, wait_for, workspace_root};

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

#[tokio::test]
async fn scripts_find_the_packages_that_set_up_installed() -> Result<()> {
    let versions = run_to_end(python("packages.py")?, Duration::from_secs(120)).await?;
    let wanted = std::fs::read_to_string(workspace_root().join("tests/python/requirements.in"))?;
    let wanted = wanted.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let found: Vec<&str> = versions.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(found, wanted.collect::<Vec<_>>());
    Ok(())
}

#[tokio::test]
async fn a_script_that_fails_says_why_and_one_that_hangs_is_ended() -> Result<()> {
    let failure = run_to_end(python("there_is_no_such_script.py")?, Duration::from_secs(60)).await;
    assert!(failure.expect_err("no script").to_string().contains("No such file"));
    let mut endless = tokio::process::Command::new("python3");
    endless.args(["-c", "import signal; signal.pause()"]).kill_on_drop(true);
    let failure = run_to_end(endless, Duration::from_millis(200)).await;
    assert!(failure.expect_err("no end").to_string().contains("not done"));
    Ok(())
}
