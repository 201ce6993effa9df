//! How far the read models follow the log, and waiting until they have come far enough.

use crate::connection::ReadModels;
use crate::error::Result;
use chrono::{DateTime, SecondsFormat, Utc};
use sqlx::postgres::PgListener;
use sqlx::{FromRow, PgConnection, PgPool};
use std::time::Duration;
use tokio::sync::watch;
use uuid::Uuid;

/// All tables advance together, in one transaction per batch: one position for all.
const PROJECTION: &str = "read-models";
const CHANNEL: &str = "patrol_position";
const RETRY: Duration = Duration::from_millis(500);

/// The last event that the tables contain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Which log: [`Position::identity_of`] its creation time.
    pub stream_identity: String,
    pub sequence: u64,
    /// Absent when the event has no readable envelope.
    pub event_id: Option<Uuid>,
    pub event_at: Option<DateTime<Utc>>,
}

impl Position {
    /// A stream's creation time as it is stored.
    pub fn identity_of(created: DateTime<Utc>) -> String {
        created.to_rfc3339_opts(SecondsFormat::Nanos, true)
    }
}

impl ReadModels {
    /// The committed position; `None` before the first batch.
    pub async fn position(&self) -> Result<Option<Position>> {
        Ok(load(&mut *self.pool.acquire().await?).await?)
    }

    /// Waits until the tables contain the event at `sequence`; false when `timeout` passed before.
    ///
    /// Woken by the projector's notification of each batch; survives restarts of Postgres.
    pub async fn wait_for_position(&self, sequence: u64, timeout: Duration) -> bool {
        let start = || async {
            let (sender, receiver) = watch::channel(0);
            tokio::spawn(follow(self.pool.clone(), sender));
            receiver
        };
        let mut position = self.watched_position.get_or_init(start).await.clone();
        let reached = position.wait_for(|reached| *reached >= sequence);
        matches!(tokio::time::timeout(timeout, reached).await, Ok(Ok(_)))
    }
}

/// The position, locked against other writers until the transaction ends.
pub(crate) async fn lock(connection: &mut PgConnection) -> sqlx::Result<Option<Position>> {
    // A row lock needs a row; the first batches of two projectors are told apart by this one.
    sqlx::query("SELECT pg_advisory_xact_lock(hashtext(current_schema() || '.projection_positions'))")
        .execute(&mut *connection)
        .await?;
    load(connection).await
}

pub(crate) async fn load(connection: &mut PgConnection) -> sqlx::Result<Option<Position>> {
    let row: Option<PositionRow> = sqlx::query_as(
        "SELECT stream_identity, last_sequence, last_event_id, last_event_at FROM projection_positions \
         WHERE projection = $1",
    )
    .bind(PROJECTION)
    .fetch_optional(connection)
    .await?;
    Ok(row.map(Position::from))
}

pub(crate) async fn store(connection: &mut PgConnection, position: &Position, notify: bool) -> sqlx::Result<()> {
    let sequence = i64::try_from(position.sequence).unwrap_or(i64::MAX);
    sqlx::query(
        "INSERT INTO projection_positions (projection, stream_identity, last_sequence, last_event_id, last_event_at) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (projection) DO UPDATE SET stream_identity = excluded.stream_identity, \
         last_sequence = excluded.last_sequence, last_event_id = excluded.last_event_id, \
         last_event_at = excluded.last_event_at",
    )
    .bind(PROJECTION)
    .bind(&position.stream_identity)
    .bind(sequence)
    .bind(position.event_id)
    .bind(position.event_at)
    .execute(&mut *connection)
    .await?;
    if notify {
        self::notify(connection, position.sequence).await?;
    }
    Ok(())
}

/// Tells every waiter; delivered when the transaction commits.
pub(crate) async fn notify(connection: &mut PgConnection, sequence: u64) -> sqlx::Result<()> {
    sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(sequence.to_string()).execute(connection).await?;
    Ok(())
}

/// Keeps the watched position up to date until nobody holds it.
async fn follow(pool: PgPool, sender: watch::Sender<u64>) {
    loop {
        tokio::select! {
            () = sender.closed() => return,
            ended = listen(&pool, &sender) => if let Err(error) = ended {
                tracing::debug!("listening for positions again: {error}");
            }
        }
        tokio::select! {
            () = sender.closed() => return,
            () = tokio::time::sleep(RETRY) => {}
        }
    }
}

/// Returns when the connection is lost: notifications may be missing then.
async fn listen(pool: &PgPool, sender: &watch::Sender<u64>) -> sqlx::Result<()> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    let committed = load(&mut *pool.acquire().await?).await?;
    sender.send_replace(committed.map_or(0, |position| position.sequence));
    while let Some(notification) = listener.try_recv().await? {
        if let Ok(sequence) = notification.payload().parse() {
            sender.send_replace(sequence);
        }
    }
    Ok(())
}

#[derive(FromRow)]
struct PositionRow {
    stream_identity: String,
    last_sequence: i64,
    last_event_id: Option<Uuid>,
    last_event_at: Option<DateTime<Utc>>,
}

impl From<PositionRow> for Position {
    fn from(row: PositionRow) -> Self {
        Self {
            stream_identity: row.stream_identity,
            sequence: u64::try_from(row.last_sequence).unwrap_or(0),
            event_id: row.last_event_id,
            event_at: row.last_event_at,
        }
    }
}
