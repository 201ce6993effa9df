//! Tests of pure decisions: given events, when a command, then events or a rejection.
//!
//! ```
//! use test_support::given;
//! fn evolve(sum: u32, added: &u32) -> u32 { sum + added }
//! fn decide(sum: &u32, wanted: u32) -> Result<Vec<u32>, &'static str> {
//!     if sum + wanted > 10 { Err("too much") } else { Ok(vec![wanted]) }
//! }
//! given(evolve, [4, 5]).when(|sum| decide(sum, 1)).then([1]);
//! given(evolve, [4, 5]).when(|sum| decide(sum, 2)).then_rejected("too much");
//! ```

use std::fmt::Debug;

/// The state after the given history.
#[derive(Debug)]
pub struct Given<S> {
    pub state: S,
}

/// What was decided.
#[derive(Debug)]
#[must_use = "say what was expected"]
pub struct Outcome<E, R> {
    pub decision: Result<Vec<E>, R>,
}

/// Folds a history over the default state.
pub fn given<S: Default, E>(evolve: impl Fn(S, &E) -> S, history: impl IntoIterator<Item = E>) -> Given<S> {
    Given { state: history.into_iter().fold(S::default(), |state, event| evolve(state, &event)) }
}

impl<S> Given<S> {
    /// Decides on a command in this state.
    pub fn when<E, R>(&self, decide: impl FnOnce(&S) -> Result<Vec<E>, R>) -> Outcome<E, R> {
        Outcome { decision: decide(&self.state) }
    }
}

impl<E: Debug + PartialEq, R: Debug> Outcome<E, R> {
    /// Exactly these events.
    #[track_caller]
    pub fn then(self, expected: impl IntoIterator<Item = E>) {
        let expected: Vec<E> = expected.into_iter().collect();
        match self.decision {
            Ok(events) => assert_eq!(events, expected, "other events than expected"),
            Err(rejection) => panic!("rejected with {rejection:?} instead of {expected:?}"),
        }
    }
}

impl<E: Debug, R: Debug + PartialEq> Outcome<E, R> {
    /// Exactly this rejection.
    #[track_caller]
    pub fn then_rejected(self, expected: R) {
        match self.decision {
            Err(rejection) => assert_eq!(rejection, expected, "another rejection than expected"),
            Ok(events) => panic!("accepted with {events:?} instead of {expected:?}"),
        }
    }
}
