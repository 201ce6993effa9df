//! Integration tests of the learner.
mod a3c;
mod asynchronous;
mod backends;
mod kernels;
mod remote;
mod runs;
