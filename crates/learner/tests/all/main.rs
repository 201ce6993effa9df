//! Integration tests of the learner.
mod a3c;
mod backends;
mod kernels;
mod runs;
