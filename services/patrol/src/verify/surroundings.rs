//! Then and now: the executable and the processor that computed the recorded bits, and those that compare them.

use super::material::Material;
use anyhow::Result;
use service_runtime::RandomIds;
use trainer::Identity;

/// One line per difference: none of them is wrong, each can explain a difference.
pub async fn notes(material: &Material) -> Result<Vec<String>> {
    let now = Identity::of_this_process(&RandomIds).await?;
    let mut notes = Vec::new();
    let mut note = |line: String| {
        if !notes.contains(&line) {
            notes.push(line);
        }
    };
    for started in &material.started {
        if started.binary_sha256 != now.binary_sha256 {
            let (then, now) = (short(&started.binary_sha256), short(&now.binary_sha256));
            note(format!("it was trained by another executable ({then}…, this is {now}…)"));
        }
        if started.cpu_features != now.cpu_features {
            note(processor(&started.cpu_features, &now.cpu_features));
        }
    }
    Ok(notes)
}

/// Kernels are chosen by what the processor can do.
pub fn processor(then: &[String], now: &[String]) -> String {
    let list = |features: &[String]| if features.is_empty() { "none".to_owned() } else { features.join(" ") };
    format!("it was computed with the CPU features {}; here they are {}", list(then), list(now))
}

fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}
