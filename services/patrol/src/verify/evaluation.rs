//! The last evaluation, played again: the same policy on the same worlds has the same score, bit for bit.

use super::material::Material;
use super::report::Check;
use anyhow::{Error, Result};
use contracts::config::WorldSettings;
use contracts::events::{AgentScore, EvaluationCompleted};
use environment::evaluation::{self, Protocol};
use experiments::{References, agent_score};
use learner::{Policy, Selection};
use serde_json::Value;
use trajectories::ObjectStore;

/// Plays the newest evaluation of `material` again, if there is one.
pub async fn last(store: &ObjectStore, material: &Material) -> Result<Check> {
    let mut check = Check::new("last evaluation");
    let Some(recorded) = material.evaluations.last() else {
        check.skip("no policy of the run was evaluated".to_owned());
        return Ok(check);
    };
    let protocol = experiments::protocol(&material.requested.config.world, recorded.protocol.episodes)?;
    if protocol != recorded.protocol {
        let (then, now) = (recorded.protocol.rules_version, protocol.rules_version);
        check.skip(format!("it was played by another protocol (rules version {then}; this version has {now})"));
        return Ok(check);
    }
    let baselines = material.baselines.iter().rev().find(|baselines| baselines.protocol == protocol);
    let references = baselines.and_then(|baselines| References::of_scores(&baselines.agents));
    let (Some(references), Some(blob)) = (references, material.policy(recorded.checkpoint_id)) else {
        check
            .skip("the log does not hold the scripted agents' scores or the policy that it was played with".to_owned());
        return Ok(check);
    };
    let weights = match store.get(&blob.uri).await {
        Err(error) if error.is_not_found() => {
            check.note(vec![format!("`{}`, the evaluated policy, is missing", blob.uri)]);
            return Ok(check);
        }
        other => other?,
    };
    let (world, recorded) = (material.requested.config.world.clone(), recorded.clone());
    let playing = tokio::task::spawn_blocking(move || differences(&world, &recorded, &weights, &references));
    check.note(playing.await??);
    Ok(check)
}

fn differences(
    world: &WorldSettings,
    recorded: &EvaluationCompleted,
    weights: &[u8],
    references: &References,
) -> Result<Vec<String>> {
    let policy = match Policy::from_safetensors(weights) {
        Ok(policy) => policy,
        Err(error) => return Ok(vec![format!("the evaluated policy cannot be read: {:#}", Error::from(error))]),
    };
    let seed = recorded.protocol.first_seed;
    let world = experiments::world_config(world)?;
    let protocol = Protocol { world, seed, episodes: recorded.protocol.episodes };
    let mut differences = Vec::new();
    let sampled = Selection::Sampled { seed };
    for (name, selection, then) in
        [("sampled", sampled, &recorded.sampled), ("arg-max", Selection::ArgMax, &recorded.argmax)]
    {
        let played = evaluation::evaluate(&mut policy.actor(selection), &protocol)?;
        match agent_score("policy", &played, references) {
            Some(now) if says_what(&written_and_read(&now)?, &serde_json::to_value(then)?) => {}
            Some(now) => {
                let (now, then) = (now.mean_threat.mean, then.mean_threat.mean);
                differences
                    .push(format!("{name}: mean threat {now} or another figure differs from the recorded {then}"));
            }
            None => differences.push(format!("{name}: there is no episode")),
        }
    }
    Ok(differences)
}

/// As it comes back from the log: reading decimal digits may cost the last bit.
fn written_and_read(score: &AgentScore) -> Result<Value> {
    Ok(serde_json::from_slice(&serde_json::to_vec(score)?)?)
}

/// Whether `now` holds all that `then` holds; an evaluation of an older version lacks figures that joined later.
fn says_what(now: &Value, then: &Value) -> bool {
    match (now, then) {
        (Value::Object(now), Value::Object(then)) => {
            then.iter().all(|(name, then)| now.get(name).is_some_and(|now| says_what(now, then)))
        }
        _ => now == then,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn figures_that_joined_later_may_be_missing_and_others_may_not_differ() {
        let now = json!({ "mean": 0.5, "joined": 1.0, "threat": { "low": 0.4, "joined": null }, "each": [0.5] });
        assert!(says_what(&now, &json!({ "mean": 0.5, "threat": { "low": 0.4 }, "each": [0.5] })));
        assert!(!says_what(&now, &json!({ "mean": 0.5, "threat": { "low": 0.3 } })));
        assert!(!says_what(&now, &json!({ "gone": 0.5 })));
        assert!(!says_what(&now, &json!({ "each": [0.5, 0.6] })));
    }
}
