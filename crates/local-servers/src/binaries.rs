//! Where the servers' programs are.

use crate::StartError;
use std::path::{Path, PathBuf};

/// The `nats-server` that set-up unpacked into the tools directory, else the one on `PATH`.
pub fn find_nats_server(tools: &Path) -> Result<PathBuf, StartError> {
    let installed = tools.join("nats-server");
    if installed.is_file() {
        return Ok(installed);
    }
    on_path("nats-server").ok_or_else(|| StartError::BinaryMissing {
        program: "nats-server",
        looked: format!("{} or PATH", tools.display()),
        advice: "run `cargo xtask setup`, or set NATS_URL to a server of version 2.12 or newer",
    })
}

/// The directory of `postgres` and `initdb`: the version that wrote `data_dir` if it is installed, else the newest,
/// else the one on `PATH`.
pub fn find_postgres(data_dir: &Path) -> Result<PathBuf, StartError> {
    let written_by = postgres_major_version(data_dir);
    let mut installed = distribution_versions();
    installed.sort_by_key(|(version, _)| (Some(version.to_string()) == written_by, *version));
    let newest = installed.pop().map(|(_, bin_dir)| bin_dir);
    newest.or_else(postgres_on_path).ok_or_else(|| StartError::BinaryMissing {
        program: "Postgres",
        looked: format!("{DISTRIBUTION}/*/bin or PATH"),
        advice: "run `cargo xtask setup`, or set DATABASE_URL to a server",
    })
}

/// The major version that wrote a data directory (`15`), `None` before the first start.
pub fn postgres_major_version(data_dir: &Path) -> Option<String> {
    let text = std::fs::read_to_string(data_dir.join("data/PG_VERSION")).ok()?;
    Some(text.trim().to_owned())
}

const DISTRIBUTION: &str = "/usr/lib/postgresql";

fn distribution_versions() -> Vec<(u32, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(DISTRIBUTION) else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin_dir)| is_complete(bin_dir))
        .collect()
}

fn postgres_on_path() -> Option<PathBuf> {
    // Programs may be linked into a directory of links; Postgres finds its shared files from the real place.
    let program = on_path("postgres")?.canonicalize().ok()?;
    let bin_dir = program.parent()?.to_owned();
    is_complete(&bin_dir).then_some(bin_dir)
}

fn is_complete(bin_dir: &Path) -> bool {
    bin_dir.join("postgres").is_file() && bin_dir.join("initdb").is_file()
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|candidate| candidate.is_file())
}
