//! What handlers take from requests, each with our own errors.

use crate::app::App;
use crate::error::{Error, Violation};
use axum::body::Bytes;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use contracts::{CommandId, RunId};
use read_models::Paging;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use service_runtime::TraceContext;
use std::fmt;
use uuid::Uuid;

/// Parameters of queries that are counted from 1.
const LEAST_ONE: [&str; 3] = ["page", "page_size", "limit"];
/// Longest `Idempotency-Key`, bytes.
const LONGEST_KEY: usize = 255;

/// A query string.
pub struct Query<T>(pub T);

/// Parameters of the path.
pub struct Path<T>(pub T);

/// A JSON body.
pub struct Json<T>(pub T);

/// A JSON body, or none, which is the default; so is null.
pub struct OptionalJson<T>(pub T);

/// A run by its number or its UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunKey {
    Number(i64),
    Id(RunId),
}

/// Which page of a list.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
pub struct PageQuery {
    /// Counted from 1.
    #[schemars(range(min = 1))]
    pub page: Option<u32>,
    /// Items per page; larger values are brought down to the largest possible.
    #[schemars(range(min = 1))]
    pub page_size: Option<u32>,
    /// Begin behind the item with this key, the `next` of the page before, however long the list is; pages are counted
    /// from there.
    pub after: Option<u64>,
}

/// Where a command comes from: its id, so that a repeated request has one effect, and the trace that it continues.
#[derive(Clone, Debug)]
pub struct Origin {
    pub command_id: CommandId,
    /// The client chose the id, by an `Idempotency-Key`: it may have been used before.
    pub is_keyed: bool,
    pub traceparent: String,
}

impl PageQuery {
    /// # Errors
    /// For a page or a page size of 0.
    pub fn paging(self, default_size: u32, largest: u32) -> Result<Paging, Error> {
        let zero = |name| Violation::new(&["query", name], "must be a whole number of at least 1");
        let fields = [("page", self.page), ("page_size", self.page_size)];
        let zeros: Vec<Violation> =
            fields.iter().filter(|(_, value)| *value == Some(0)).map(|(name, _)| zero(name)).collect();
        if !zeros.is_empty() {
            return Err(Error::Invalid(zeros));
        }
        // No key is larger.
        let after = self.after.map(|key| i64::try_from(key).unwrap_or(i64::MAX));
        Ok(Paging::new(self.page.unwrap_or(1), self.page_size.unwrap_or(default_size).min(largest)).after(after))
    }
}

impl fmt::Display for RunKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(formatter),
            Self::Id(id) => id.fmt(formatter),
        }
    }
}

impl<'de> Deserialize<'de> for RunKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = text.parse().map(Self::Number);
        let key = number.or_else(|_| text.parse().map(Self::Id));
        key.map_err(|_| serde::de::Error::custom("is neither the number nor the UUID of a session"))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        axum::extract::Query::try_from_uri(&parts.uri).map(|query| Self(query.0)).map_err(|rejection| {
            // `Failed to deserialize query string: <field>: <what is wrong>`
            let text = rejection.body_text();
            let text = text.split_once("query string: ").map_or(text.as_str(), |(_, rest)| rest);
            match text.split_once(": ") {
                Some((field, message)) if !field.contains(' ') => {
                    Error::invalid(&["query", field], in_words(message, LEAST_ONE.contains(&field)))
                }
                _ => Error::invalid(&["query"], text),
            }
        })
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(PathRejection::FailedToDeserializePathParams(failure)) => {
                let only = only_parameter(parts, state).await;
                Err(in_path(failure.into_kind(), only.as_deref()))
            }
            Err(other) => Err(Error::internal(other)),
        }
    }
}

/// The name of the path's parameter, where there is but one: axum does not tell it.
async fn only_parameter<S: Send + Sync>(parts: &mut Parts, state: &S) -> Option<String> {
    let parameters = RawPathParams::from_request_parts(parts, state).await.ok()?;
    let mut names = parameters.iter().map(|(name, _)| name.to_owned());
    names.next().filter(|_| names.next().is_none())
}

fn in_path(kind: ErrorKind, only: Option<&str>) -> Error {
    let (key, message) = match kind {
        ErrorKind::ParseErrorAtKey { key, expected_type, .. } => (Some(key), typed(expected_type)),
        ErrorKind::ParseError { expected_type, .. } => (None, typed(expected_type)),
        ErrorKind::DeserializeError { key, message, .. } => (Some(key), message),
        ErrorKind::Message(message) => (None, message),
        other => (None, other.to_string()),
    };
    let location: Vec<&str> = std::iter::once("path").chain(key.as_deref().or(only)).collect();
    Error::invalid(&location, message)
}

