//! Progress of a run as events: what happened between two reports.

use contracts::events::{Diagnostics, EpisodeCompleted, RolloutStatistics, TrainingProgressed};
use contracts::{Event, RunConfig, RunId};
use environment::FinishedEpisode;
use experiments::Teams;
use learner::UpdateReport;
use std::time::{Duration, Instant};

/// Time between two reports.
const REPORT_EVERY: Duration = Duration::from_millis(1000);

/// Collects updates until a report is due.
pub struct Progress {
    run: RunId,
    total_timesteps: u64,
    teams: Teams,
    began: Instant,
    reported: Instant,
    /// Robot steps done at the last report.
    reported_steps: u64,
    episodes: Means,
    /// Of the newest finished episodes, for reports between two ends of episodes.
    newest: Option<Means>,
    rewards: f64,
    updates: u32,
    best_mean_threat: Option<f64>,
}

/// Sums over finished episodes.
#[derive(Clone, Copy, Default)]
struct Means {
    count: f64,
    episode_return: f64,
    length: f64,
    mean_threat: f64,
    coverage: f64,
    worst_idleness: f64,
    visited_share: f64,
}

impl Progress {
    /// Progress of a run of which `robot_steps` are done.
    pub fn new(run: RunId, config: &RunConfig, robot_steps: u64, now: Instant) -> Self {
        Self {
            run,
            total_timesteps: config.learning.total_timesteps,
            teams: Teams::of(config),
            began: now,
            reported: now,
            reported_steps: robot_steps,
            episodes: Means::default(),
            newest: None,
            rewards: 0.0,
            updates: 0,
            best_mean_threat: None,
        }
    }

    pub fn total_timesteps(&self) -> u64 {
        self.total_timesteps
    }

    /// Environment steps for `robot_steps`, never more than the run was asked for.
    pub fn timestep(&self, robot_steps: u64) -> u64 {
        self.teams.timesteps(robot_steps).min(self.total_timesteps)
    }

    /// Takes one update in; its finished episodes become events.
    pub fn take_in(&mut self, report: &UpdateReport, finished: &[FinishedEpisode]) -> Vec<(String, Event)> {
        self.updates += 1;
        self.rewards += report.mean_reward;
        self.best_mean_threat = report.best_mean_threat;
        let timestep = self.timestep(report.steps_done);
        finished.iter().map(|episode| self.episode(timestep, episode)).collect()
    }

    /// A report, if one is due at `now` or `at_once` is set.
    pub fn report(&mut self, report: &UpdateReport, now: Instant, at_once: bool) -> Option<(String, Event)> {
        let elapsed = now.duration_since(self.reported);
        if !at_once && elapsed < REPORT_EVERY {
            return None;
        }
        let event = Event::TrainingProgressed(Box::new(self.progressed(report, now, elapsed)));
        self.reported = now;
        self.reported_steps = report.steps_done;
        self.newest = (self.episodes.count > 0.0).then_some(self.episodes).or(self.newest);
        (self.episodes, self.rewards, self.updates) = (Means::default(), 0.0, 0);
        Some((format!("progress/{}", report.update), event))
    }

    fn episode(&mut self, timestep: u64, episode: &FinishedEpisode) -> (String, Event) {
        let summary = &episode.summary;
        self.episodes.count += 1.0;
        self.episodes.episode_return += summary.episode_return;
        self.episodes.length += f64::from(summary.length);
        self.episodes.mean_threat += summary.mean_threat;
        self.episodes.coverage += summary.coverage;
        self.episodes.worst_idleness += f64::from(summary.worst_idleness);
        self.episodes.visited_share += summary.visited_share;
        let completed = EpisodeCompleted { run_id: self.run, timestep, episode: experiments::episode_summary(episode) };
        (format!("episode/{}", episode.episode_index), Event::EpisodeCompleted(Box::new(completed)))
    }

    fn progressed(&self, report: &UpdateReport, now: Instant, elapsed: Duration) -> TrainingProgressed {
        let steps = report.steps_done.saturating_sub(self.reported_steps) as f64;
        let robot_steps_per_second = steps / elapsed.as_secs_f64().max(1e-6);
        let episodes = if self.episodes.count > 0.0 { self.episodes } else { self.newest.unwrap_or_default() };
        let mean = |sum: f64| if episodes.count > 0.0 { sum / episodes.count } else { 0.0 };
        TrainingProgressed {
            run_id: self.run,
            update: report.update,
            timestep: self.timestep(report.steps_done),
            robot_steps: report.steps_done,
            episodes_completed: report.episodes_finished,
            elapsed_seconds: now.duration_since(self.began).as_secs_f64(),
            steps_per_second: robot_steps_per_second / self.teams.mean_size(),
            robot_steps_per_second,
            mean_return: (self.episodes.count > 0.0).then(|| mean(episodes.episode_return)),
            mean_episode_length: (self.episodes.count > 0.0).then(|| mean(episodes.length)),
            mean_reward: self.rewards / f64::from(self.updates.max(1)),
            mean_threat: mean(episodes.mean_threat),
            coverage: mean(episodes.coverage),
            worst_idleness: mean(episodes.worst_idleness),
            exploration_score: mean(episodes.visited_share),
            best_mean_threat: self.best_mean_threat,
            diagnostics: diagnostics(report),
        }
    }
}

fn diagnostics(report: &UpdateReport) -> Diagnostics {
    let timings = &report.timings;
    Diagnostics {
        loss: report.policy_loss + report.value_loss,
        policy_loss: report.policy_loss,
        value_loss: report.value_loss,
        entropy: report.entropy,
        approx_kl: report.approx_kl,
        clip_fraction: report.clip_fraction,
        explained_variance: report.explained_variance,
        gradient_norm: report.gradient_norm,
        learning_rate: report.learning_rate,
        entropy_coefficient: report.entropy_coefficient,
        epochs: report.epochs as u32,
        environment_seconds: timings.environment.as_secs_f64(),
        observation_seconds: timings.observation.as_secs_f64(),
        forward_seconds: timings.forward.as_secs_f64(),
        backward_seconds: timings.backward.as_secs_f64(),
        optimizer_seconds: timings.optimiser.as_secs_f64(),
        old_approx_kl: Some(report.old_approx_kl),
        update_seconds: Some(timings.wall.as_secs_f64()),
        rollout_seconds: report.rollout.map(|_| timings.rollout.as_secs_f64()),
        rollout: report.rollout.map(rollout),
    }
}

fn rollout(statistics: learner::report::RolloutStatistics) -> RolloutStatistics {
    let learner::report::RolloutStatistics { value, returns, advantage } = statistics;
    RolloutStatistics {
        value_mean: value.0,
        value_std: value.1,
        return_mean: returns.0,
        return_std: returns.1,
        advantage_mean: advantage.0,
        advantage_std: advantage.1,
    }
}
