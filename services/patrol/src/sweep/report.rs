//! What a sweep found: a table for people, one object for programs.

use super::Sweep;
use super::board::Evaluated;
use super::plan::Ranked;
use super::space::{Settings, described};
use crate::cli::SearchName;
use crate::terminal::{count, table};
use contracts::RunId;
use serde::Serialize;
use serde_json::{Map, Value};

/// Characters of settings and failures in a table.
const WIDEST: usize = 60;

#[derive(Debug, Serialize)]
pub struct Report {
    pub sweep: String,
    pub search: SearchName,
    /// Best first.
    pub trials: Vec<TrialReport>,
}

#[derive(Debug, Serialize)]
pub struct TrialReport {
    /// Counted from 1; absent when none of its runs could be evaluated.
    pub rank: Option<usize>,
    pub trial: usize,
    pub settings: Map<String, Value>,
    /// The last rung that it reached, counted from 1.
    pub rung: usize,
    /// Steps of each run in that rung.
    pub steps: u64,
    /// Of sampled actions over the held-out episodes of all runs of that rung.
    pub mean_threat: Option<f64>,
    /// 95 % bootstrap interval, each run a stratum.
    pub ci95: Option<[f64; 2]>,
    /// The same of the most probable actions, without an interval.
    pub argmax_mean_threat: Option<f64>,
    pub coverage: Option<f64>,
    pub worst_idleness: Option<f64>,
    pub runs: Vec<RunReport>,
}

/// One run of a trial.
#[derive(Clone, Debug, Serialize)]
pub struct RunReport {
    pub run_id: RunId,
    pub number: Option<u64>,
    #[serde(skip)]
    pub trial: usize,
    pub rung: usize,
    pub seed: u64,
    pub evaluated: Option<Evaluated>,
    pub failure: Option<String>,
}

impl RunReport {
    /// One line when it has ended.
    pub fn line(&self) -> String {
        let number = self.number.map_or_else(|| "–".to_owned(), |number| number.to_string());
        let came_to = match (&self.evaluated, &self.failure) {
            (Some(evaluated), _) => {
                let threat = evaluated.sampled.mean_threat;
                format!("mean threat {:.3} ({:.3} – {:.3})", threat.mean, threat.low, threat.high)
            }
            (None, failure) => failure.clone().unwrap_or_else(|| "nothing".to_owned()),
        };
        format!("#{} rung {} seed {} run {number}: {came_to}", self.trial, self.rung, self.seed)
    }
}

impl Report {
    /// `places` are the trials, best first; `runs` all that were trained.
    pub fn new(sweep: &Sweep, places: &[Ranked], runs: Vec<RunReport>) -> Self {
        let trials = places.iter().enumerate().map(|(index, place)| trial(sweep, index, place, &runs));
        Self { sweep: sweep.name.clone(), search: sweep.search, trials: trials.collect() }
    }

    /// The best trial, if any run could be evaluated.
    pub fn best(&self) -> Option<&TrialReport> {
        self.trials.first().filter(|trial| trial.rank.is_some())
    }

    pub fn to_text(&self) -> String {
        let heading =
            ["rank", "trial", "steps", "mean threat", "95 %", "arg-max", "coverage", "worst idle", "settings"];
        let rows = self.trials.iter().map(|trial| {
            let number = |value: Option<f64>, digits: usize| match value {
                Some(value) => format!("{value:.digits$}"),
                None => "–".to_owned(),
            };
            let settings = Settings::from_iter(trial.settings.clone());
            vec![
                trial.rank.map_or_else(|| "–".to_owned(), |rank| rank.to_string()),
                format!("#{}", trial.trial),
                count(trial.steps),
                number(trial.mean_threat, 3),
                trial.ci95.map_or_else(|| "–".to_owned(), |[low, high]| format!("{low:.3} – {high:.3}")),
                number(trial.argmax_mean_threat, 3),
                trial.coverage.map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", 100.0 * share)),
                number(trial.worst_idleness, 0),
                shortened(&described(&settings)),
            ]
        });
        let mut text = table(&std::iter::once(heading.map(str::to_owned).to_vec()).chain(rows).collect::<Vec<_>>());
        let runs = self.best().map(|best| best.runs.iter().filter_map(|run| run.number).collect::<Vec<_>>());
        if let Some([first, ..]) = runs.as_deref() {
            text.push_str(&format!("Go on with the best: patrol run fork {first} --best --steps N\n"));
        }
        text
    }
}

fn trial(sweep: &Sweep, index: usize, place: &Ranked, runs: &[RunReport]) -> TrialReport {
    let runs: Vec<RunReport> = runs.iter().filter(|run| run.trial == place.trial).cloned().collect();
    let rung = runs.iter().map(|run| run.rung).max().unwrap_or(1);
    let last: Vec<&Evaluated> =
        runs.iter().filter(|run| run.rung == rung).filter_map(|run| run.evaluated.as_ref()).collect();
    let mean = |of: fn(&Evaluated) -> f64| {
        (!last.is_empty()).then(|| last.iter().map(|evaluated| of(evaluated)).sum::<f64>() / last.len() as f64)
    };
    let settings = sweep.trials.iter().find(|trial| trial.number == place.trial).map(|trial| trial.settings.clone());
    TrialReport {
        rank: place.estimate.as_ref().map(|_| index + 1),
        trial: place.trial,
        settings: settings.unwrap_or_default().into_iter().collect(),
        rung,
        steps: sweep.rungs.get(rung - 1).map_or(0, |rung| rung.steps),
        mean_threat: place.estimate.as_ref().map(|estimate| estimate.mean),
        ci95: place.estimate.as_ref().map(|estimate| [estimate.mean_ci95.low, estimate.mean_ci95.high]),
        argmax_mean_threat: mean(|evaluated| evaluated.argmax.mean_threat.mean),
        coverage: mean(|evaluated| evaluated.sampled.coverage),
        worst_idleness: mean(|evaluated| evaluated.sampled.worst_idleness),
        runs,
    }
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= WIDEST {
        return text.to_owned();
    }
    text.chars().take(WIDEST - 1).chain(['…']).collect()
}