fn typed(expected: &str) -> String {
    match expected {
        "i64" | "u64" => "must be a whole number".to_owned(),
        other => format!("is not a {other}"),
    }
}

/// What the standard library says of texts that are no number, for people.
fn in_words(message: &str, at_least_one: bool) -> String {
    match message {
        "invalid digit found in string" | "cannot parse integer from empty string" if at_least_one => {
            "must be a whole number of at least 1".to_owned()
        }
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            "must be a whole number".to_owned()
        }
        "number too large to fit in target type" => "is too large a number".to_owned(),
        "number too small to fit in target type" => "is too small a number".to_owned(),
        "provided string was not `true` or `false`" => "must be `true` or `false`".to_owned(),
        other => other.to_owned(),
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        match axum::Json::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(JsonRejection::MissingJsonContentType(_)) => {
                Err(Error::UnsupportedMediaType("send JSON with `Content-Type: application/json`".to_owned()))
            }
            Err(JsonRejection::BytesRejection(rejection)) => Err(Error::unreadable_body(rejection)),
            Err(JsonRejection::JsonDataError(error)) => Err(at_field(&error.body_text())),
            Err(other) => Err(Error::invalid(&["body"], other.body_text())),
        }
    }
}

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let (parts, body) = request.into_parts();
        let bytes = Bytes::from_request(Request::new(body), state).await.map_err(Error::unreadable_body)?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        let Json(value) = Json::<Option<T>>::from_request(Request::from_parts(parts, bytes.into()), state).await?;
        Ok(Self(value.unwrap_or_default()))
    }
}

/// `Failed to deserialize the JSON body into the target type: <path>: <what is wrong> at line <line> column <column>`
fn at_field(text: &str) -> Error {
    let text = text.split_once("target type: ").map_or(text, |(_, rest)| rest);
    let text = text.rsplit_once(" at line ").map_or(text, |(before, _)| before);
    let (path, message) = match text.split_once(": ") {
        Some((path, message)) if !path.contains(' ') => (Some(path), message),
        _ => (None, text),
    };
    // The path of a field that is not there ends above it.
    let missing = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
    let path = path.into_iter().flat_map(|path| path.split('.'));
    let location: Vec<&str> = std::iter::once("body").chain(path).chain(missing).collect();
    Error::invalid(&location, if missing.is_some() { "is required" } else { message })
}

impl FromRequestParts<App> for Origin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let refused = |message| Error::invalid(&["header", "Idempotency-Key"], message);
        let key = parts.headers.get("idempotency-key").map(|value| value.to_str());
        let id = match key {
            None => app.ids.next_id(),
            Some(Ok(key)) if key.is_empty() || key.len() > LONGEST_KEY => {
                return Err(refused("must have 1 to 255 characters"));
            }
            Some(Ok(key)) if key.contains('\t') => {
                return Err(refused("may hold visible ASCII characters and spaces only"));
            }
            Some(Ok(key)) => Uuid::parse_str(key).unwrap_or_else(|_| derived(key)),
            Some(Err(_)) => return Err(refused("may hold visible ASCII characters and spaces only")),
        };
        let caller = parts.headers.get("traceparent").and_then(|value| value.to_str().ok());
        let trace = TraceContext::continued(caller, app.ids.as_ref());
        Ok(Self { command_id: CommandId(id), is_keyed: key.is_some(), traceparent: trace.to_string() })
    }
}

/// The command id of a key that is no UUID (RFC 9562, version 5).
fn derived(key: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("urn:patrol:idempotency-key:{key}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_in_a_body_is_named() {
        let of =
            |what: &str| match at_field(&format!("Failed to deserialize the JSON body into the target type: {what}")) {
                Error::Invalid(violations) => (violations[0].loc.join("."), violations[0].msg.clone()),
                other => panic!("{other:?}"),
            };
        let required = |place: &str| (place.to_owned(), "is required".to_owned());
        assert_eq!(of("missing field `actions` at line 1 column 2"), required("body.actions"));
        assert_eq!(of("world: missing field `width` at line 1 column 9"), required("body.world.width"));
        let (place, message) = of("world.width: invalid type: string \"x\", expected u32 at line 1 column 20");
        assert_eq!(
            (place.as_str(), message.as_str()),
            ("body.world.width", "invalid type: string \"x\", expected u32")
        );
    }
}
