//! The log as a stream of server-sent events.

use super::run_events::LoggedEvent;
use crate::api::Api;
use crate::app::App;
use crate::error::{Error, Result};
use crate::extract::Query;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use contracts::{RunId, subjects};
use event_log::ReadOptions;
use futures::{Stream, StreamExt};
use schemars::JsonSchema;
use serde::Deserialize;
use std::convert::Infallible;
use std::time::Duration;
use uuid::Uuid;

const HEARTBEAT: Duration = Duration::from_secs(15);

pub fn routes(api: Api) -> Api {
    api.get("/api/v1/events", follow, |it| {
        it.says("live", "Every event of the log, as it is appended")
            .explains(
                "Server-sent events: `id` is the sequence in the log, `event` the type, `data` the event as JSON. Begins at \
                 the end of the log, behind `after`, or behind `Last-Event-ID`, which browsers send when they reconnect.",
            )
            .query::<FollowQuery>()
            .gives_events::<LoggedEvent>(200, "A stream without end")
            .fails(&[422])
    })
}

#[derive(Deserialize, JsonSchema)]
struct FollowQuery {
    /// Sequence behind which to begin; 0 is the beginning of the log.
    after: Option<u64>,
    /// Only events of this run.
    run_id: Option<Uuid>,
}

async fn follow(
    State(app): State<App>,
    Query(query): Query<FollowQuery>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let permits = app.log_follower()?;
    let after = match last_event_id(&headers)? {
        Some(sequence) => sequence,
        None => match query.after {
            Some(sequence) => sequence,
            None => app.log.last_sequence().await?,
        },
    };
    let filters = query.run_id.map(|run| subjects::all_of_run(RunId(run)));
    let events = app.log.read(ReadOptions::follow(after.saturating_add(1)).filtered(filters));
    let readable = events.filter_map(|recorded| async move {
        let event = LoggedEvent::of(recorded.ok()?);
        Event::default().id(event.sequence.to_string()).event(event.kind()).json_data(&event).ok()
    });
    let draining = app.draining.clone().cancelled_owned();
    let stream = readable.take_until(draining).map(move |event| {
        // The permits go with the stream.
        let _held = &permits;
        Ok(event)
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let sequence = value.to_str().ok().and_then(|text| text.parse().ok());
    sequence.map(Some).ok_or_else(|| Error::invalid(&["header", "Last-Event-ID"], "is not a sequence of the log"))
}
