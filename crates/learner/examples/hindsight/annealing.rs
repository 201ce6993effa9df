//! Simulated annealing of an itinerary (Kirkpatrick, Gelatt and Vecchi, *Optimization by simulated annealing*, 1983).

use crate::episode::{Episode, Itinerary, State, Stop};
use crate::roads::Pose;
use environment::{EpisodeKey, Stream, rng};
use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

/// First and last temperature, in hundredths × cells × steps: on 20×20, a step of delay costs about 20,000.
const HOT: f64 = 5_000.0;
const COLD: f64 = 300.0;
/// Most stops that a change reorders.
const LONGEST: usize = 30;

/// Part of an itinerary in place of another, and what becomes of one stop wherever it comes after that.
struct Change {
    from: usize,
    until: usize,
    stops: Vec<Stop>,
    everywhere: Option<(Stop, Option<Stop>)>,
}

struct Search<'a> {
    episode: &'a Episode,
    stops: Vec<Stop>,
    /// The state before each stop.
    states: Vec<State>,
    cost: u64,
    rng: ChaCha8Rng,
    spare: State,
}

/// The best itinerary of `proposals` changes. The same key gives the same one.
pub fn improve(episode: &Episode, itinerary: Itinerary, key: EpisodeKey, proposals: u64) -> Itinerary {
    let spare = episode.beginning();
    let rng = key.rng(Stream::Agent);
    let mut search = Search { episode, stops: itinerary.0, states: vec![episode.beginning()], cost: 0, rng, spare };
    search.play_from(0);
    let mut best = (search.cost, search.stops.clone());
    for proposal in 0..proposals {
        search.propose(HOT * (COLD / HOT).powf(proposal as f64 / proposals as f64));
        if search.cost < best.0 {
            best = (search.cost, search.stops.clone());
        }
    }
    Itinerary(best.1)
}

impl Search<'_> {
    /// Computes the states after stop `from`, and drops the stops that come after the end of the episode.
    fn play_from(&mut self, from: usize) {
        self.states.truncate(from + 1);
        let mut state = self.states[from].clone();
        let mut played = from;
        while let Some(stop) = self.stops.get(played).filter(|_| !self.episode.is_over(&state)) {
            self.episode.advance(&mut state, *stop);
            self.states.push(state.clone());
            played += 1;
        }
        self.stops.truncate(played);
        self.cost = self.episode.cost(&state);
    }

    fn propose(&mut self, temperature: f64) {
        let Some(change) = self.change() else { return };
        let worse = self.cost_after(&change) as f64 - self.cost as f64;
        if worse <= 0.0 || self.unit() < (-worse / temperature).exp() {
            let tail: Vec<Stop> = self.stops[change.until..].iter().filter_map(|stop| change.later(*stop)).collect();
            self.stops.truncate(change.from);
            self.stops.extend(change.stops.iter().chain(&tail));
            self.play_from(change.from);
        }
    }

    fn cost_after(&mut self, change: &Change) -> u64 {
        self.spare.clone_from(&self.states[change.from]);
        let tail = self.stops[change.until..].iter().filter_map(|stop| change.later(*stop));
        for stop in change.stops.iter().copied().chain(tail) {
            self.episode.advance(&mut self.spare, stop);
        }
        self.episode.cost(&self.spare)
    }

    fn change(&mut self) -> Option<Change> {
        let from = self.below(self.stops.len());
        let stop = self.stops[from];
        let length = (2 + self.below(LONGEST - 1)).min(self.stops.len() - from);
        let mut some = self.stops[from..from + length].to_vec();
        let (removed, stops, everywhere) = match self.below(20) {
            0..=6 => (1, vec![Stop { pose: self.beside(stop.pose)?, ..stop }], None),
            7..=8 => (1, vec![], None),
            9..=11 => (0, vec![Stop { pose: self.beside(stop.pose)?, patrol: true }], None),
            12..=13 => (0, vec![self.object(from)?], None),
            14..=15 => {
                some.reverse();
                some.iter_mut().for_each(|stop| stop.pose ^= 2);
                (length, some, None)
            }
            16 => {
                some.rotate_left(1);
                (length, some, None)
            }
            17 => {
                some.rotate_right(1);
                (length, some, None)
            }
            18 => {
                let moved = Stop { pose: self.beside(stop.pose)?, ..stop };
                (1, vec![moved], Some((stop, Some(moved))))
            }
            _ => (1, vec![], Some((stop, None))),
        };
        Some(Change { from, until: from + removed, stops, everywhere })
    }

    /// A pose near another one.
    fn beside(&mut self, pose: Pose) -> Option<Pose> {
        let (width, cell) = (self.episode.width, usize::from(pose / 4));
        let reach = if self.below(4) == 0 { 3 } else { 1 };
        let x = (cell % width + self.below(2 * reach + 1)).checked_sub(reach).filter(|x| *x < width)?;
        let y = (cell / width + self.below(2 * reach + 1)).checked_sub(reach)?;
        let heading = if self.below(2) == 0 { usize::from(pose % 4) } else { self.below(4) };
        let near = y * width + x;
        self.episode.is_free(near).then_some((4 * near + heading) as Pose)
    }

    /// The way over one of the objects that lie there before stop `index`.
    fn object(&mut self, index: usize) -> Option<Stop> {
        let lying = self.episode.lying(&self.states[index]);
        let object = lying.get(self.below(lying.len().max(1)))?;
        Some(Stop { pose: 4 * object.cell + self.below(4) as Pose, patrol: false })
    }

    fn below(&mut self, bound: usize) -> usize {
        rng::below(&mut self.rng, bound)
    }

    fn unit(&mut self) -> f64 {
        f64::from(self.rng.next_u32()) / 4_294_967_296.0
    }
}

impl Change {
    /// What becomes of a stop that comes later.
    fn later(&self, stop: Stop) -> Option<Stop> {
        match self.everywhere {
            Some((changed, into)) if changed == stop => into,
            _ => Some(stop),
        }
    }
}
