//! Dictionaries of columns with few different values.

use arrow::datatypes::ToByteSlice;
use std::collections::HashMap;
use std::hash::Hash;

/// Most values of a dictionary: places of twelve bits, and a table that stays in the first-level cache.
const MOST: usize = 4096;
/// Slots of the table: a power of two, at most a quarter full.
const SLOTS: usize = 4 * MOST;
const EMPTY: u16 = u16::MAX;

/// The different values, plainly encoded, in the order of their first appearance.
pub(super) struct Dictionary {
    pub values: Vec<u8>,
    pub count: usize,
}

/// Dictionary, (place, length) of every run, and the extent of the values.
type Runs = (Dictionary, Vec<(u16, usize)>, (u64, u64));

/// Runs of equal numbers; `None` when they are short or their values many.
pub(super) fn runs<T: Copy + Eq + Hash + Into<u64> + ToByteSlice>(numbers: &[T]) -> Option<Runs> {
    let mut dictionary = Dictionary { values: Vec::new(), count: 0 };
    let (mut runs, mut known) = (Vec::new(), HashMap::new());
    let (mut least, mut greatest) = (u64::MAX, 0);
    for run in numbers.chunk_by(|one, next| one == next) {
        let place = *known.entry(run[0]).or_insert_with(|| {
            dictionary.values.extend_from_slice(run[0].to_byte_slice());
            dictionary.count += 1;
            (least, greatest) = (least.min(run[0].into()), greatest.max(run[0].into()));
            dictionary.count - 1
        });
        if dictionary.count > MOST || runs.len() > numbers.len() / 8 {
            return None;
        }
        runs.push((place as u16, run.len()));
    }
    Some((dictionary, runs, (least, greatest)))
}

/// Dictionary and the place of every number in it; numbers are told apart by their bits. `None` when there are many.
pub(super) fn places(numbers: &[f32]) -> Option<(Dictionary, Vec<u16>)> {
    let mut dictionary = Dictionary { values: Vec::new(), count: 0 };
    let mut table = vec![(0_u32, EMPTY); SLOTS];
    let mut places = Vec::with_capacity(numbers.len());
    for number in numbers {
        let bits = number.to_bits();
        // Multiplicative hashing (Knuth, The Art of Computer Programming, 6.4): the best bits are the highest.
        let mut slot = (bits.wrapping_mul(0x9e37_79b1) >> (u32::BITS - SLOTS.trailing_zeros())) as usize;
        let place = loop {
            match table[slot] {
                (_, EMPTY) if dictionary.count == MOST => return None,
                (_, EMPTY) => {
                    table[slot] = (bits, dictionary.count as u16);
                    dictionary.values.extend_from_slice(&number.to_le_bytes());
                    dictionary.count += 1;
                    break table[slot].1;
                }
                (known, place) if known == bits => break place,
                _ => slot = (slot + 1) % SLOTS,
            }
        };
        places.push(place);
    }
    Some((dictionary, places))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_found_and_scattered_numbers_are_not() {
        let numbers: Vec<u32> = [[7; 40], [3; 40], [7; 40]].concat();
        let (dictionary, runs, extent) = runs(&numbers).expect("runs");
        assert_eq!((dictionary.count, dictionary.values), (2, vec![7, 0, 0, 0, 3, 0, 0, 0]));
        assert_eq!((runs, extent), (vec![(0, 40), (1, 40), (0, 40)], (3, 7)));
        assert!(super::runs(&(0..100_u64).collect::<Vec<_>>()).is_none());
    }

    #[test]
    fn numbers_are_told_apart_by_their_bits() {
        let (dictionary, places) = places(&[0.5, -0.0, 0.0, 0.5, f32::MIN_POSITIVE]).expect("few");
        assert_eq!((dictionary.count, places), (4, vec![0, 1, 2, 0, 3]));
        assert_eq!(dictionary.values[..8], [0, 0, 0, 63, 0, 0, 0, 128]);
        assert!(super::places(&(0..5000).map(|n| n as f32).collect::<Vec<_>>()).is_none());
    }
}
