DROP TABLE run_counts;
