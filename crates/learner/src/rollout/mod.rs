//! Collecting experience: every environment plays on with the current policy.
pub mod buffer;
pub mod collect;
