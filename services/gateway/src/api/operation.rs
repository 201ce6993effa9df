//! What the document says about one route.

use axum::http::Method;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

/// Makes a schema, its definitions going to the document's components.
pub type SchemaOf = Box<dyn Fn(&mut SchemaGenerator) -> Schema>;

/// One method on one path.
pub struct Operation {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    pub(super) description: Option<&'static str>,
    pub(super) query: Option<SchemaOf>,
    pub(super) body: Option<Body>,
    pub(super) answers: Vec<Answer>,
    pub(super) failures: Vec<u16>,
    pub(super) idempotent_by_key: bool,
}

/// A request's body.
pub(super) struct Body {
    pub is_required: bool,
    pub content_type: &'static str,
    pub schema: SchemaOf,
    pub example: Option<Value>,
}

/// A successful answer.
pub(super) struct Answer {
    pub status: u16,
    pub description: &'static str,
    pub content: Option<(&'static str, SchemaOf)>,
}

impl Operation {
    pub(super) fn new(method: Method, path: &'static str) -> Self {
        Self {
            method,
            path,
            tag: "system",
            summary: "",
            description: None,
            query: None,
            body: None,
            answers: Vec::new(),
            failures: Vec::new(),
            idempotent_by_key: false,
        }
    }

    /// The resource it belongs to, and what it does in one line.
    #[must_use]
    pub fn says(self, tag: &'static str, summary: &'static str) -> Self {
        Self { tag, summary, ..self }
    }

    #[must_use]
    pub fn explains(self, description: &'static str) -> Self {
        Self { description: Some(description), ..self }
    }

    /// Takes the fields of `T` from the query string.
    #[must_use]
    pub fn query<T: JsonSchema>(self) -> Self {
        Self { query: Some(schema_of::<T>()), ..self }
    }

    /// Takes `T` as a JSON body.
    #[must_use]
    pub fn takes<T: JsonSchema>(self, example: Value) -> Self {
        self.takes_schema("application/json", schema_of::<T>(), Some(example))
    }

    /// Takes a body of a kind of its own.
    #[must_use]
    pub fn takes_schema(self, content_type: &'static str, schema: SchemaOf, example: Option<Value>) -> Self {
        Self { body: Some(Body { is_required: true, content_type, schema, example }), ..self }
    }

    /// Takes `T` as a JSON body, or null, or none.
    #[must_use]
    pub fn may_take<T: JsonSchema>(self, example: Value) -> Self {
        let (content_type, schema, example) = ("application/json", schema_of::<Option<T>>(), Some(example));
        Self { body: Some(Body { is_required: false, content_type, schema, example }), ..self }
    }

    /// Answers `T` as JSON.
    #[must_use]
    pub fn gives<T: JsonSchema>(self, status: u16, description: &'static str) -> Self {
        self.answers_with(status, description, Some(("application/json", schema_of::<T>())))
    }

    /// Answers something else than JSON.
    #[must_use]
    pub fn gives_content(self, status: u16, description: &'static str, content_type: &'static str) -> Self {
        let text: SchemaOf = Box::new(|_| schemars::json_schema!({ "type": "string" }));
        self.answers_with(status, description, Some((content_type, text)))
    }

    /// Answers server-sent events, each with `T` as JSON in its `data`.
    #[must_use]
    pub fn gives_events<T: JsonSchema>(self, status: u16, description: &'static str) -> Self {
        let event: SchemaOf = Box::new(|generator| {
            let data = generator.subschema_for::<T>();
            schemars::json_schema!({
                "type": "object", "required": ["id", "event", "data"],
                "properties": {
                    "id": { "type": "string", "pattern": "^[0-9]+$" },
                    "event": { "type": "string" },
                    "data": { "type": "string", "contentMediaType": "application/json", "contentSchema": data }
                }
            })
        });
        self.answers_with(status, description, Some(("text/event-stream", event)))
    }

    /// Answers without a body.
    #[must_use]
    pub fn gives_nothing(self, status: u16, description: &'static str) -> Self {
        self.answers_with(status, description, None)
    }

    /// Statuses of problems besides those that every route may answer with.
    #[must_use]
    pub fn fails(self, failures: &[u16]) -> Self {
        Self { failures: failures.to_vec(), ..self }
    }

    /// Takes `Idempotency-Key` and `traceparent`: it sends a command.
    #[must_use]
    pub fn commands(self) -> Self {
        Self { idempotent_by_key: true, ..self }
    }

    fn answers_with(
        mut self,
        status: u16,
        description: &'static str,
        content: Option<(&'static str, SchemaOf)>,
    ) -> Self {
        self.answers.push(Answer { status, description, content });
        self
    }
}

fn schema_of<T: JsonSchema>() -> SchemaOf {
    Box::new(|generator| generator.subschema_for::<T>())
}
