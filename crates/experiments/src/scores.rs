//! Evaluations as events carry them.

use contracts::events::{AgentScore, Interval};
use environment::agents::ScriptedAgent;
use environment::evaluation::Evaluation;
use environment::evaluation::statistics::{Estimate, mean, optimality_gap, probability_of_improvement};

/// Mean threats, episode by episode, of the scripted agents that scores are compared with.
#[derive(Clone, Debug)]
pub struct References {
    tour: Vec<f64>,
    greedy: Vec<f64>,
    random_walk: Vec<f64>,
}

impl References {
    /// Looks the scripted agents up by `mean_threats`.
    pub fn of(mean_threats: impl Fn(ScriptedAgent) -> Option<Vec<f64>>) -> Option<Self> {
        Some(Self {
            tour: mean_threats(ScriptedAgent::Tour)?,
            greedy: mean_threats(ScriptedAgent::Greedy)?,
            random_walk: mean_threats(ScriptedAgent::RandomWalk)?,
        })
    }

    /// Those of an event's scores.
    pub fn of_scores(scores: &[AgentScore]) -> Option<Self> {
        let score = |agent: ScriptedAgent| scores.iter().find(|score| score.agent == agent.name());
        Self::of(|agent| score(agent).map(|score| score.episode_mean_threats.clone()))
    }
}

/// The score of `evaluation` beside the scripted agents'. `None` without an episode.
pub fn agent_score(agent: &str, evaluation: &Evaluation, references: &References) -> Option<AgentScore> {
    let average = |estimate: Option<Estimate>| estimate.map(|estimate| estimate.mean);
    let ours = evaluation.mean_threats();
    let better_than =
        |other: &[f64]| probability_of_improvement(&[&ours], &[other]).map_or(0.0, |(probability, _)| probability);
    let gap = || optimality_gap(mean(&ours)?, mean(&references.tour)?, mean(&references.random_walk)?);
    Some(AgentScore {
        agent: agent.to_owned(),
        episodes: evaluation.episodes.len() as u32,
        mean_threat: interval(evaluation.mean_threat?),
        final_threat: average(evaluation.final_threat)?,
        coverage: average(evaluation.coverage)?,
        average_idleness: average(evaluation.average_idleness)?,
        worst_idleness: average(evaluation.worst_idleness)?,
        steps_to_full_coverage: average(evaluation.steps_to_full_coverage),
        response_p50: average(evaluation.response_p50),
        response_p95: average(evaluation.response_p95),
        interference_rate: average(evaluation.interference_rate)?,
        mean_return: average(evaluation.episode_return)?,
        battery_deaths: average(evaluation.battery_deaths)?,
        optimality_gap: gap(),
        probability_better_than_tour: better_than(&references.tour),
        probability_better_than_greedy: better_than(&references.greedy),
        episode_mean_threats: ours,
    })
}

fn interval(estimate: Estimate) -> Interval {
    let Estimate { mean, mean_ci95, interquartile_mean, .. } = estimate;
    Interval { mean, iqm: interquartile_mean, low: mean_ci95.low, high: mean_ci95.high }
}
