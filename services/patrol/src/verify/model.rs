//! A model that comes with this version, against its provenance: the JSON file beside it says how it was trained.

use super::report::{Check, Report};
use super::surroundings::processor;
use crate::cli::VerifyModelArgs;
use crate::failure::Failure;
use anyhow::{Context, Error, Result, ensure};
use contracts::RunConfig;
use contracts::config::Actors;
use learner::{Learner, Policy};
use serde::Deserialize;
use serde_json::json;
use service_runtime::RandomIds;
use std::path::{Path, PathBuf};
use trainer::Identity;
use trajectories::store::sha256;

/// What `models/*.json` say, as far as a verification needs it.
#[derive(Debug, Deserialize)]
struct Provenance {
    /// Beside the JSON file.
    file: PathBuf,
    sha256: String,
    /// The run whose last policy it is.
    config: RunConfig,
    rules_version: u32,
    robot_steps: Option<u64>,
    /// CPU features that chose kernels.
    #[serde(default)]
    cpu_features: Vec<String>,
}

pub async fn verify(args: &VerifyModelArgs) -> Result<Report, Failure> {
    let text = std::fs::read_to_string(&args.provenance);
    let text = text.with_context(|| format!("cannot read {}", args.provenance.display()))?;
    let provenance: Provenance = serde_json::from_str(&text)
        .with_context(|| format!("{} does not say how a model was trained", args.provenance.display()))?;
    let folder = args.provenance.parent().unwrap_or(Path::new(".")).to_owned();
    let mut checks = vec![file(&folder, &provenance)?];
    let now = Identity::of_this_process(&RandomIds).await?;
    let mut notes = Vec::new();
    if !provenance.cpu_features.is_empty() && provenance.cpu_features != now.cpu_features {
        notes.push(processor(&provenance.cpu_features, &now.cpu_features));
    }
    if args.retrain {
        checks.push(retrain(&provenance).await?);
    }
    Ok(Report::new(json!({ "model": provenance.file }), checks, notes))
}

/// The file has the recorded digest and is a policy.
fn file(folder: &Path, provenance: &Provenance) -> Result<Check> {
    let mut check = Check::new("file");
    let path = folder.join(&provenance.file);
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut differences = Vec::new();
    if sha256(&bytes) != provenance.sha256 {
        differences.push(format!("`{}` does not have its recorded SHA-256", path.display()));
    } else if let Err(error) = Policy::from_safetensors(&bytes) {
        differences.push(format!("`{}` is no policy: {:#}", path.display(), Error::from(error)));
    }
    check.note(differences);
    Ok(check)
}

async fn retrain(provenance: &Provenance) -> Result<Check> {
    let mut check = Check::new("training");
    if provenance.rules_version != environment::RULES_VERSION {
        let (then, now) = (provenance.rules_version, environment::RULES_VERSION);
        check.skip(format!("it was trained under rules version {then}; this version has {now}"));
        return Ok(check);
    }
    let learner = learner(&provenance.config)?;
    let bar = crate::terminal::bar(
        "Training again {bar:30} {pos}/{len} robot-steps, {per_sec}, {eta} left",
        learner.total_steps(),
    )?;
    let moved = bar.clone();
    let trained = tokio::task::spawn_blocking(move || train(learner, |steps| moved.set_position(steps)));
    let trained = trained.await?;
    bar.finish_and_clear();
    let (steps, policy) = trained?;
    let mut differences = Vec::new();
    if let Some(recorded) = provenance.robot_steps.filter(|recorded| *recorded != steps) {
        differences.push(format!("training ended after {steps} robot-steps, not {recorded}"));
    }
    let digest = sha256(&policy);
    if digest != provenance.sha256 {
        differences.push(format!("training gives a policy with SHA-256 {digest}, not {}", provenance.sha256));
    }
    check.note(differences);
    Ok(check)
}

/// # Errors
/// When the settings are out of range, or not all that decides what comes out.
fn learner(config: &RunConfig) -> Result<Learner> {
    let message = "only where actors take turns with the learner does the configuration decide what comes out";
    ensure!(config.learning.actors == Actors::InTurns, message);
    Ok(Learner::new(experiments::worlds(config)?, experiments::ppo_config(config)?, config.seed, 0)?)
}

/// Robot-steps done and the policy after them.
fn train(mut learner: Learner, progress: impl Fn(u64)) -> Result<(u64, Vec<u8>)> {
    while !learner.is_complete() {
        progress(learner.update(None)?.steps_done);
    }
    Ok((learner.steps_done(), learner.policy().to_safetensors()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::CommandId;
    use contracts::commands::StartRun;
    use service_runtime::IdSource;

    /// Small, so that a test can train it twice.
    fn config() -> RunConfig {
        let start = json!({
            "total_timesteps": 1500, "num_envs": 24, "batch_size": 256,
            "config": {"worlds": "universal", "seed": 3, "rollout_length": 32, "epochs": 1}
        });
        let start: StartRun = serde_json::from_value(start).unwrap();
        domain::run_config::complete(&start, CommandId(RandomIds.next_id())).unwrap()
    }

    fn provenance(sha256: String) -> Provenance {
        let rules_version = environment::RULES_VERSION;
        let (file, config) = ("a.safetensors".into(), config());
        Provenance { file, sha256, config, rules_version, robot_steps: None, cpu_features: Vec::new() }
    }

    #[tokio::test]
    async fn a_model_comes_out_the_same_when_it_is_trained_again() {
        let (_, policy) = train(learner(&config()).unwrap(), |_| {}).unwrap();
        let same = retrain(&provenance(sha256(&policy))).await.unwrap();
        assert_eq!((same.compared, same.different), (1, 0), "{same:?}");
        let other = retrain(&provenance(sha256(b"another"))).await.unwrap();
        assert_eq!(other.different, 1, "{other:?}");
    }

    #[test]
    fn what_the_configuration_does_not_decide_is_refused() {
        let mut config = config();
        config.learning.actors = Actors::Threads;
        let error = learner(&config).map(drop).unwrap_err().to_string();
        assert!(error.contains("take turns"), "{error}");
    }

    #[test]
    fn the_shipped_model_has_its_digest_and_a_recipe() {
        let text = include_str!("../../../../models/universal.json");
        let provenance: Provenance = serde_json::from_str(text).unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
        assert_eq!(file(&folder, &provenance).unwrap().different, 0);
        let total = learner(&provenance.config).unwrap().total_steps();
        // Rollouts are whole: the last one overshoots.
        assert!(provenance.robot_steps.unwrap() - total < 217, "{total}");
    }
}
