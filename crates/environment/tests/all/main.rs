//! The rules of the world, checked against a slow simulator that follows them literally.

mod advice;
mod agents;
mod codec;
mod maps;
mod observation;
mod reference;
mod reward;
mod statistics;
mod world;
