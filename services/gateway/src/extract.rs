//! What handlers take from requests, each with our own errors.

use crate::app::App;
use crate::error::{Error, Violation};
use axum::extract::path::ErrorKind;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use contracts::{CommandId, RunId};
use read_models::Paging;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use service_runtime::TraceContext;
use std::fmt;
use uuid::Uuid;

/// Longest `Idempotency-Key`, bytes.
const LONGEST_KEY: usize = 255;

/// A query string.
pub struct Query<T>(pub T);

/// Parameters of the path.
pub struct Path<T>(pub T);

/// A JSON body.
pub struct Json<T>(pub T);

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
    pub traceparent: String,
}

impl PageQuery {
    /// # Errors
    /// For a page or a page size of 0.
    /// The client chose the id, by an `Idempotency-Key`: it may have been used before.
    pub is_keyed: bool,
    pub fn paging(self, default_size: u32, largest: u32) -> Result<Paging, Error> {
        let zero = |name| Violation::new(&["query", name], "must be at least 1");
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
                Some((field, message)) if !field.contains(' ') => Error::invalid(&["query", field], message),
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
            Err(PathRejection::FailedToDeserializePathParams(failure)) => Err(match failure.into_kind() {
                ErrorKind::ParseErrorAtKey { key, expected_type, .. } => {
                    Error::invalid(&["path", &key], format!("is not a {expected_type}"))
                }
                ErrorKind::DeserializeError { key, message, .. } => Error::invalid(&["path", &key], message),
                other => Error::invalid(&["path"], other.to_string()),
            }),
            Err(other) => Err(Error::internal(other)),
        }
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
            Err(JsonRejection::BytesRejection(rejection)) if rejection.status().as_u16() == 413 => {
                Err(Error::TooLarge("the body is too large".to_owned()))
            }
            Err(JsonRejection::JsonDataError(error)) => Err(at_field(&error.body_text())),
            Err(other) => Err(Error::invalid(&["body"], other.body_text())),
        }
    }
}

/// `Failed to deserialize the JSON body into the target type: <path>: <what is wrong>`
fn at_field(text: &str) -> Error {
    let text = text.split_once("target type: ").map_or(text, |(_, rest)| rest);
    match text.split_once(": ") {
        Some((path, message)) if !path.contains(' ') => {
            let location: Vec<&str> = std::iter::once("body").chain(path.split('.')).collect();
            Error::invalid(&location, message)
        }
        _ => Error::invalid(&["body"], text),
    }
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
