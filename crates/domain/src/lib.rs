//! Decisions, pure and synchronous: what a command means for an aggregate, given the aggregate's history.
//!
//! Each aggregate has a state, folded from its events by `evolve`, and a `decide` that turns a command into the events
//! that it causes or a [`contracts::Rejection`] with every reason. Nothing here asks a clock, draws a random number or
//! reads anything: times, ids, seeds and what is known about other aggregates arrive as data. Therefore a history means
//! the same for ever, and a decision can be repeated.
//!
//! ```
//! use contracts::{Event, RunId, commands::StartRun};
//! use domain::run::{Run, RunCommand, StartFacts, decide, evolve};
//! # let run_id: RunId = "00000000-0000-4000-8000-000000000001".parse().unwrap();
//! # let command_id = "00000000-0000-4000-8000-000000000002".parse().unwrap();
//!
//! let start = StartRun { total_timesteps: 1_000_000, ..StartRun::default() };
//! let facts = StartFacts { command_id, parent_known: true, weights_known: true, weights_of: None, resumed: None };
//! let events = decide(&Run::default(), run_id, &RunCommand::Start(&start, facts))?;
//! let run = events.iter().fold(Run::default(), evolve);
//! assert!(matches!(decide(&run, run_id, &RunCommand::Pause)?[..], [Event::RunPaused(_)]));
//! # Ok::<(), contracts::Rejection>(())
//! ```

pub mod continuation;
pub mod early_stopping;
pub mod evaluation;
pub mod model;
pub mod run;
pub mod run_config;

mod refusal;

use contracts::{Event, Rejection};

/// What a command causes: events to append, all or none, or nothing, with every reason.
pub type Decision = Result<Vec<Event>, Rejection>;
