//! What a run's configuration means: its world, its learner, its archive rows, and how an archived episode is simulated again.
