//! The reasons that every aggregate has for refusing.

use crate::Decision;
use contracts::{Reason, RunId};

pub fn invalid(field: &str, message: impl Into<String>) -> Reason {
    Reason::new(field, "invalid", message)
}

pub fn not_found(field: &str, what: &str, id: impl std::fmt::Display) -> Reason {
    Reason::new(field, "not_found", format!("there is no {what} {id}"))
}

pub fn no_such_run(run_id: RunId) -> Decision {
    Err(not_found("/run_id", "run", run_id).into())
}

pub fn conflict(message: impl Into<String>) -> Decision {
    Err(Reason::new("", "conflict", message).into())
}
