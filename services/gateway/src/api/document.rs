//! OpenAPI 3.1 from the list of operations; schemas are JSON Schema 2020-12 made by the types themselves.

use super::operation::{Answer, Body, Operation};
use crate::admission::is_open;
use crate::error::{Problem, ValidationProblem};
use axum::http::StatusCode;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

const PROBLEM: &str = "application/problem+json";
const INTRODUCTION: &str = "Training, playback and live view of patrol runs. Every change is a command in the event log; \
an answer waits until the read models show its outcome, at most five seconds, and says 202 with the command's id otherwise. \
The same commands can be published on NATS.";

/// The document of `operations`.
pub(super) fn of(operations: &[Operation]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|it| it.definitions_path = "/components/schemas".into());
    let mut generator = settings.into_generator();
    let mut paths = Map::new();
    for operation in operations {
        let described = describe(operation, &mut generator);
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.as_str().to_lowercase()] = described;
    }
    let schemas = generator.take_definitions(true);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Patrol",
            "version": env!("CARGO_PKG_VERSION"),
            "description": INTRODUCTION,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" }
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } }
        },
        // Either none or the token, as the gateway is configured.
        "security": [{}, { "token": [] }]
    })
}

fn describe(operation: &Operation, generator: &mut SchemaGenerator) -> Value {
    let mut described = json!({
        "operationId": operation_id(operation),
        "tags": [operation.tag],
        "summary": operation.summary,
        "responses": responses(operation, generator),
    });
    if let Some(description) = operation.description {
        described["description"] = json!(description);
    }
    let parameters = parameters(operation, generator);
    if !parameters.is_empty() {
        described["parameters"] = json!(parameters);
    }
    if let Some(body) = &operation.body {
        described["requestBody"] = request_body(body, generator);
    }
    described
}

/// `get_training_id_status` for `GET /api/v1/training/{id}/status`.
fn operation_id(operation: &Operation) -> String {
    let path = operation.path.strip_prefix("/api/v1").unwrap_or(operation.path);
    let words = path.split(['/', '{', '}', '.', '-']).filter(|word| !word.is_empty());
    let versioned = if path.len() < operation.path.len() { "" } else { "_root" };
    let words: Vec<&str> = words.collect();
    format!("{}{versioned}_{}", operation.method.as_str().to_lowercase(), words.join("_"))
}

fn parameters(operation: &Operation, generator: &mut SchemaGenerator) -> Vec<Value> {
    let mut parameters: Vec<Value> = path_parameters(operation.path);
    if let Some(query) = &operation.query {
        parameters.extend(query_parameters(&query(generator), generator));
    }
    if operation.idempotent_by_key {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "The command's id: a UUID, or any other text, which is turned into one. Requests with the same key have one effect; another request with it is refused.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$" }
        }));
    }
    parameters
}

fn path_parameters(path: &str) -> Vec<Value> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameter = |name: &str| {
        let (description, schema) = match name {
            "id" => (
                "Number or UUID of the training session",
                json!({ "anyOf": [{ "type": "integer", "format": "int64" }, { "type": "string", "format": "uuid" }] }),
            ),
            "number" => ("Its number", json!({ "type": "integer", "format": "int64" })),
            "uuid" => ("Its UUID", json!({ "type": "string", "format": "uuid" })),
            _ => ("Its name", json!({ "type": "string" })),
        };
        json!({ "name": name, "in": "path", "required": true, "description": description, "schema": schema })
    };
    names.map(parameter).collect()
}

