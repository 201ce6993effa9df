DROP TABLE dead_letters;
DROP TABLE rejected_commands;
DROP TABLE command_outcomes;
