//! Trajectories as Arrow and Parquet, and the object store that holds them.
