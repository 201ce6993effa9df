//! The live display of a run: steps, speed, time left, and how well the policy does.

use crate::terminal::{count, duration};
use contracts::config::Worlds;
use contracts::events::TrainingProgressed;
use contracts::{Event, RunConfig};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

/// A progress bar on a terminal; without one, a line per report.
pub struct Display {
    bar: ProgressBar,
    terminal: bool,
    total: u64,
}

impl Display {
    pub fn new(config: &RunConfig, number: u64) -> Self {
        let total = config.learning.total_timesteps;
        let terminal = std::io::stderr().is_terminal();
        let world = &config.world;
        let robots = if world.num_robots == 1 { "robot" } else { "robots" };
        let map = world.map.map_type.name();
        let place = format!("{}×{}, {} {robots}, {map} map", world.width, world.height, world.num_robots);
        let place = match config.worlds() {
            Worlds::Fixed => place,
            Worlds::Universal => format!("worlds of all kinds, evaluated in {place}"),
        };
        eprintln!(
            "Run {number}: {}, {place}, {} steps, seed {}",
            config.learning.algorithm.name().to_uppercase(),
            count(total),
            config.seed
        );
        let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        if let Ok(style) = ProgressStyle::with_template("{bar:30.cyan} {percent:>3} %  {msg}") {
            bar.set_style(style);
        }
        Self { bar, terminal, total }
    }

    /// Shows what an event tells.
    pub fn show(&self, event: &Event) {
        match event {
            Event::TrainingProgressed(progress) => {
                let line = self.line(progress);
                self.bar.set_position(progress.timestep);
                self.bar.set_message(line.clone());
                if !self.terminal {
                    eprintln!("{line}");
                }
            }
            Event::RunStarted(started) if started.resumed_from.is_some() => self.say("continuing from its checkpoint"),
            Event::RunCompleted(_) => self.say("training is done; evaluating the last checkpoint"),
            Event::EvaluationCompleted(evaluation) if !evaluation.is_last => {
                let threat = evaluation.sampled.mean_threat.mean;
                self.say(&format!("evaluated at step {}: mean threat {threat:.3}", count(evaluation.timestep)));
            }
            Event::EvaluationFailed(failed) => self.say(&format!("an evaluation failed: {}", failed.message)),
            _ => {}
        }
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn line(&self, progress: &TrainingProgressed) -> String {
        let left = self.total.saturating_sub(progress.timestep) as f64 / progress.steps_per_second.max(1.0);
        format!(
            "{} steps  {}/s  {} left  threat {:.3}  coverage {:.0} %  loss {:.4}",
            count(progress.timestep),
            count(progress.steps_per_second as u64),
            duration(left),
            progress.mean_threat,
            100.0 * progress.coverage,
            progress.diagnostics.loss
        )
    }

    fn say(&self, text: &str) {
        if self.terminal {
            self.bar.println(text);
        } else {
            eprintln!("{text}");
        }
    }
}
