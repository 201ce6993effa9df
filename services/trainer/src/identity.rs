//! Who trains: what has to be known about this process to judge whether another would compute the same bits.

use crate::error::{Error, Result};
use service_runtime::IdSource;
use sha2::{Digest, Sha256};
use std::io::Read;

/// Recorded with every `run.started`.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Unique per process.
    pub trainer_id: String,
    pub binary_sha256: String,
    /// CPU features that choose kernels.
    pub cpu_features: Vec<String>,
}

impl Identity {
    /// # Errors
    /// When the executable cannot be read.
    pub async fn of_this_process(ids: &dyn IdSource) -> Result<Self> {
        let binary_sha256 = tokio::task::spawn_blocking(hash_of_executable).await?.map_err(Error::Executable)?;
        Ok(Self { trainer_id: format!("trainer-{}", ids.next_id()), binary_sha256, cpu_features: cpu_features() })
    }
}

fn hash_of_executable() -> std::io::Result<String> {
    let mut file = std::fs::File::open(std::env::current_exe()?)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            read => hasher.update(&buffer[..read]),
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn cpu_features() -> Vec<String> {
    let known = [
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("fma", std::arch::is_x86_feature_detected!("fma")),
        ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
        ("avx512bw", std::arch::is_x86_feature_detected!("avx512bw")),
        ("avx512vl", std::arch::is_x86_feature_detected!("avx512vl")),
    ];
    known.iter().filter(|(_, present)| *present).map(|(name, _)| (*name).to_owned()).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn cpu_features() -> Vec<String> {
    vec![std::env::consts::ARCH.to_owned()]
}
