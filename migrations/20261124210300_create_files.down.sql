DROP TABLE models;
DROP TABLE trajectory_files;
