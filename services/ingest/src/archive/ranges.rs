//! Sets of segment numbers as disjoint ranges.

use std::collections::BTreeMap;

/// Segment numbers; neighbouring ranges are joined, so a producer without gaps needs one entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges {
    /// First number to last number.
    ranges: BTreeMap<u64, u64>,
}

impl Ranges {
    pub fn contains(&self, number: u64) -> bool {
        self.ranges.range(..=number).next_back().is_some_and(|(_, last)| *last >= number)
    }

    /// Whether any of `first..=last` is in the set.
    pub fn intersects(&self, first: u64, last: u64) -> bool {
        self.ranges.range(..=last).next_back().is_some_and(|(_, high)| *high >= first)
    }

    /// Adds `first..=last`.
    pub fn insert(&mut self, first: u64, last: u64) {
        let (mut first, mut last) = (first, last.max(first));
        // Whatever overlaps or touches the new range becomes part of it.
        while let Some((&low, &high)) = self.ranges.range(..=last.saturating_add(1)).next_back() {
            if high.saturating_add(1) < first {
                break;
            }
            self.ranges.remove(&low);
            first = first.min(low);
            last = last.max(high);
        }
        self.ranges.insert(first, last);
    }
}

#[cfg(test)]
mod tests {
    use super::Ranges;
    use std::collections::BTreeSet;

    #[test]
    fn it_is_the_set_of_the_numbers_put_in() {
        let mut state = 7_u64;
        let mut below = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        for _ in 0..200 {
            let (mut ranges, mut numbers) = (Ranges::default(), BTreeSet::new());
            for _ in 0..12 {
                let first = below(60);
                let last = first + below(6);
                ranges.insert(first, last);
                numbers.extend(first..=last);
            }
            for number in 0..70 {
                assert_eq!(ranges.contains(number), numbers.contains(&number), "{number} in {ranges:?}");
                let some = numbers.range(number..=number + 2).next().is_some();
                assert_eq!(ranges.intersects(number, number + 2), some, "{number} and two more in {ranges:?}");
            }
            let gaps = numbers.iter().zip(numbers.iter().skip(1)).filter(|(a, b)| **b > **a + 1).count();
            assert_eq!(ranges.ranges.len(), gaps + 1, "{ranges:?} is not minimal");
        }
    }

    #[test]
    fn the_ends_of_the_number_range_are_numbers_too() {
        let mut ranges = Ranges::default();
        ranges.insert(u64::MAX, u64::MAX);
        ranges.insert(0, 0);
        assert!(ranges.contains(u64::MAX) && ranges.contains(0) && !ranges.contains(1));
    }
}
