//! A model that comes with this version, against its provenance: the JSON file beside it says how it was trained.

use super::report::{Check, Report};
use super::surroundings::processor;
use crate::cli::VerifyModelArgs;
use crate::failure::Failure;
use anyhow::{Context, Result, bail, ensure};
use environment::{WorldConfig, Worlds};
use learner::{Learner, Policy, PpoConfig};
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
    /// `… --example universal -- train …`: the settings of the training are its arguments.
    command: String,
    rules_version: u32,
    robot_steps: Option<u64>,
    /// CPU features that chose kernels.
    #[serde(default)]
    cpu_features: Vec<String>,
}

/// What the policy for every world was trained with.
#[derive(Debug)]
struct Recipe {
    config: PpoConfig,
    seed: u64,
    /// Robot-steps after which training ends, before its schedules do.
    until: u64,
    /// A policy to start from.
    from: Option<PathBuf>,
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
        checks.push(retrain(folder, &provenance).await?);
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
        differences.push(format!("`{}` is no policy: {error}", path.display()));
    }
    check.note(differences);
    Ok(check)
}

async fn retrain(folder: PathBuf, provenance: &Provenance) -> Result<Check> {
    let mut check = Check::new("training");
    if provenance.rules_version != environment::RULES_VERSION {
        let (then, now) = (provenance.rules_version, environment::RULES_VERSION);
        check.skip(format!("it was trained under rules version {then}; this version has {now}"));
        return Ok(check);
    }
    let recipe = Recipe::read(&provenance.command)?;
    let total = recipe.until.min(recipe.config.total_steps);
    let bar = super::bar("Training again {bar:30} {pos}/{len} robot-steps, {eta} left", total)?;
    let moved = bar.clone();
    let trained = tokio::task::spawn_blocking(move || train(recipe, &folder, |steps| moved.set_position(steps)));
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

/// Robot-steps done and the policy after them.
fn train(recipe: Recipe, folder: &Path, progress: impl Fn(u64)) -> Result<(u64, Vec<u8>)> {
    let worlds = Worlds::Universal(WorldConfig::default());
    let mut learner = match &recipe.from {
        Some(path) => {
            let weights =
                std::fs::read(folder.join(path)).with_context(|| format!("cannot read {}", path.display()))?;
            Learner::init_from(worlds, recipe.config, recipe.seed, 0, &weights)?
        }
        None => Learner::new(worlds, recipe.config, recipe.seed, 0)?,
    };
    while !learner.is_complete() && learner.steps_done() < recipe.until {
        progress(learner.update(None)?.steps_done);
    }
    Ok((learner.steps_done(), learner.policy().to_safetensors()?))
}

impl Recipe {
    /// Reads the arguments of `universal -- train`.
    ///
    /// # Errors
    /// For an argument that this version does not know: it might change the result.
    fn read(command: &str) -> Result<Self> {
        let (_, arguments) = command.split_once("--example universal -- train").context("it is no such training")?;
        let mut recipe = Self { config: PpoConfig::universal(), seed: 1, until: u64::MAX, from: None };
        // What the example does unless told otherwise.
        recipe.config.total_steps = 100_000_000;
        let mut words = arguments.split_whitespace();
        while let Some(name) = words.next() {
            let value = words.next().with_context(|| format!("`{name}` lacks its value"))?;
            recipe.set(name, value).with_context(|| format!("`{name} {value}`"))?;
        }
        ensure!(recipe.config.validate().is_ok(), "the settings are out of range");
        Ok(recipe)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let config = &mut self.config;
        match name {
            "--steps" => config.total_steps = value.parse()?,
            "--until" => self.until = value.parse()?,
            "--seed" => self.seed = value.parse()?,
            "--from" => self.from = Some(value.into()),
            "--hidden" => config.hidden = value.parse()?,
            "--learning-rate" => config.learning_rate = value.parse()?,
            "--gamma" => config.gamma = value.parse()?,
            "--calm" => config.calm_coefficient = value.parse()?,
            "--entropy" => config.entropy_coefficient = value.parse()?,
            "--minibatch" => config.minibatch_size = value.parse()?,
            "--reward-scale" => config.reward_scale = value.parse()?,
            "--epochs" => config.update_epochs = value.parse()?,
            "--clip" => config.clip_range = value.parse()?,
            "--tour-prior" => config.tour_prior = value.parse()?,
            "--objects" => config.object_coefficient = value.parse()?,
            "--tour-anchor" => config.tour_anchor = value.parse()?,
            // Neither changes a bit.
            "--threads" | "--save" => {}
            _ => bail!("is unknown here"),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small, so that a test can train it twice: the very words that stand in a provenance.
    const COMMAND: &str = "cargo run --release -p learner --example universal -- train --steps 6000 --until 5000 \
                           --seed 3 --hidden 16 --epochs 1 --save a.safetensors";

    fn provenance(sha256: String) -> Provenance {
        let (file, command) = ("a.safetensors".into(), COMMAND.to_owned());
        let rules_version = environment::RULES_VERSION;
        Provenance { file, sha256, command, rules_version, robot_steps: None, cpu_features: Vec::new() }
    }

    #[tokio::test]
    async fn a_model_comes_out_the_same_when_it_is_trained_again() {
        let (_, policy) = train(Recipe::read(COMMAND).unwrap(), Path::new("."), |_| {}).unwrap();
        let same = retrain(PathBuf::from("."), &provenance(sha256(&policy))).await.unwrap();
        assert_eq!((same.compared, same.different), (1, 0), "{same:?}");
        let other = retrain(PathBuf::from("."), &provenance(sha256(b"another"))).await.unwrap();
        assert_eq!(other.different, 1, "{other:?}");
    }

    #[test]
    fn an_argument_that_might_change_the_result_is_refused() {
        let wings = COMMAND.replace("--epochs", "--wings");
        let error = format!("{:#}", Recipe::read(&wings).unwrap_err());
        assert!(error.contains("--wings 1") && error.contains("unknown"), "{error}");
        assert!(Recipe::read("cargo test").is_err());
    }

    #[test]
    fn the_shipped_model_has_its_digest_and_a_recipe() {
        let text = include_str!("../../../../models/universal.json");
        let provenance: Provenance = serde_json::from_str(text).unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
        assert_eq!(file(&folder, &provenance).unwrap().different, 0);
        Recipe::read(&provenance.command).unwrap();
    }
}
