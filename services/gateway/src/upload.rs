//! The form with which a policy is uploaded.

use crate::error::{Error, Result};
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::http::StatusCode;
use bytes::Bytes;
use schemars::{Schema, json_schema};
use serde_json::{Map, Value};

/// Largest upload, bytes.
pub const LARGEST: usize = 64 * 1024 * 1024;
/// The only type that is taken: the service keeps no other files of clients.
pub const FILE_TYPE: &str = "model";
const LONGEST_NAME: usize = 255;
const LONGEST_DESCRIPTION: usize = 4000;

/// A form whose fields have been read, the file not yet checked.
pub struct Form {
    /// What the client calls the file; shown, never used as a path.
    pub name: String,
    pub bytes: Bytes,
    pub description: Option<String>,
    pub metadata: Option<Map<String, Value>>,
    /// Number of the session that it belongs to.
    pub training_job_id: Option<i64>,
}

/// The form as the document describes it.
pub fn schema() -> Schema {
    json_schema!({
        "type": "object",
        "required": ["file"],
        "properties": {
            "file": { "type": "string", "contentMediaType": "application/octet-stream" },
            "file_type": { "type": "string", "const": FILE_TYPE },
            "description": { "type": "string", "maxLength": LONGEST_DESCRIPTION },
            "metadata": {
                "type": "string", "contentMediaType": "application/json",
                "description": "A JSON object, at most 16 KiB; comes back in the file's description."
            },
            "training_job_id": {
                "type": "integer", "format": "int64", "description": "Number of the session that it belongs to."
            }
        }
    })
}

/// Reads every field; those that are not known are read over, because browsers send along what their form has.
///
/// # Errors
/// `Invalid` for a missing file and for fields of the wrong form, `TooLarge` beyond [`LARGEST`].
pub async fn read(mut form: Multipart) -> Result<Form> {
    let mut file = None;
    let mut read =
        Form { name: String::new(), bytes: Bytes::new(), description: None, metadata: None, training_job_id: None };
    while let Some(field) = form.next_field().await.map_err(unreadable)? {
        match field.name() {
            Some("file") => {
                read.name = shown_name(field.file_name().unwrap_or_default());
                file = Some(field.bytes().await.map_err(unreadable)?);
            }
            Some("file_type") => check_type(&text(field).await?)?,
            Some("description") => read.description = description(text(field).await?)?,
            Some("metadata") => read.metadata = metadata(&text(field).await?)?,
            Some("training_job_id") => read.training_job_id = session(&text(field).await?)?,
            _ => drop(field.bytes().await.map_err(unreadable)?),
        }
    }
    read.bytes = file.ok_or_else(|| Error::invalid(&["body", "file"], "is required"))?;
    Ok(read)
}

async fn text(field: Field<'_>) -> Result<String> {
    field.text().await.map_err(unreadable)
}

/// The name without control characters, cut where it would be too long.
fn shown_name(given: &str) -> String {
    let name: String = given.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
    if name.trim().is_empty() { "model.safetensors".to_owned() } else { name }
}

fn check_type(given: &str) -> Result<()> {
    match given {
        FILE_TYPE => Ok(()),
        _ => Err(Error::invalid(&["body", "file_type"], format!("must be `{FILE_TYPE}`: no other files are kept"))),
    }
}

fn description(given: String) -> Result<Option<String>> {
    if given.chars().count() > LONGEST_DESCRIPTION {
        let message = format!("must have at most {LONGEST_DESCRIPTION} characters");
        return Err(Error::invalid(&["body", "description"], message));
    }
    Ok((!given.is_empty()).then_some(given))
}

fn metadata(given: &str) -> Result<Option<Map<String, Value>>> {
    if given.trim().is_empty() {
        return Ok(None);
    }
    serde_json::from_str(given).map_err(|_| Error::invalid(&["body", "metadata"], "must be a JSON object, or null"))
}

fn session(given: &str) -> Result<Option<i64>> {
    if given.trim().is_empty() {
        return Ok(None);
    }
    let number = given.trim().parse();
    number.map(Some).map_err(|_| Error::invalid(&["body", "training_job_id"], "must be the number of a session"))
}

fn unreadable(error: MultipartError) -> Error {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge(format!("an upload may have {LARGEST} bytes")),
        _ => Error::invalid(&["body"], error.body_text()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_what_they_should_be() {
        assert_eq!(metadata("{\"lab\": 3}").ok().flatten().map(|it| it.len()), Some(1));
        assert!(matches!(metadata(" "), Ok(None)) && matches!(metadata("null"), Ok(None)));
        assert!(metadata("[1]").is_err() && metadata("{").is_err());
        assert!(session("7").is_ok_and(|number| number == Some(7)) && session("seven").is_err());
        assert!(check_type("model").is_ok() && check_type("log").is_err());
        assert_eq!(shown_name("a\u{0}b\r\n.bin"), "ab.bin");
        assert_eq!(shown_name(" "), "model.safetensors");
        assert_eq!(shown_name(&"x".repeat(300)).len(), 255);
    }
}
