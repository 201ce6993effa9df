//! The trainer service.
