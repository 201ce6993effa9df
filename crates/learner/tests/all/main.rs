//! Integration tests of the learner.
mod backends;
mod kernels;
mod runs;
