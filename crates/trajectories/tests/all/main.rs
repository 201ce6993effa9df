//! Segments, files and the object store, with real files.

mod files;
mod recording;
mod sample;
mod segments;
mod store;
mod validation;
