//! Starts the runs of a sweep, a few at a time, and follows them to their evaluation.

use super::Sweep;
use super::board::{Board, End};
use super::plan::{self, Outcome, Ranked, Rung, Trial};
use super::report::{Report, RunReport};
use super::space::described;
use crate::client::Client;
use crate::failure::Failure;
use crate::runs::set;
use crate::terminal::{count, duration};
use anyhow::{Context, Result, anyhow};
use contracts::commands::StartRun;
use contracts::{CommandId, RunId, subjects};
use event_log::{EventReader, ReadEnd, ReadOptions};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::time::Instant;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Under which the names of sweeps become ids (RFC 9562, section 5.5).
const NAMESPACE: &str = "b7c1c9a4-4e0f-5c7e-9d5b-6f1f0a6f3a52";

/// One run that is to be trained.
#[derive(Clone, Debug)]
struct Job {
    trial: usize,
    rung: usize,
    seed: u64,
    run: RunId,
    payload: Value,
}

/// How a sweep ended without an error.
pub enum Ended {
    Done(Report),
    /// By Ctrl-C; so many runs go on.
    Interrupted {
        running: usize,
    },
}

pub struct Runner<'a> {
    client: &'a Client,
    sweep: &'a Sweep,
    id: RunId,
    board: Board,
    bar: ProgressBar,
    /// Listens from the beginning, so that a Ctrl-C is kept that comes while something else is waited for.
    interrupt: Signal,
    /// Steps of runs that have ended.
    ended: u64,
    began: Instant,
    reports: Vec<RunReport>,
}

impl<'a> Runner<'a> {
    pub fn new(client: &'a Client, sweep: &'a Sweep, talkative: bool) -> Result<Self> {
        let namespace: RunId = NAMESPACE.parse().context("the namespace of sweeps")?;
        let target = if talkative { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(sweep.planned), target);
        bar.set_style(ProgressStyle::with_template("{bar:30.cyan} {percent:>3} %  {msg}")?);
        let (id, began) = (RunId::from(namespace.derive(&sweep.name)), Instant::now());
        let interrupt = signal(SignalKind::interrupt())?;
        let (board, reports) = (Board::default(), Vec::new());
        Ok(Self { client, sweep, id, board, bar, interrupt, ended: 0, began, reports })
    }

    /// Every rung after the other.
    pub async fn run(&mut self) -> Result<Ended, Failure> {
        let mut trials: Vec<usize> = (1..=self.sweep.trials.len()).collect();
        // Every trial keeps the place of the last rung that it reached.
        let mut places: Vec<Ranked> = Vec::new();
        for (index, rung) in self.sweep.rungs.iter().enumerate() {
            let jobs = self.jobs(index, *rung, &trials)?;
            if let Some(running) = self.train(jobs).await? {
                self.bar.finish_and_clear();
                return Ok(Ended::Interrupted { running });
            }
            let ranked = plan::rank(&self.outcomes(index, &trials));
            places.retain(|place| !trials.contains(&place.trial));
            places.splice(0..0, ranked.iter().cloned());
            let next = self.sweep.rungs.get(index + 1).map_or(0, |next| next.trials);
            trials = plan::survivors(&ranked, next);
        }
        self.bar.finish_and_clear();
        Ok(Ended::Done(Report::new(self.sweep, &places, std::mem::take(&mut self.reports))))
    }

    fn outcomes(&self, rung: usize, trials: &[usize]) -> Vec<Outcome> {
        let threats = |trial: usize| {
            let runs = self.reports.iter().filter(|run| (run.trial, run.rung) == (trial, rung + 1));
            runs.filter_map(|run| Some(run.evaluated.as_ref()?.sampled.episode_mean_threats.clone())).collect()
        };
        trials.iter().map(|&trial| Outcome { trial, threats: threats(trial) }).collect()
    }

    fn jobs(&self, rung: usize, plan: Rung, trials: &[usize]) -> Result<Vec<Job>> {
        let mut jobs = Vec::new();
        for trial in trials.iter().filter_map(|number| self.sweep.trials.get(number - 1)) {
            for (repetition, seed) in self.sweep.seeds.iter().enumerate() {
                jobs.push(self.job(rung, plan, trial, repetition, *seed)?);
            }
        }
        Ok(jobs)
    }

    fn job(&self, rung: usize, plan: Rung, trial: &Trial, repetition: usize, seed: u64) -> Result<Job> {
        let id = |rung: usize, trial: usize, repetition: usize| {
            RunId::from(self.id.derive(&format!("rung/{rung}/trial/{trial}/repetition/{repetition}")))
        };
        let run = id(rung, trial.number, repetition);
        // The trial's run of the rung before, else the run with the common settings, else the first run of all.
        let parent = if rung > 0 { Some(id(rung - 1, trial.number, repetition)) } else { self.sweep.parent };
        let parent = parent.or_else(|| Some(id(0, 1, 0)).filter(|first| *first != run));
        let mut payload = self.sweep.base.clone();
        for (field, value) in &trial.settings {
            set(&mut payload, &format!("{field}={value}"))?;
        }
        let name = format!("{} #{} {}", self.sweep.name, trial.number, described(&trial.settings));
        payload["name"] = json!(name.trim().chars().take(255).collect::<String>());
        payload["run_id"] = json!(run);
        payload["total_timesteps"] = json!(plan.steps);
        payload["parent_run_id"] = json!(parent);
        set(&mut payload, &format!("config.seed={seed}"))?;
        Ok(Job { trial: trial.number, rung, seed, run, payload })
    }

