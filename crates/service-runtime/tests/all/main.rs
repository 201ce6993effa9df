//! Shutdown, configuration, health server, logs, trace context.

mod configuration;
mod health;
mod lifecycle;
mod telemetry;
mod trace_context;
