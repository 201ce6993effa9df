//! How far a run is, and how well its recent policies did.
use std::collections::VecDeque;

use environment::{EpisodeSummary, FinishedEpisode};

use crate::report::EpisodeMeans;

/// Counters, and the best policy so far by mean threat: return keeps rising long after mean threat gets worse.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Progress {
    pub updates: u64,
    pub steps_done: u64,
    pub episodes_finished: u64,
    /// Mean threat of the last full-length episodes, at most one per environment.
    pub recent: VecDeque<f64>,
    pub best: Option<Best>,
}

/// The parameters with the lowest mean threat over recent training episodes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Best {
    pub mean_threat: f64,
    pub parameters: Vec<f32>,
}

impl Progress {
    /// Counts the episodes that ended under `parameters`; the means of those of full length (first episodes are
    /// staggered), and whether the last `window` of them are the best so far.
    pub fn take_in(
        &mut self,
        finished: &[&FinishedEpisode],
        window: usize,
        parameters: &[f32],
    ) -> (Option<EpisodeMeans>, bool) {
        self.episodes_finished += finished.len() as u64;
        let whole: Vec<&EpisodeSummary> =
            finished.iter().filter(|episode| is_whole(episode)).map(|episode| &episode.summary).collect();
        self.recent.extend(whole.iter().map(|summary| summary.mean_threat));
        self.recent.drain(..self.recent.len().saturating_sub(window));
        let best_before = self.best.as_ref().map_or(f64::INFINITY, |best| best.mean_threat);
        let recent = self.recent_mean_threat(window).unwrap_or(f64::INFINITY);
        let is_best = !whole.is_empty() && recent < best_before;
        if is_best {
            self.best = Some(Best { mean_threat: recent, parameters: parameters.to_vec() });
        }
        (means(&whole), is_best)
    }

    /// Mean over the last `window` full-length episodes, once there are as many.
    pub fn recent_mean_threat(&self, window: usize) -> Option<f64> {
        (self.recent.len() == window).then(|| self.recent.iter().sum::<f64>() / window as f64)
    }
}

fn is_whole(episode: &FinishedEpisode) -> bool {
    episode.summary.max_steps == episode.world.episode_length()
}

fn means(episodes: &[&EpisodeSummary]) -> Option<EpisodeMeans> {
    if episodes.is_empty() {
        return None;
    }
    let mean = |of: fn(&EpisodeSummary) -> f64| {
        episodes.iter().map(|summary| of(summary)).sum::<f64>() / episodes.len() as f64
    };
    Some(EpisodeMeans {
        count: episodes.len(),
        mean_threat: mean(|s| s.mean_threat),
        episode_return: mean(|s| s.episode_return),
        length: mean(|s| f64::from(s.length)),
        coverage: mean(|s| s.coverage),
        worst_idleness: mean(|s| f64::from(s.worst_idleness)),
    })
}
