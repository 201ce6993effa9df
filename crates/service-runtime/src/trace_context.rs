//! W3C Trace Context (Recommendation, level 1): the `traceparent` that travels through commands, events and HTTP.

use crate::IdSource;
use std::fmt;
use std::str::FromStr;

/// `00-<trace id>-<parent id>-<flags>`; neither id is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The whole operation, from the first command to the last event.
    pub trace_id: u128,
    /// The step that caused what carries this context.
    pub parent_id: u64,
    pub sampled: bool,
}

/// Not a traceparent; the receiver then begins a trace of its own (section 3.2.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a W3C traceparent (`00-<32 hex digits>-<16 hex digits>-<2 hex digits>`, ids not zero)")]
pub struct TraceContextError;

impl TraceContext {
    /// Begins a trace.
    pub fn root(ids: &dyn IdSource) -> Self {
        Self { trace_id: ids.next_id().as_u128(), parent_id: span_id(ids), sampled: true }
    }

    /// The next step of the same trace.
    #[must_use]
    pub fn child(&self, ids: &dyn IdSource) -> Self {
        Self { parent_id: span_id(ids), ..*self }
    }

    /// Continues the caller's trace, or begins one when there is none that can be read.
    pub fn continued(traceparent: Option<&str>, ids: &dyn IdSource) -> Self {
        match traceparent.map(str::parse::<Self>) {
            Some(Ok(caller)) => caller.child(ids),
            Some(Err(_)) | None => Self::root(ids),
        }
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.parent_id, u8::from(self.sampled))
    }
}

impl FromStr for TraceContext {
    type Err = TraceContextError;

    fn from_str(text: &str) -> Result<Self, TraceContextError> {
        let mut fields = text.split('-');
        let mut hex = |digits: usize| {
            let field = fields.next().filter(|field| field.len() == digits && field.bytes().all(is_lower_hex));
            field.and_then(|field| u128::from_str_radix(field, 16).ok()).ok_or(TraceContextError)
        };
        let version = hex(2)?;
        let (trace_id, parent_id, flags) = (hex(32)?, hex(16)?, hex(2)?);
        // Version 00 has exactly these fields; later versions may append some, and ff is forbidden.
        let complete = version != 0 || fields.next().is_none();
        let parent_id = u64::try_from(parent_id).map_err(|_| TraceContextError)?;
        if version == 0xff || !complete || trace_id == 0 || parent_id == 0 {
            return Err(TraceContextError);
        }
        Ok(Self { trace_id, parent_id, sampled: flags & 1 == 1 })
    }
}

fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// The second half of a UUIDv7 is 62 random bits behind the variant, so never zero.
fn span_id(ids: &dyn IdSource) -> u64 {
    ids.next_id().as_u64_pair().1
}
