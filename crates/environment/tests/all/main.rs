//! The rules of the world, checked against a slow simulator that follows them literally.

mod codec;
mod observation;
mod reference;
mod reward;
mod world;
