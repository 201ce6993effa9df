//! Statistics against values worked out by hand.

use environment::evaluation::statistics::{
    Estimate, RESAMPLES, bootstrap_interval, interquartile_mean, mean, optimality_gap, probability_of_improvement,
};
use proptest::prelude::*;

#[test]
fn means_of_a_known_sample() {
    let sample = [9.0, 1.0, 2.0, 3.0, 4.0, 100.0, 6.0, 5.0];
    assert_eq!(mean(&sample), Some(16.25));
    // Sorted 1 2 | 3 4 5 6 | 9 100: the middle half.
    assert_eq!(interquartile_mean(&sample), Some(4.5));
    // Three values: a quarter of them is no whole value, so none is dropped.
    assert_eq!(interquartile_mean(&[1.0, 2.0, 6.0]), Some(3.0));
    assert_eq!(mean(&[]), None);
    assert_eq!(interquartile_mean(&[]), None);
    assert_eq!(Estimate::of(&[]), None);
}

#[test]
fn intervals_of_a_constant_are_points() {
    let estimate = Estimate::of(&[0.5; 20]).unwrap();
    assert_eq!((estimate.mean, estimate.mean_ci95.low, estimate.mean_ci95.high), (0.5, 0.5, 0.5));
    assert_eq!(estimate.count, 20);
}

#[test]
fn the_interval_is_about_two_standard_errors_wide() {
    // 0, 1, …, 99: standard deviation 28.87, so the standard error of the mean is 2.887 and the interval 49.5 ± 5.66.
    let sample: Vec<f64> = (0..100).map(f64::from).collect();
    let interval = Estimate::of(&sample).unwrap().mean_ci95;
    assert!((interval.low - 43.84).abs() < 0.6, "{interval:?}");
    assert!((interval.high - 55.16).abs() < 0.6, "{interval:?}");
}

#[test]
fn strata_keep_their_sizes() {
    // Two kinds of world that differ a lot but never within: no resample may change the mean.
    let strata: [&[f64]; 2] = [&[0.0; 10], &[1.0; 30]];
    let estimate = Estimate::of_strata(&strata).unwrap();
    assert_eq!((estimate.mean_ci95.low, estimate.mean_ci95.high), (0.75, 0.75));
    // Unstratified, the same values do vary.
    let interval = Estimate::of(&strata.concat()).unwrap().mean_ci95;
    assert!(interval.low < 0.65 && interval.high > 0.85, "{interval:?}");
}

#[test]
fn no_resample_no_interval() {
    assert_eq!(bootstrap_interval(&[&[1.0]], 0, |sample| sample[0]), None);
    assert_eq!(bootstrap_interval(&[&[]], RESAMPLES, |_| 0.0), None);
}

#[test]
fn improvement_counts_pairs() {
    // Lower is better: 1 beats 2 and 4 (2 wins), 3 beats 4 (1 win), 4 ties with 4 (half a win): 3.5 of 6 pairs.
    let (probability, interval) = probability_of_improvement(&[&[1.0, 3.0, 4.0]], &[&[2.0, 4.0]]).unwrap();
    assert!((probability - 3.5 / 6.0).abs() < 1e-12);
    assert!(interval.low <= probability && probability <= interval.high);
    let certain = probability_of_improvement(&[&[1.0, 2.0]], &[&[3.0, 4.0]]).unwrap();
    assert_eq!((certain.0, certain.1.low, certain.1.high), (1.0, 1.0, 1.0));
    // Averaged over kinds of worlds: always in one, never in the other.
    let split = probability_of_improvement(&[&[1.0], &[9.0]], &[&[2.0], &[3.0]]).unwrap();
    assert_eq!(split.0, 0.5);
    assert_eq!(probability_of_improvement(&[&[]], &[&[1.0]]), None);
}

#[test]
fn the_gap_is_relative_to_tour_and_chance() {
    assert_eq!(optimality_gap(0.5, 0.5, 0.75), Some(0.0));
    assert_eq!(optimality_gap(0.75, 0.5, 0.75), Some(1.0));
    assert_eq!(optimality_gap(0.375, 0.5, 0.75), Some(-0.5));
    assert_eq!(optimality_gap(0.4, 0.5, 0.5), None);
}

proptest! {
    #[test]
    fn estimates_are_ordered_and_repeatable(sample in prop::collection::vec(0.0f64..1.0, 1..40)) {
        let estimate = Estimate::of(&sample).unwrap();
        prop_assert!(estimate.mean_ci95.low <= estimate.mean_ci95.high);
        let (low, high) = sample.iter().fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(*x), high.max(*x)));
        // A mean of equal values may differ from them in the last bit.
        prop_assert!(low - 1e-12 <= estimate.interquartile_mean && estimate.interquartile_mean <= high + 1e-12);
        prop_assert_eq!(Estimate::of(&sample).unwrap(), estimate);
    }

    #[test]
    fn improvements_are_complementary(
        ours in prop::collection::vec(0u8..5, 1..10), theirs in prop::collection::vec(0u8..5, 1..10),
    ) {
        let (ours, theirs): (Vec<f64>, Vec<f64>) =
            (ours.into_iter().map(f64::from).collect(), theirs.into_iter().map(f64::from).collect());
        let forth = probability_of_improvement(&[&ours], &[&theirs]).unwrap().0;
        let back = probability_of_improvement(&[&theirs], &[&ours]).unwrap().0;
        prop_assert!((forth + back - 1.0).abs() < 1e-12);
    }
}
