//! What every service needs to run: configuration, telemetry, shutdown, health, the real clock and ids.
