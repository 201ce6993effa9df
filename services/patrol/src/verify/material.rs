//! Everything that the log holds about a run, sorted by what it is verified with.

use anyhow::{Result, bail};
use contracts::events::{
    BaselinesCompleted, BlobRef, CheckpointCreated, EvaluationCompleted, FileWritten, ModelRegistered, RunCompleted,
    RunRequested, RunStarted,
};
use contracts::{CheckpointId, Event, RunId, subjects};
use event_log::{EventLog, Queue};

const MODELS: &str = "patrol.evt.archive.*.model_registered";

/// A run as recorded.
pub struct Material {
    pub requested: RunRequested,
    pub started: Vec<RunStarted>,
    pub completed: Option<RunCompleted>,
    /// In order of their updates, each once.
    pub checkpoints: Vec<CheckpointCreated>,
    pub files: Vec<FileWritten>,
    pub evaluations: Vec<EvaluationCompleted>,
    pub baselines: Vec<BaselinesCompleted>,
    models: Vec<ModelRegistered>,
    /// No trajectories wait to be archived.
    pub archive_settled: bool,
}

impl Material {
    /// # Errors
    /// When the log holds no such run or cannot be read.
    pub async fn load(log: &EventLog, run: RunId) -> Result<Self> {
        let mut requested = None;
        let (mut started, mut completed) = (Vec::new(), None);
        let (mut files, mut evaluations, mut baselines) = (Vec::new(), Vec::new(), Vec::new());
        let filters = [
            subjects::run_lifecycle(run),
            subjects::event("archive", Some(run), "file_written"),
            format!("patrol.evt.evaluation.{run}.>"),
        ];
        for filter in filters {
            for recorded in log.load(&filter).await? {
                match recorded.event()? {
                    Event::RunRequested(event) => requested = Some(*event),
                    Event::RunStarted(event) => started.push(event),
                    Event::RunCompleted(event) => completed = Some(event),
                    Event::FileWritten(event) => files.push(*event),
                    Event::EvaluationCompleted(event) => evaluations.push(*event),
                    Event::BaselinesCompleted(event) => baselines.push(*event),
                    _ => {}
                }
            }
        }
        let queue = log.consumer_status(Queue::Trajectories).await?;
        let archive_settled = completed.is_some() && queue.pending + queue.in_progress == 0;
        let Some(requested) = requested else { bail!("the log holds no run {run}") };
        let (checkpoints, models) = (log.checkpoints(run).await?, models(log).await?);
        Ok(Self { requested, started, completed, checkpoints, files, evaluations, baselines, models, archive_settled })
    }

    /// Where the weights of an evaluated policy are: a checkpoint of the run, or a model that was uploaded.
    pub fn policy(&self, id: CheckpointId) -> Option<&BlobRef> {
        let checkpoint = self.checkpoints.iter().find(|checkpoint| checkpoint.checkpoint_id == id);
        let model = || self.models.iter().find(|model| model.file_id.0 == id.0).map(|model| &model.blob);
        checkpoint.map(|checkpoint| &checkpoint.policy).or_else(model)
    }
}

async fn models(log: &EventLog) -> Result<Vec<ModelRegistered>> {
    let mut models = Vec::new();
    for recorded in log.load(MODELS).await? {
        if let Event::ModelRegistered(model) = recorded.event()? {
            models.push(*model);
        }
    }
    Ok(models)
}
