//! The evaluation protocol: what is held equal so that numbers can be compared.

use contracts::config::WorldSettings;
use contracts::events::Protocol;
use sha2::{Digest, Sha256};

/// Seed of the held-out worlds, common to all agents and runs.
pub const EVALUATION_SEED: u64 = 1_000_003;

/// The protocol for `episodes` episodes in the world of `settings`. Equal hashes mean comparable numbers, and that the
/// scripted agents need not be evaluated again.
///
/// # Errors
/// If the settings hold a number that JSON cannot, such as NaN.
pub fn protocol(settings: &WorldSettings, episodes: u32) -> serde_json::Result<Protocol> {
    let rules_version = environment::RULES_VERSION;
    let described = serde_json::to_vec(&(settings, rules_version, episodes, EVALUATION_SEED))?;
    let world_hash = Sha256::digest(&described).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Protocol { world_hash, rules_version, episodes, first_seed: EVALUATION_SEED })
}
