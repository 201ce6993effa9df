//! Policies and how they learn: networks, PPO, optimiser and checkpoints.
