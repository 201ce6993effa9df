//! Schemas, layer check, fresh-machine dependencies.
fn main() {}
