//! Statistics for a handful of noisy episodes.
//!
//! Agarwal, Schwarzer, Castro, Courville, Bellemare, *Deep reinforcement learning at the edge of the statistical
//! precipice*, 2021: interquartile means with stratified bootstrap intervals, and probabilities of improvement, in place
//! of bare means.

use crate::rng::below;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

/// Bootstrap resamples behind an interval.
pub const RESAMPLES: usize = 2000;
/// Seed of the resampling; fixed, so that the same episodes always give the same interval.
const BOOTSTRAP_SEED: u64 = 0x5eed_b007;

/// A 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// 2.5th percentile.
    pub low: f64,
    /// 97.5th percentile.
    pub high: f64,
}

/// What a sample of episodes says about one metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Arithmetic mean.
    pub mean: f64,
    /// 95 % bootstrap interval of the mean.
    pub mean_ci95: Interval,
    /// Mean of the middle half of the sample.
    pub interquartile_mean: f64,
    /// 95 % bootstrap interval of the interquartile mean.
    pub interquartile_mean_ci95: Interval,
    /// Values in the sample.
    pub count: usize,
}

impl Estimate {
    /// Estimates a metric from its values in several strata (one per kind of world); each stratum is resampled on its own,
    /// and statistics are those of all strata together. `None` if there is no value.
    pub fn of_strata(strata: &[&[f64]]) -> Option<Self> {
        let sample: Vec<f64> = strata.concat();
        Some(Self {
            mean: mean(&sample)?,
            mean_ci95: bootstrap_interval(strata, RESAMPLES, |sample| mean(sample).unwrap_or(f64::NAN))?,
            interquartile_mean: interquartile_mean(&sample)?,
            interquartile_mean_ci95: bootstrap_interval(strata, RESAMPLES, |sample| {
                interquartile_mean(sample).unwrap_or(f64::NAN)
            })?,
            count: sample.len(),
        })
    }

    /// As [`Estimate::of_strata`], of values from one kind of world.
    pub fn of(sample: &[f64]) -> Option<Self> {
        Self::of_strata(&[sample])
    }
}

/// Arithmetic mean, summed in order; `None` of an empty sample.
pub fn mean(sample: &[f64]) -> Option<f64> {
    (!sample.is_empty()).then(|| sample.iter().sum::<f64>() / sample.len() as f64)
}

/// Mean of what remains without the lowest and the highest quarter, each rounded down to whole values; `None` of an empty
/// sample. The 25 % trimmed mean of Agarwal et al. 2021, §4.3.
pub fn interquartile_mean(sample: &[f64]) -> Option<f64> {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    let trimmed = sorted.len() / 4;
    mean(&sorted[trimmed..sorted.len() - trimmed])
}

/// 95 % percentile interval of `statistic` over `resamples` stratified bootstrap resamples: every stratum is drawn with
/// replacement at its own size. `None` if there is no value or no resample. Agarwal et al. 2021, §4.1.
pub fn bootstrap_interval(strata: &[&[f64]], resamples: usize, statistic: impl Fn(&[f64]) -> f64) -> Option<Interval> {
    if resamples == 0 || strata.iter().all(|stratum| stratum.is_empty()) {
        return None;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(BOOTSTRAP_SEED);
    let mut resample = Vec::new();
    let mut statistics = Vec::with_capacity(resamples);
    for _ in 0..resamples {
        draw_resample(strata, &mut rng, &mut resample);
        statistics.push(statistic(&resample));
    }
    Some(percentile_interval(statistics))
}

/// Probability that a run of `ours` does better than one of `theirs`, with its 95 % interval, where lower values are
/// better and ties count half: the Mann–Whitney statistic, averaged over pairs of strata (kinds of world) with values on
/// both sides. `None` if there is no such pair. Agarwal et al. 2021, §4.3.
pub fn probability_of_improvement(ours: &[&[f64]], theirs: &[&[f64]]) -> Option<(f64, Interval)> {
    let pairs: Vec<_> =
        ours.iter().zip(theirs).filter(|(ours, theirs)| !ours.is_empty() && !theirs.is_empty()).collect();
    let average = |chances: Vec<f64>| mean(&chances);
    let probability = average(pairs.iter().map(|(ours, theirs)| chance_of_lower(ours, theirs)).collect())?;
    let mut rng = ChaCha8Rng::seed_from_u64(BOOTSTRAP_SEED);
    let (mut our_draw, mut their_draw) = (Vec::new(), Vec::new());
    let mut resampled = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        let chances = pairs.iter().map(|(ours, theirs)| {
            draw_resample(&[ours], &mut rng, &mut our_draw);
            draw_resample(&[theirs], &mut rng, &mut their_draw);
            chance_of_lower(&our_draw, &their_draw)
        });
        resampled.push(average(chances.collect())?);
    }
    Some((probability, percentile_interval(resampled)))
}

/// (agent − tour) / (random walk − tour) of mean threats: 0 is as good as the tour, 1 no better than chance, below 0 better
/// than the tour. `None` if tour and random walk are equal.
pub fn optimality_gap(agent: f64, tour: f64, random_walk: f64) -> Option<f64> {
    let range = random_walk - tour;
    (range.abs() > f64::EPSILON).then(|| (agent - tour) / range)
}

/// Share of pairs in which the value of `ours` is lower; ties count half.
fn chance_of_lower(ours: &[f64], theirs: &[f64]) -> f64 {
    let mut sorted = theirs.to_vec();
    sorted.sort_by(f64::total_cmp);
    let wins = ours.iter().map(|value| {
        let at_most = sorted.partition_point(|other| other <= value);
        let below = sorted.partition_point(|other| other < value);
        (sorted.len() - at_most) as f64 + 0.5 * (at_most - below) as f64
    });
    wins.sum::<f64>() / (ours.len() * sorted.len()) as f64
}

fn draw_resample(strata: &[&[f64]], rng: &mut ChaCha8Rng, resample: &mut Vec<f64>) {
    resample.clear();
    for stratum in strata {
        resample.extend((0..stratum.len()).map(|_| stratum[below(rng, stratum.len())]));
    }
}

fn percentile_interval(mut statistics: Vec<f64>) -> Interval {
    statistics.sort_by(f64::total_cmp);
    Interval { low: percentile(&statistics, 0.025), high: percentile(&statistics, 0.975) }
}

/// Linear interpolation between order statistics (Hyndman and Fan 1996, type 7); `sorted` is not empty.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}
