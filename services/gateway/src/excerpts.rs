//! Cutting a page out of recorded episodes, in their order, without looking at those behind it.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error as _};
use std::borrow::Cow;
use std::fmt;
use std::ops::{ControlFlow, Range};

/// Where a frame stands: pages by key begin behind it. Written `<episode>-<step>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FrameKey {
    pub episode: u64,
    pub step: u32,
}

/// Steps of one episode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    pub episode: u64,
    pub steps: Range<u32>,
}

/// A page that fills up as it is told of one episode after the other.
#[derive(Clone, Debug)]
pub struct Cut {
    after: Option<FrameKey>,
    /// Frames between the key and the page.
    skip: u64,
    missing: u64,
    excerpts: Vec<Excerpt>,
    more: bool,
}

impl Cut {
    /// `size` frames, `skip` frames behind `after`, or behind the beginning.
    pub fn new(after: Option<FrameKey>, skip: u64, size: u64) -> Self {
        Self { after, skip, missing: size, excerpts: Vec::new(), more: false }
    }

    /// The first episode that can have anything on the page.
    pub fn first_episode(&self) -> u64 {
        self.after.map_or(0, |key| key.episode)
    }

    /// Takes what is wanted of the next episode. Breaks when the page is full and it is known that more follows.
    pub fn take(&mut self, episode: u64, steps: u32) -> ControlFlow<()> {
        let begin = match self.after {
            Some(key) if key.episode > episode => steps,
            Some(key) if key.episode == episode => key.step.saturating_add(1).min(steps),
            _ => 0,
        };
        let skipped = self.skip.min(u64::from(steps - begin));
        self.skip -= skipped;
        let begin = begin + skipped as u32;
        let taken = self.missing.min(u64::from(steps - begin));
        self.missing -= taken;
        let end = begin + taken as u32;
        if begin < end {
            self.excerpts.push(Excerpt { episode, steps: begin..end });
        }
        self.more = end < steps;
        if self.more { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// What is on the page, and the key of its last frame when another follows.
    pub fn finish(self) -> (Vec<Excerpt>, Option<FrameKey>) {
        let last = self.excerpts.last().filter(|_| self.more);
        let next = last.map(|last| FrameKey { episode: last.episode, step: last.steps.end - 1 });
        (self.excerpts, next)
    }
}

impl fmt::Display for FrameKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.episode, self.step)
    }
}

impl<'de> Deserialize<'de> for FrameKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parts = text.split_once('-').and_then(|(episode, step)| Some((episode.parse().ok()?, step.parse().ok()?)));
        let (episode, step) = parts.ok_or_else(|| D::Error::custom("is not the `next` of a page of frames"))?;
        Ok(Self { episode, step })
    }
}

impl JsonSchema for FrameKey {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "FrameKey".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]{1,16}-[0-9]{1,6}$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What is on a page of these episodes.
    fn cut(episodes: &[(u64, u32)], mut page: Cut) -> (Vec<Excerpt>, Option<FrameKey>) {
        for &(episode, steps) in episodes {
            if page.take(episode, steps).is_break() {
                break;
            }
        }
        page.finish()
    }

    fn frames(excerpts: &[Excerpt]) -> Vec<FrameKey> {
        let of = |it: &Excerpt| it.steps.clone().map(|step| FrameKey { episode: it.episode, step }).collect::<Vec<_>>();
        excerpts.iter().flat_map(of).collect()
    }

    #[test]
    fn a_page_runs_through_the_episodes() {
        let episodes = [(3, 10), (5, 4), (9, 100)];
        let excerpt = |episode, steps| Excerpt { episode, steps };
        let key = |episode, step| Some(FrameKey { episode, step });
        for (skip, size, excerpts, next) in [
            (0, 5, vec![excerpt(3, 0..5)], key(3, 4)),
            (8, 8, vec![excerpt(3, 8..10), excerpt(5, 0..4), excerpt(9, 0..2)], key(9, 1)),
            (10, 4, vec![excerpt(5, 0..4)], key(5, 3)),
            (110, 4, vec![excerpt(9, 96..100)], None),
            (110, 500, vec![excerpt(9, 96..100)], None),
            (114, 500, vec![], None),
        ] {
            assert_eq!(cut(&episodes, Cut::new(None, skip, size)), (excerpts, next), "{skip} {size}");
        }
        // A key need not be that of a frame.
        assert_eq!(cut(&episodes, Cut::new(key(5, 77), 1, 1)), (vec![excerpt(9, 1..2)], key(9, 1)));
    }

    #[test]
    fn a_key_is_read_as_it_is_written() {
        let read = |text: &str| serde_json::from_value::<FrameKey>(text.into());
        let key = FrameKey { episode: (1 << 53) - 1, step: 99_999 };
        assert_eq!(read(&key.to_string()).ok(), Some(key));
        for wrong in ["", "-", "7", "7-", "-7", "7-x", "7--1", "7-8-9", "18446744073709551616-0"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn pages_by_key_and_by_number_are_cut_from_one_list(
            lengths in prop::collection::vec((1..4_u64, 0..9_u32), 0..12), size in 1..7_u64,
        ) {
            let numbered = lengths.iter().scan(0, |last, (gap, steps)| {
                *last += gap;
                Some((*last, *steps))
            });
            let episodes: Vec<(u64, u32)> = numbered.collect();
            let (whole, _) = cut(&episodes, Cut::new(None, 0, u64::MAX));
            let (mut seen, mut after, mut number) = (Vec::new(), None, 0);
            loop {
                let (by_key, next) = cut(&episodes, Cut::new(after, 0, size));
                prop_assert_eq!(&(by_key.clone(), next), &cut(&episodes, Cut::new(None, number * size, size)));
                seen.extend(frames(&by_key));
                number += 1;
                if next.is_none() {
                    break;
                }
                prop_assert_eq!(seen.len() as u64, number * size, "only the last page is short");
                after = next;
            }
            prop_assert_eq!(seen, frames(&whole));
        }
    }
}
