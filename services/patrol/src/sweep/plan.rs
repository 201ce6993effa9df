//! What a sweep trains and when, given what came of it so far. Pure.

use super::space::Settings;
use anyhow::{Result, ensure};
use environment::evaluation::statistics::Estimate;

/// A point of the search space.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Counted from 1.
    pub number: usize,
    pub settings: Settings,
}

/// Every trial that is left trains for so many environment steps, from the beginning: a schedule that ends with the run
/// says more about a policy than the first part of a longer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    pub steps: u64,
    /// Trials that take part.
    pub trials: usize,
}

/// One rung with every trial: grid and random search.
pub fn at_once(trials: usize, steps: u64) -> Vec<Rung> {
    vec![Rung { steps, trials }]
}

/// Successive halving (Jamieson and Talwalkar 2016; Li et al. 2018, algorithm 1): the best 1/η of each rung train η times
/// as long, the last rung for `steps`. `rungs` is the number of rungs, or as many as leave one trial.
///
/// # Errors
/// When a rung would have no trial or no step.
pub fn halving(trials: usize, steps: u64, eta: u32, rungs: Option<u32>) -> Result<Vec<Rung>> {
    ensure!(eta >= 2, "each rung keeps one trial of `--eta`, so that is at least 2");
    ensure!(trials >= 1, "there is no trial");
    let most = trials.ilog(eta as usize) + 1;
    let rungs = rungs.unwrap_or(most);
    ensure!((1..=most).contains(&rungs), "{trials} trials are enough for 1 to {most} rungs of 1/{eta}");
    let plan: Vec<Rung> = (0..rungs)
        .map(|rung| Rung {
            steps: steps / u64::from(eta).pow(rungs - 1 - rung),
            trials: trials / (eta as usize).pow(rung),
        })
        .collect();
    ensure!(plan[0].steps > 0, "{steps} steps are too few for {rungs} rungs");
    Ok(plan)
}

/// Environment steps of all runs, every trial trained with so many seeds; `None` when they cannot be counted.
pub fn total_steps(rungs: &[Rung], seeds: u32) -> Option<u64> {
    rungs.iter().try_fold(0_u64, |total, rung| {
        let steps = rung.steps.checked_mul(rung.trials as u64)?.checked_mul(u64::from(seeds))?;
        total.checked_add(steps)
    })
}

/// What the repetitions of a trial came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    pub trial: usize,
    /// Mean threat of every held-out episode, repetition by repetition; none of a trial that failed.
    pub threats: Vec<Vec<f64>>,
}

/// A trial's place.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    pub trial: usize,
    /// Mean threat over episodes of all repetitions with its 95 % interval; absent when nothing was evaluated.
    pub estimate: Option<Estimate>,
}

/// Best first, by mean threat; what has none is last. Equal ones keep their order.
pub fn rank(results: &[Outcome]) -> Vec<Ranked> {
    let estimate = |result: &Outcome| {
        let strata: Vec<&[f64]> = result.threats.iter().map(Vec::as_slice).collect();
        Ranked { trial: result.trial, estimate: Estimate::of_strata(&strata) }
    };
    let mut ranked: Vec<Ranked> = results.iter().map(estimate).collect();
    let threat = |ranked: &Ranked| ranked.estimate.as_ref().map_or(f64::INFINITY, |estimate| estimate.mean);
    ranked.sort_by(|one, other| threat(one).total_cmp(&threat(other)));
    ranked
}

/// The `count` best trials that came to anything, in their own order.
pub fn survivors(ranked: &[Ranked], count: usize) -> Vec<usize> {
    let done = ranked.iter().filter(|ranked| ranked.estimate.is_some());
    let mut kept: Vec<usize> = done.take(count).map(|ranked| ranked.trial).collect();
    kept.sort_unstable();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(trial: usize, threats: &[&[f64]]) -> Outcome {
        Outcome { trial, threats: threats.iter().map(|threats| threats.to_vec()).collect() }
    }

    #[test]
    fn halving_gives_every_rung_about_the_same_work() {
        let rung = |steps, trials| Rung { steps, trials };
        assert_eq!(halving(9, 900, 3, None).unwrap(), [rung(100, 9), rung(300, 3), rung(900, 1)]);
        assert_eq!(halving(10, 900, 3, Some(2)).unwrap(), [rung(300, 10), rung(900, 3)]);
        assert_eq!(halving(1, 900, 2, None).unwrap(), at_once(1, 900));
        for (trials, steps, eta, rungs) in [(9, 900, 1, None), (0, 900, 3, None), (8, 900, 3, Some(3)), (9, 8, 3, None)]
        {
            assert!(halving(trials, steps, eta, rungs).is_err(), "{trials} {steps} {eta} {rungs:?}");
        }
    }

    #[test]
    fn steps_are_counted_as_far_as_they_can_be() {
        assert_eq!(total_steps(&halving(9, 900, 3, None).unwrap(), 2), Some(2 * 2700));
        assert_eq!(total_steps(&at_once(1, u64::MAX), 1), Some(u64::MAX));
        assert_eq!(total_steps(&at_once(2, u64::MAX), 1), None);
        assert_eq!(total_steps(&at_once(1, u64::MAX), 2), None);
    }

    #[test]
    fn trials_are_ranked_over_all_their_repetitions_and_failures_come_last() {
        let results = [
            result(1, &[&[0.5, 0.7], &[0.3, 0.5]]),
            result(2, &[]),
            result(3, &[&[0.4], &[0.4]]),
            result(4, &[&[0.9]]),
        ];
        let ranked = rank(&results);
        assert_eq!(ranked.iter().map(|ranked| ranked.trial).collect::<Vec<_>>(), [3, 1, 4, 2]);
        let estimate = ranked[1].estimate.as_ref().unwrap();
        assert_eq!((estimate.mean, estimate.count), (0.5, 4));
        assert!(estimate.mean_ci95.low < 0.5 && 0.5 < estimate.mean_ci95.high);
        assert_eq!(survivors(&ranked, 2), [1, 3]);
        assert_eq!(survivors(&ranked, 4), [1, 3, 4], "a failed trial goes no further");
    }
}
