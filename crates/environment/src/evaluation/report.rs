//! The figures of an evaluation.

use super::statistics::{Estimate, Interval, mean, optimality_gap, probability_of_improvement};
use crate::summary::EpisodeSummary;

/// How someone did over the episodes of a protocol. Threat and shares are 0 to 1, times in steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Who acted.
    pub name: String,
    /// Every episode, in order of its index.
    pub episodes: Vec<EpisodeSummary>,
    /// Time average of the mean threat: **the** figure of merit, lower is better.
    pub mean_threat: Option<Estimate>,
    /// Mean threat after the last step.
    pub final_threat: Option<Estimate>,
    /// Share of the free cells that were cleared at least once.
    pub coverage: Option<Estimate>,
    /// Average over time and cells of the steps since a cell was cleared.
    pub average_idleness: Option<Estimate>,
    /// Longest time that any cell was not cleared.
    pub worst_idleness: Option<Estimate>,
    /// Steps until every cell had been cleared, of the episodes in which that happened.
    pub steps_to_full_coverage: Option<Estimate>,
    /// Share of the episodes in which every cell was cleared.
    pub full_coverage_share: f64,
    /// Median response time to suspicious objects, of the episodes that had any.
    pub response_p50: Option<Estimate>,
    /// 95th percentile of the response time, of the episodes that had objects.
    pub response_p95: Option<Estimate>,
    /// Blocked moves per robot and step.
    pub interference_rate: Option<Estimate>,
    /// Sum of rewards: a training signal, not a figure of merit.
    pub episode_return: Option<Estimate>,
    /// Robots per episode that ran out of battery.
    pub battery_deaths: Option<Estimate>,
}

impl Evaluation {
    /// Summarises episodes; metrics are `None` where no episode has a value.
    pub fn new(name: &str, episodes: Vec<EpisodeSummary>) -> Self {
        let of = |metric: fn(&EpisodeSummary) -> Option<f64>| {
            Estimate::of(&episodes.iter().filter_map(metric).collect::<Vec<_>>())
        };
        let covered = |episode: &EpisodeSummary| f64::from(u8::from(episode.steps_to_full_coverage.is_some()));
        Self {
            name: name.to_owned(),
            mean_threat: of(|episode| Some(episode.mean_threat)),
            final_threat: of(|episode| Some(episode.final_threat)),
            coverage: of(|episode| Some(episode.coverage)),
            average_idleness: of(|episode| Some(episode.average_idleness)),
            worst_idleness: of(|episode| Some(f64::from(episode.worst_idleness))),
            steps_to_full_coverage: of(|episode| episode.steps_to_full_coverage.map(f64::from)),
            full_coverage_share: mean(&episodes.iter().map(covered).collect::<Vec<_>>()).unwrap_or(0.0),
            response_p50: of(|episode| episode.response_p50.map(f64::from)),
            response_p95: of(|episode| episode.response_p95.map(f64::from)),
            interference_rate: of(|episode| Some(episode.interference_rate)),
            episode_return: of(|episode| Some(episode.episode_return)),
            battery_deaths: of(|episode| Some(f64::from(episode.battery_deaths))),
            episodes,
        }
    }

    /// Mean threat of every episode, a stratum for [`super::statistics`].
    pub fn mean_threats(&self) -> Vec<f64> {
        self.episodes.iter().map(|episode| episode.mean_threat).collect()
    }
}

/// Mean threat against the scripted agents that played the same episodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// (agent − tour) / (random walk − tour); 0 is as good as the tour, 1 no better than chance.
    pub optimality_gap: Option<f64>,
    /// Probability that an episode has a lower mean threat than one of the tour, with its 95 % interval.
    pub improvement_over_tour: Option<(f64, Interval)>,
    /// The same against greedy.
    pub improvement_over_greedy: Option<(f64, Interval)>,
}

impl Comparison {
    /// Compares `agent` with the scripted agents.
    pub fn new(agent: &Evaluation, tour: &Evaluation, greedy: &Evaluation, random_walk: &Evaluation) -> Self {
        let average = |evaluation: &Evaluation| evaluation.mean_threat.map(|estimate| estimate.mean);
        let gap = || optimality_gap(average(agent)?, average(tour)?, average(random_walk)?);
        let ours = agent.mean_threats();
        let improvement = |other: &Evaluation| probability_of_improvement(&[&ours], &[&other.mean_threats()]);
        Self {
            optimality_gap: gap(),
            improvement_over_tour: improvement(tour),
            improvement_over_greedy: improvement(greedy),
        }
    }
}
