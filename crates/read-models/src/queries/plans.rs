//! How Postgres reads the lists that grow without bound: a page by key comes from an index, and costs what it gives.

use super::page::{Order, Paging};
use super::{episodes, files, run_metrics};
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use test_support::TestPostgres;
use uuid::Uuid;

const ROWS: i64 = 20_000;
const SIZE: u32 = 50;

/// `ROWS` reports and episodes of a run, among those of another.
async fn long_lists(postgres: &TestPostgres, run: Uuid) -> anyhow::Result<PgConnection> {
    let database = postgres.fresh_database().await?;
    let mut connection = PgConnection::connect(database.url()).await?;
    for (run, remainder) in [(run, 0), (Uuid::nil(), 1)] {
        sqlx::query(
            "INSERT INTO run_metrics SELECT 2 * n + $2, $1, n, n, n, 0, 0, 0, 0, NULL, 0, 0, 0, 0, 0, NULL, 0, '{}', now() \
             FROM generate_series(1, $3) n",
        )
        .bind(run)
        .bind(remainder)
        .bind(ROWS)
        .execute(&mut connection)
        .await?;
        sqlx::query(
            "INSERT INTO episodes SELECT $1, n, n, 0, n, 1, false, true, 0, 0, 0, 0, 0, 0, NULL, 0, 0, 0, NULL, NULL, now() \
             FROM generate_series(1, $2) n",
        )
        .bind(run)
        .bind(ROWS)
        .execute(&mut connection)
        .await?;
    }
    sqlx::raw_sql("ANALYZE").execute(&mut connection).await?;
    Ok(connection)
}

/// The nodes of a plan, outermost first.
fn nodes(plan: &Value) -> Vec<&Value> {
    let inner = plan["Plans"].as_array().into_iter().flatten();
    std::iter::once(plan).chain(inner.flat_map(nodes)).collect()
}

fn assert_costs_what_it_gives(statement: &str, plan: &Value) {
    for node in nodes(plan) {
        let kind = node["Node Type"].as_str().unwrap_or_default();
        assert!(["Limit", "Index Scan"].contains(&kind), "{statement}: {plan:#}");
        assert_eq!(node["Actual Rows"].as_f64(), Some(f64::from(SIZE + 1)), "{statement}: {plan:#}");
        assert!(node["Rows Removed by Filter"].as_f64().is_none_or(|removed| removed == 0.0), "{statement}: {plan:#}");
    }
}

#[tokio::test]
async fn a_page_by_key_costs_the_same_wherever_it_begins() -> anyhow::Result<()> {
    let run = Uuid::from_u128(1);
    let postgres = TestPostgres::shared().await?;
    let mut connection = long_lists(&postgres, run).await?;
    for order in [Order::NewestFirst, Order::OldestFirst] {
        for key in [None, Some(ROWS / 2), Some(ROWS - 100), Some(200)] {
            let paging = Paging::new(1, SIZE).after(key);
            let statement = run_metrics::page_statement(order);
            let plan: Json<Value> =
                sqlx::query_scalar(AssertSqlSafe(format!("EXPLAIN (ANALYZE, FORMAT JSON) {statement}")))
                    .bind(run)
                    .bind(paging.window(order).0)
                    .bind(paging.window(order).1)
                    .bind(paging.limit())
                    .bind(paging.offset())
                    .fetch_one(&mut connection)
                    .await?;
            assert_costs_what_it_gives(statement, &plan.0[0]["Plan"]);
            let statement = episodes::page_statement(order);
            let plan: Json<Value> =
                sqlx::query_scalar(AssertSqlSafe(format!("EXPLAIN (ANALYZE, FORMAT JSON) {statement}")))
                    .bind(run)
                    .bind(paging.behind(order))
                    .bind(paging.limit())
                    .bind(paging.offset())
                    .fetch_one(&mut connection)
                    .await?;
            assert_costs_what_it_gives(statement, &plan.0[0]["Plan"]);
        }
    }
    Ok(())
}

/// A checkpoint for each of `ROWS` updates, and half as many uploads, of a few runs.
async fn many_files(postgres: &TestPostgres) -> anyhow::Result<PgConnection> {
    let database = postgres.fresh_database().await?;
    let mut connection = PgConnection::connect(database.url()).await?;
    for statement in [
        "INSERT INTO runs (id, run_id, name, algorithm, policy_type, environment_type, map_type, width, height, num_robots, \
         total_timesteps, seed, config, status, updates, timestep, robot_steps, episodes_completed, elapsed_seconds, \
         recording_level, created_at, updated_at) SELECT n, lpad(n::text, 32, '0')::uuid, 'x', 'ppo', 'MlpPolicy', \
         'standard', 'random', 8, 8, 1, 1, 1, '{}', 'running', 0, 0, 0, 0, 0, 'full', now(), now() \
         FROM generate_series(0, 9) n",
        "INSERT INTO checkpoints SELECT gen_random_uuid(), 2 * n, lpad((n % 10)::text, 32, '0')::uuid, n, n, 0, 'p', 's', 1, \
         'r', 's', 1, 'd', 0, NULL, false, now() FROM generate_series(1, 20000) n",
        "INSERT INTO models (file_id, id, original_filename, uri, sha256, bytes, created_at, updated_at) \
         SELECT gen_random_uuid(), 4 * n + 1, 'x', 'u', 's', 1, now(), now() FROM generate_series(1, 10000) n",
        "ANALYZE",
    ] {
        sqlx::raw_sql(statement).execute(&mut connection).await?;
    }
    Ok(connection)
}

#[tokio::test]
async fn a_page_of_files_reads_a_page_of_either_kind() -> anyhow::Result<()> {
    let postgres = TestPostgres::shared().await?;
    let mut connection = many_files(&postgres).await?;
    for key in [None, Some(ROWS), Some(1000)] {
        let paging = Paging::new(1, SIZE).after(key);
        let plan: Json<Value> =
            sqlx::query_scalar(AssertSqlSafe(format!("EXPLAIN (ANALYZE, FORMAT JSON) {}", files::PAGE)))
                .bind(None::<i64>)
                .bind(paging.behind(Order::NewestFirst))
                .bind(paging.limit())
                .bind(paging.offset())
                .fetch_one(&mut connection)
                .await?;
        let plan = &plan.0[0]["Plan"];
        assert_eq!(plan["Actual Rows"].as_f64(), Some(f64::from(SIZE + 1)), "{plan:#}");
        for node in nodes(plan) {
            if !["checkpoints", "models"].contains(&node["Relation Name"].as_str().unwrap_or_default()) {
                continue;
            }
            let number = |name: &str| node[name].as_f64().unwrap_or_default();
            let read = number("Actual Loops") * (number("Actual Rows") + number("Rows Removed by Filter"));
            assert!(read <= f64::from(SIZE + 1), "{node:#}");
        }
    }
    Ok(())
}
