//! Pure decide and evolve functions per aggregate.
