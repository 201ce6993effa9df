//! The grid world: simulator, map generators, scripted agents and metrics.
