DROP TABLE checkpoints;
DROP TABLE episodes;
DROP TABLE run_metrics;
