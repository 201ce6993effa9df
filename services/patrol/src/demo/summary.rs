//! What the demo reports at its end: one object for machines, one text for people.

use crate::terminal::{Style, bytes, count, duration, table};
use contracts::events::{AgentScore, BaselinesCompleted, EvaluationCompleted};
use serde::Serialize;
use std::collections::BTreeMap;

/// The summary object of `patrol demo --json`.
#[derive(Debug, Serialize)]
pub struct Summary {
    pub run_id: String,
    pub training: Training,
    pub policy: Policies,
    pub agents: BTreeMap<String, Score>,
    pub archive: Archive,
    /// Events in the log.
    pub events: u64,
    pub checkpoints: Vec<Checkpoint>,
    /// Rows per table of the read models.
    pub rows: BTreeMap<String, u64>,
    pub replay: Replay,
}

#[derive(Debug, Serialize)]
pub struct Training {
    /// Environment steps.
    pub steps: u64,
    pub seconds: f64,
    /// Environment steps per second.
    pub steps_per_second: f64,
    pub robot_steps_per_second: f64,
}

#[derive(Debug, Serialize)]
pub struct Policies {
    pub sampled: Score,
    pub argmax: Score,
}

#[derive(Clone, Debug, Serialize)]
pub struct Score {
    pub mean_threat: f64,
    /// Lower and upper end of the 95 % interval of the mean threat.
    pub ci95: [f64; 2],
    pub interquartile_mean_threat: f64,
    pub coverage: f64,
    pub worst_idleness: f64,
    pub optimality_gap: Option<f64>,
    pub episodes: u32,
}

#[derive(Debug, Serialize)]
pub struct Archive {
    pub files: u64,
    pub rows: u64,
    pub bytes: u64,
}

#[derive(Debug, Serialize)]
pub struct Checkpoint {
    pub checkpoint_id: String,
    pub timestep: u64,
    pub digest: String,
    pub bytes: u64,
}

#[derive(Debug, Serialize)]
pub struct Replay {
    /// The read models rebuilt from the log are the same, table by table.
    pub identical: bool,
    pub events: u64,
    pub seconds: f64,
}

impl From<&AgentScore> for Score {
    fn from(score: &AgentScore) -> Self {
        Self {
            mean_threat: score.mean_threat.mean,
            ci95: [score.mean_threat.low, score.mean_threat.high],
            interquartile_mean_threat: score.mean_threat.iqm,
            coverage: score.coverage,
            worst_idleness: score.worst_idleness,
            optimality_gap: score.optimality_gap,
            episodes: score.episodes,
        }
    }
}

/// The policy's and the agents' scores as the summary holds them.
pub fn scores(evaluation: &EvaluationCompleted, baselines: &BaselinesCompleted) -> (Policies, BTreeMap<String, Score>) {
    let policies = Policies { sampled: (&evaluation.sampled).into(), argmax: (&evaluation.argmax).into() };
    let agents = baselines.agents.iter().map(|score| (score.agent.clone(), score.into())).collect();
    (policies, agents)
}

impl Summary {
    /// The closing text.
    pub fn to_text(&self, style: Style) -> String {
        let training = &self.training;
        let trained = format!(
            "Trained {} steps in {} ({} steps/s).",
            count(training.steps),
            duration(training.seconds),
            count(training.steps_per_second as u64)
        );
        let replay = match self.replay.identical {
            true => style.green("identical"),
            false => style.red("DIFFERENT"),
        };
        format!(
            "\n{}\n\n{}\n{}\n{}\nReplay: read models rebuilt from {} events in {:.1} s: {replay}\n\n{}\n",
            style.bold(&trained),
            self.comparison(style),
            style.bold("What exists now"),
            self.inventory(),
            count(self.replay.events),
            self.replay.seconds,
            self.next_steps(style),
        )
    }

    fn comparison(&self, style: Style) -> String {
        let heading = ["agent", "mean threat", "95 % interval", "coverage", "worst idleness", "optimality gap"];
        let mut rows = vec![heading.map(str::to_owned).to_vec()];
        let mut ranked: Vec<(&str, &Score)> = self.agents.iter().map(|(name, score)| (name.as_str(), score)).collect();
        ranked.push(("policy, sampled", &self.policy.sampled));
        ranked.push(("policy, arg-max", &self.policy.argmax));
        ranked.sort_by(|a, b| a.1.mean_threat.total_cmp(&b.1.mean_threat));
        rows.extend(ranked.into_iter().map(|(name, score)| row(name, score)));
        let episodes = self.policy.sampled.episodes;
        let title = format!("Mean threat on {episodes} held-out seeds, lower is better");
        format!("{}\n{}", style.bold(&title), table(&rows))
    }

    fn inventory(&self) -> String {
        let archive = &self.archive;
        let mut text = format!("  {:>10}  events in the log\n", count(self.events));
        let rows: u64 = self.rows.values().sum();
        text.push_str(&format!("  {:>10}  rows in Postgres, {} tables\n", count(rows), self.rows.len()));
        text.push_str(&format!(
            "  {:>10}  rows in {} Parquet files, {}\n",
            count(archive.rows),
            count(archive.files),
            bytes(archive.bytes)
        ));
        text.push_str(&format!("  {:>10}  checkpoints, the newest:\n", self.checkpoints.len()));
        for checkpoint in self.checkpoints.iter().rev().take(3) {
            let digest: String = checkpoint.digest.chars().take(16).collect();
            text.push_str(&format!("              {digest}…  step {}\n", count(checkpoint.timestep)));
        }
        text
    }

    fn next_steps(&self, style: Style) -> String {
        format!(
            "{}\n  make up                                  keep the system running (HTTP on 127.0.0.1:8000)\n  \
             patrol status                            what is healthy, stream sizes, lag, runs\n  \
             patrol replay project --check            rebuild the read models from the log and compare\n  \
             patrol events --run {}\n  \
             notebooks/                               analyses of the history and the archive, to run again\n",
            style.bold("How to go on"),
            self.run_id
        )
    }
}

fn row(name: &str, score: &Score) -> Vec<String> {
    vec![
        name.to_owned(),
        format!("{:.3}", score.mean_threat),
        format!("{:.3} – {:.3}", score.ci95[0], score.ci95[1]),
        format!("{:.1} %", 100.0 * score.coverage),
        format!("{:.0}", score.worst_idleness),
        score.optimality_gap.map_or_else(|| "–".to_owned(), |gap| format!("{gap:+.3}")),
    ]
}
