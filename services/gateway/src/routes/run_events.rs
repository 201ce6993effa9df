//! The history of a session, as it stands in the log.

use crate::api::Api;
use crate::app::App;
use crate::error::{Error, Result, Violation};
use crate::extract::{Path, Query, RunKey};
use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use contracts::{RecordedEvent, RunId, subjects};
use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

const DEFAULT_LIMIT: u32 = 100;
const LARGEST: u32 = 1000;

pub fn routes(api: Api) -> Api {
    api.get("/api/v1/training/{id}/events", list, |it| {
        it.says("training", "The session's events, oldest first")
            .explains("Pages follow each other by `after`: give the `next` of the page before.")
            .query::<HistoryQuery>()
            .gives::<EventPage>(200, "A page of events")
            .fails(&[404, 422])
    })
}

#[derive(Deserialize, JsonSchema)]
struct HistoryQuery {
    /// Sequence in the log behind which to begin.
    after: Option<u64>,
    /// At most this many events; larger values are brought down to 1000.
    #[schemars(range(min = 1))]
    limit: Option<u32>,
    /// Only events of this kind; all when absent.
    aggregate: Option<Aggregate>,
}

/// What other lists take: the log knows where an event stands, but not how many of a session are before it.
#[derive(Deserialize)]
struct PageNumbers {
    page: Option<IgnoredAny>,
    page_size: Option<IgnoredAny>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Aggregate {
    Run,
    Training,
    Evaluation,
    Archive,
    Command,
}

#[derive(Serialize, JsonSchema)]
struct EventPage {
    events: Vec<LoggedEvent>,
    /// Where the next page begins; absent at the end of the log.
    next: Option<u64>,
}

/// An event as it stands in the log (CloudEvents 1.0).
#[derive(Debug, Serialize, JsonSchema)]
pub struct LoggedEvent {
    pub sequence: u64,
    id: Uuid,
    #[serde(rename = "type")]
    kind: String,
    source: String,
    time: DateTime<Utc>,
    subject: Option<String>,
    correlation_id: Option<Uuid>,
    causation_id: Option<Uuid>,
    /// Its payload as stored; null where that is no JSON.
    #[schemars(with = "Value")]
    data: Option<Box<RawValue>>,
}

impl PageNumbers {
    fn check(&self) -> Result<()> {
        let known = [
            ("page", &self.page, "events have no page numbers; give `after`, the `next` of the page before"),
            ("page_size", &self.page_size, "is called `limit` here"),
        ];
        let given = known.iter().filter(|(_, value, _)| value.is_some());
        let violations: Vec<Violation> =
            given.map(|(name, _, message)| Violation::new(&["query", name], *message)).collect();
        if violations.is_empty() { Ok(()) } else { Err(Error::Invalid(violations)) }
    }
}

impl LoggedEvent {
    /// `patrol.<aggregate>.<event>.v<version>`
    pub fn kind(&self) -> &str {
        &self.kind
    }

    pub fn of(recorded: RecordedEvent) -> Self {
        let RecordedEvent { sequence, envelope, payload, .. } = recorded;
        Self {
            sequence,
            id: envelope.id,
            kind: envelope.kind,
            source: envelope.source,
            time: envelope.time,
            subject: envelope.subject,
            correlation_id: envelope.correlation_id,
            causation_id: envelope.causation_id,
            data: serde_json::from_slice(&payload).ok(),
        }
    }
}

impl Aggregate {
    fn filter(self, run: RunId) -> String {
        let name = match self {
            Self::Run => "run",
            Self::Training => "training",
            Self::Evaluation => "evaluation",
            Self::Archive => "archive",
            Self::Command => "command",
        };
        format!("patrol.evt.{name}.{run}.>")
    }
}

async fn list(
    State(app): State<App>,
    Path(key): Path<RunKey>,
    Query(query): Query<HistoryQuery>,
    Query(pages): Query<PageNumbers>,
) -> Result<Json<EventPage>> {
    pages.check()?;
    if query.limit == Some(0) {
        return Err(Error::invalid(&["query", "limit"], "must be a whole number of at least 1"));
    }
    let run = RunId(app.run(key).await?.run_id);
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT).min(LARGEST) as usize;
    let filter = query.aggregate.map_or_else(|| subjects::all_of_run(run), |aggregate| aggregate.filter(run));
    let from = query.after.map_or(1, |after| after.saturating_add(1));
    let mut reader = app.log.history(filter, from);
    let mut events = Vec::new();
    while events.len() < limit
        && let Some(recorded) = reader.next_event().await?
    {
        events.push(LoggedEvent::of(recorded));
    }
    let next = events.last().filter(|_| events.len() == limit).map(|event| event.sequence);
    Ok(Json(EventPage { events, next }))
}
