//! Given events, when a command, then events or a rejection; and laws that hold for any history.

mod early_stopping;
mod evaluation;
mod laws;
mod model;
mod run;
mod run_config;
mod sample;
