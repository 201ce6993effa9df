//! Evaluations as events carry them.

use contracts::events::{AgentScore, Bounds, Interval};
use environment::agents::ScriptedAgent;
use environment::evaluation::Evaluation;
use environment::evaluation::statistics::{self, Estimate, mean, optimality_gap, probability_of_improvement};

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
    let better_than = |other: &[f64]| {
        let improvement = probability_of_improvement(&[&ours], &[other]);
        improvement.map_or((0.0, None), |(probability, ci95)| (probability, Some(bounds(ci95))))
    };
    let (better_than_tour, better_than_greedy) = (better_than(&references.tour), better_than(&references.greedy));
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
        full_coverage_share: Some(evaluation.full_coverage_share),
        response_p50: average(evaluation.response_p50),
        response_p95: average(evaluation.response_p95),
        interference_rate: average(evaluation.interference_rate)?,
        mean_return: average(evaluation.episode_return)?,
        battery_deaths: average(evaluation.battery_deaths)?,
        optimality_gap: gap(),
        probability_better_than_tour: better_than_tour.0,
        probability_better_than_tour_bounds: better_than_tour.1,
        probability_better_than_greedy: better_than_greedy.0,
        probability_better_than_greedy_bounds: better_than_greedy.1,
        episode_mean_threats: ours,
    })
}

fn interval(estimate: Estimate) -> Interval {
    let Estimate { mean, mean_ci95, interquartile_mean: iqm, interquartile_mean_ci95, .. } = estimate;
    let iqm_bounds = Some(bounds(interquartile_mean_ci95));
    Interval { mean, iqm, low: mean_ci95.low, high: mean_ci95.high, iqm_bounds }
}

fn bounds(interval: statistics::Interval) -> Bounds {
    Bounds { low: interval.low, high: interval.high }
}

#[cfg(test)]
mod tests {
    use super::*;
    use environment::WorldConfig;
    use environment::evaluation::{Protocol, ScriptedActor, evaluate};

    #[test]
    fn a_score_says_how_many_episodes_covered_everything_and_bounds_every_estimate() {
        let world = WorldConfig { width: 8, height: 8, max_steps: Some(400), ..WorldConfig::default() };
        let protocol = Protocol { world, seed: 1, episodes: 12 };
        let played = |script| evaluate(&mut ScriptedActor::new(script), &protocol).expect("a world");
        let references = References::of(|script| Some(played(script).mean_threats())).expect("all agents");
        let evaluation = played(ScriptedAgent::RandomWalk);
        let score = agent_score("random_walk", &evaluation, &references).expect("episodes");
        let complete = evaluation.episodes.iter().filter(|episode| episode.steps_to_full_coverage.is_some()).count();
        assert!(
            complete > 0 && complete < 12,
            "{complete} of 12 episodes cover everything: play longer or shorter ones"
        );
        assert_eq!(score.full_coverage_share, Some(complete as f64 / 12.0));
        let holds = |bounds: Option<Bounds>, value: f64| bounds.is_some_and(|it| it.low <= value && value <= it.high);
        assert!(holds(score.mean_threat.iqm_bounds, score.mean_threat.iqm), "{score:?}");
        assert!(holds(score.probability_better_than_tour_bounds, score.probability_better_than_tour), "{score:?}");
        assert!(holds(score.probability_better_than_greedy_bounds, score.probability_better_than_greedy), "{score:?}");
    }
}
