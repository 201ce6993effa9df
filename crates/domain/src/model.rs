//! Models: stored files with weights that clients made known.

use crate::Decision;
use crate::refusal::{conflict, invalid, not_found};
use contracts::commands::RegisterModel;
use contracts::events::{BlobRef, ModelDeleted, ModelRegistered};
use contracts::{Event, FileId, Reason, Rejection};

/// Bytes of JSON that a client may attach.
pub const MAX_METADATA_BYTES: usize = 16 * 1024;

/// One model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Model {
    #[default]
    Absent,
    Registered,
    Deleted,
}

/// What a client asks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ModelCommand<'a> {
    /// The flag says whether the run that it names exists; true when it names none.
    Register(&'a RegisterModel, bool),
    Delete,
}

/// Decides on `command` for the file `file_id`.
///
/// # Errors
/// `conflict` for an id in use, `not_found` for an unknown model or run, `invalid` for a reference that is no key of the
/// object store, or too much metadata.
pub fn decide(model: &Model, file_id: FileId, command: &ModelCommand<'_>) -> Decision {
    match (model, command) {
        (Model::Absent, ModelCommand::Register(register, run_known)) => accept(register, *run_known),
        (_, ModelCommand::Register(..)) => conflict(format!("file {file_id} was registered already")),
        (Model::Registered, ModelCommand::Delete) => Ok(vec![Event::ModelDeleted(ModelDeleted { file_id })]),
        (_, ModelCommand::Delete) => Err(not_found("/file_id", "model", file_id).into()),
    }
}

/// The model `file_id` after `event`, which may be about another one.
pub fn evolve(model: Model, file_id: FileId, event: &Event) -> Model {
    match (model, event) {
        (Model::Absent, Event::ModelRegistered(registered)) if registered.file_id == file_id => Model::Registered,
        (Model::Registered, Event::ModelDeleted(deleted)) if deleted.file_id == file_id => Model::Deleted,
        _ => model,
    }
}

fn accept(register: &RegisterModel, run_known: bool) -> Decision {
    let mut reasons = reference_reasons(&register.blob);
    if let Some(run_id) = register.run_id.filter(|_| !run_known) {
        reasons.push(not_found("/run_id", "run", run_id));
    }
    if register.original_filename.chars().any(char::is_control) {
        reasons.push(invalid("/original_filename", "a file name has no control characters"));
    }
    let metadata = register.metadata.as_ref().and_then(|metadata| serde_json::to_vec(metadata).ok());
    if let Some(bytes) = metadata.map(|json| json.len()).filter(|bytes| *bytes > MAX_METADATA_BYTES) {
        reasons.push(invalid("/metadata", format!("{bytes} bytes of JSON; at most {MAX_METADATA_BYTES} are kept")));
    }
    if !reasons.is_empty() {
        return Err(Rejection(reasons));
    }
    Ok(vec![Event::ModelRegistered(Box::new(ModelRegistered {
        run_id: register.run_id,
        file_id: register.file_id,
        original_filename: register.original_filename.clone(),
        blob: register.blob.clone(),
        description: register.description.clone(),
        metadata: register.metadata.clone(),
    }))])
}

/// A key must stay below the store's root, and a digest must be one.
fn reference_reasons(blob: &BlobRef) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let plain = |segment: &str| !matches!(segment, "" | "." | "..");
    let valid = |c: char| c.is_ascii_alphanumeric() || "-_.=/".contains(c);
    if !blob.uri.split('/').all(plain) || !blob.uri.chars().all(valid) {
        reasons
            .push(invalid("/blob/uri", "not a key below the object store's root, such as `models/<id>.safetensors`"));
    }
    if blob.sha256.len() != 64 || !blob.sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        reasons.push(invalid("/blob/sha256", "a SHA-256 has 64 lower-case hexadecimal digits"));
    }
    reasons
}
