//! Numbers of frames: one for each frame of a session's split, the same on every page, and exact where numbers are
//! doubles, as in JavaScript.

use contracts::events::Split;

/// Numbers below are exact as doubles.
const EXACT: u64 = 1 << 53;
/// The evaluator numbers the episodes of requested evaluations from here on, far behind those of checkpoints …
const REQUESTED: u64 = 1 << 40;
/// … and here they follow closer: 17 million updates with a thousand episodes each lie before them.
const REQUESTED_HERE: u64 = 1 << 35;

/// Steps of an episode unless its session says otherwise: at most four per cell of the largest world, 50×50.
const LONGEST: u32 = 10_000;

/// The numbers of one episode's frames.
///
/// Episodes follow each other at the length of the longest one that the session can have, whatever worlds it draws. Of
/// robots that count episodes in steps too large for that, the numbers begin again at 0 where they would cease to be exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameIds {
    first: u64,
}

impl FrameIds {
    /// Of `episode`, in a session whose episodes have at most `max_steps` steps.
    pub fn of(split: Split, episode: u64, max_steps: Option<u32>) -> Self {
        let longest = max_steps.unwrap_or(LONGEST);
        let place = match split {
            Split::Eval if episode >= REQUESTED => episode - REQUESTED + REQUESTED_HERE,
            _ => episode,
        };
        // A wrap of 64 bits is one of 53 bits, too.
        Self { first: place.wrapping_mul(longest.into()) % EXACT }
    }

    /// The number of the frame after `step`.
    pub fn at(self, step: u32) -> u64 {
        (self.first + u64::from(step)) % EXACT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_exact_and_there_once() {
        // What an evaluator makes of the last event of a long log, for the longest episodes.
        let (requested, longest) = (REQUESTED + 25_000_000 * 2000, 100_000);
        let frames = [
            (Split::Eval, 0, 0),
            (Split::Eval, 17_000_000 * 2000 + 1999, longest - 1),
            (Split::Eval, REQUESTED, 0),
            (Split::Eval, requested, longest - 2),
            (Split::Eval, requested, longest - 1),
            (Split::Eval, requested + 1, 0),
        ];
        let ids = frames.map(|(split, episode, step)| FrameIds::of(split, episode, Some(longest)).at(step));
        assert!(ids.is_sorted_by(|one, next| one < next), "{ids:?}");
        assert!(ids.iter().all(|id| (*id as f64) as u64 == *id && *id < EXACT), "{ids:?}");
        // Training episodes are just numbered.
        assert_eq!(FrameIds::of(Split::Train, REQUESTED, Some(1000)).at(7), REQUESTED * 1000 + 7);
    }

    #[test]
    fn even_the_largest_episode_has_exact_numbers() {
        let ids = FrameIds::of(Split::External, u64::MAX, None);
        assert!(ids.at(999) < EXACT && ids.at(999) != ids.at(998));
    }
}