/// The fields of a query's schema, which stands among the generator's definitions.
fn query_parameters(schema: &Schema, generator: &SchemaGenerator) -> Vec<Value> {
    let reference = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
    let definition = reference.and_then(|name| generator.definitions().get(name)).unwrap_or(schema.as_value());
    let Some(properties) = definition.get("properties").and_then(Value::as_object) else { return Vec::new() };
    let required = |name: &str| {
        let required = definition.get("required").and_then(Value::as_array);
        required.is_some_and(|names| names.iter().any(|required| required == name))
    };
    let parameter = |(name, schema): (&String, &Value)| {
        let mut schema = schema.clone();
        let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        without_null(&mut schema);
        within_type(&mut schema);
        json!({ "name": name, "in": "query", "required": required(name), "description": description.unwrap_or_default(),
                "schema": schema })
    };
    properties.iter().map(parameter).collect()
}

/// A query string has no null: an optional field is just absent.
fn without_null(schema: &mut Value) {
    if let Some(types) = schema.get_mut("type").and_then(Value::as_array_mut) {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            schema["type"] = only.clone();
        }
    }
    if let Some(branches) = schema.get_mut("anyOf").and_then(Value::as_array_mut) {
        branches.retain(|branch| branch.get("type").is_none_or(|name| name != "null"));
        if let [only] = branches.as_slice() {
            *schema = only.clone();
        }
    }
}

/// Says where a number ends that has no narrower bounds; `format` alone binds nobody.
fn within_type(schema: &mut Value) {
    let (smallest, largest) = match schema.get("format").and_then(Value::as_str) {
        Some("uint32") => (json!(0), json!(u32::MAX)),
        Some("int64") => (json!(i64::MIN), json!(i64::MAX)),
        Some("uint64") => (json!(0), json!(u64::MAX)),
        _ => return,
    };
    if let Some(schema) = schema.as_object_mut() {
        schema.entry("minimum").or_insert(smallest);
        schema.entry("maximum").or_insert(largest);
    }
}

fn request_body(body: &Body, generator: &mut SchemaGenerator) -> Value {
    let mut content = json!({ "schema": (body.schema)(generator) });
    if let Some(example) = &body.example {
        content["example"] = example.clone();
    }
    json!({ "required": body.is_required, "content": { body.content_type: content } })
}

fn responses(operation: &Operation, generator: &mut SchemaGenerator) -> Value {
    let mut responses = Map::new();
    for Answer { status, description, content } in &operation.answers {
        let response = responses.entry(status.to_string()).or_insert_with(|| json!({ "description": description }));
        if let Some((content_type, schema)) = content {
            add_alternative(&mut response["content"][content_type], schema(generator));
        }
    }
    for status in &operation.failures {
        let problem = match status {
            422 => reference::<ValidationProblem>(generator),
            _ => reference::<Problem>(generator),
        };
        let name = StatusCode::from_u16(*status).ok().and_then(|status| status.canonical_reason());
        responses.insert(status.to_string(), problem_response(name.unwrap_or_default(), problem));
    }
    if !is_open(operation.path) {
        responses
            .insert("401".to_owned(), problem_response("No token, or a wrong one", reference::<Problem>(generator)));
        responses.insert(
            "403".to_owned(),
            problem_response(
                "A page of an origin that may not call, or a strange name",
                reference::<Problem>(generator),
            ),
        );
        let mut refused = problem_response("Too many requests of this client", reference::<Problem>(generator));
        refused["headers"] = json!({ "Retry-After": {
            "required": true, "description": "Seconds to wait", "schema": { "type": "integer", "minimum": 1 }
        } });
        responses.insert("429".to_owned(), refused);
    }
    let any = reference::<Problem>(generator);
    responses.insert(
        "default".to_owned(),
        problem_response("A failure inside, or a server behind the gateway is away", any),
    );
    Value::Object(responses)
}

/// A status with two kinds of answers has either.
fn add_alternative(content: &mut Value, schema: Schema) {
    content["schema"] = match content.get_mut("schema").map(Value::take) {
        None => schema.to_value(),
        Some(other) => json!({ "anyOf": [other, schema] }),
    };
}

fn problem_response(description: &str, schema: Schema) -> Value {
    json!({ "description": description, "content": { PROBLEM: { "schema": schema } } })
}

fn reference<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}
