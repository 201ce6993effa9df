//! One file per message.

mod checkpoint_created;
mod evaluation_requested;

pub use checkpoint_created::{checkpoint_created, evaluation_of};
pub use evaluation_requested::evaluation_requested;
