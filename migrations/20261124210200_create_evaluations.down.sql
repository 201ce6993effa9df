DROP TABLE baselines;
DROP TABLE evaluations;