    /// Trains all jobs; on Ctrl-C the number of those that go on.
    async fn train(&mut self, jobs: Vec<Job>) -> Result<Option<usize>, Failure> {
        let mut events = self.follow(&jobs).await?;
        let mut waiting: VecDeque<Job> = jobs.into();
        let mut running: Vec<Job> = Vec::new();
        loop {
            while running.len() < self.sweep.parallel
                && let Some(job) = waiting.pop_front()
            {
                self.start(&job).await?;
                running.push(job);
                running = self.conclude(running);
            }
            self.show(&running);
            if running.is_empty() {
                return Ok(None);
            }
            tokio::select! {
                recorded = events.next_event() => {
                    let recorded = recorded?.context("the event log ended")?;
                    self.board.take_in(recorded.sequence, &recorded.event()?);
                    running = self.conclude(running);
                }
                _ = self.interrupt.recv() => return Ok(Some(running.len())),
            }
        }
    }

    /// Events of runs from now on. What the log holds of `jobs` that an earlier command started is taken in first: a run
    /// that failed in between may have been mended since.
    async fn follow(&mut self, jobs: &[Job]) -> Result<EventReader, Failure> {
        let next = self.client.log.last_sequence().await? + 1;
        let mut from = next;
        for job in jobs {
            self.board.watch(job.run);
            let request = subjects::event("run", Some(job.run), "requested");
            if let Some(recorded) = self.client.log.last_event(&request).await? {
                from = from.min(recorded.sequence);
            }
        }
        let filters = [
            "patrol.evt.run.>",
            "patrol.evt.training.*.progressed",
            "patrol.evt.evaluation.*.completed",
            "patrol.evt.evaluation.*.failed",
        ]
        .map(str::to_owned);
        if from < next {
            let past = ReadOptions { from, end: ReadEnd::Sequence(next - 1), filters: filters.to_vec() };
            let mut past = self.client.log.read(past);
            while let Some(recorded) = past.next_event().await? {
                self.board.take_in(recorded.sequence, &recorded.event()?);
            }
        }
        Ok(self.client.log.read(ReadOptions::follow(next).filtered(filters)))
    }

    /// Asks for the run, unless an earlier command did with the same settings.
    async fn start(&mut self, job: &Job) -> Result<(), Failure> {
        let Some(known) = self.client.log.run_request(job.run).await? else {
            self.client.command("run", "start", serde_json::to_vec(&job.payload)?).await?;
            return Ok(());
        };
        let start: StartRun = serde_json::from_value(job.payload.clone())?;
        let wanted = domain::run_config::complete(&start, CommandId(job.run.0)).map_err(anyhow::Error::from)?;
        let same = known.config == wanted && known.parent_run_id == start.parent_run_id;
        let (name, run) = (&self.sweep.name, job.run);
        if !same {
            return Err(
                anyhow!("a sweep `{name}` was begun with other settings (run {run}): choose another name").into()
            );
        }
        Ok(())
    }

    /// Reports those of `running` that have ended; the others.
    fn conclude(&mut self, running: Vec<Job>) -> Vec<Job> {
        let mut rest = Vec::new();
        for job in running {
            let ended = self.board.run(job.run).and_then(|run| Some((run.id, run.number, run.end()?)));
            let Some((run_id, number, end)) = ended else {
                rest.push(job);
                continue;
            };
            let (evaluated, failure) = match end {
                End::Evaluated(evaluated) => (Some(*evaluated), None),
                End::Failed(message) => (None, Some(message)),
            };
            self.ended += job.payload["total_timesteps"].as_u64().unwrap_or(0);
            let (trial, rung, seed) = (job.trial, job.rung + 1, job.seed);
            let report = RunReport { run_id, number, trial, rung, seed, evaluated, failure };
            let line = report.line();
            if self.bar.is_hidden() {
                eprintln!("{line}");
            } else {
                self.bar.println(line);
            }
            self.reports.push(report);
        }
        rest
    }

    fn show(&self, running: &[Job]) {
        let standing: Vec<_> = running.iter().filter_map(|job| self.board.run(job.run)).collect();
        let done = self.ended + standing.iter().map(|run| run.timestep).sum::<u64>();
        let speed: f64 = standing.iter().map(|run| run.steps_per_second).sum();
        let rate = done as f64 / self.began.elapsed().as_secs_f64().max(1e-3);
        let left = duration(self.sweep.planned.saturating_sub(done) as f64 / rate.max(1.0));
        let best = self.reports.iter().filter_map(|run| Some((run.evaluated.as_ref()?.sampled.mean_threat.mean, run)));
        let best = best.min_by(|(one, _), (other, _)| one.total_cmp(other));
        let best = best.map_or_else(String::new, |(threat, run)| format!("  best {threat:.3} (#{})", run.trial));
        let trials = running.iter().map(|job| format!("#{}", job.trial)).collect::<Vec<_>>().join(" ");
        let rung = running.first().map_or(1, |job| job.rung + 1);
        let rungs = self.sweep.rungs.len();
        self.bar.set_position(done);
        let message = format!("rung {rung}/{rungs}  training {trials}  {}/s  {left} left{best}", count(speed as u64));
        self.bar.set_message(message);
    }
}
