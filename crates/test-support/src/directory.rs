//! Temporary directories that neither outlive their test nor pile up after killed ones.

use anyhow::{Context, Result};
use local_servers::InstanceLock;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory of this test; on drop its logs move to `target/tmp/test-logs` and the rest is removed.
#[derive(Debug)]
pub struct TestDirectory {
    path: PathBuf,
    _lock: InstanceLock,
}

/// Number of tests whose logs are kept.
const KEPT_LOGS: usize = 60;
static COUNTER: AtomicU32 = AtomicU32::new(0);

impl TestDirectory {
    /// Below the system's temporary directory, because Postgres's own user may not enter the checkout.
    pub fn new(name: &str) -> Result<Self> {
        let user = fs::metadata("/proc/self").context("read /proc/self")?.uid();
        let parent = std::env::temp_dir().join(format!("patrol-tests-{user}"));
        fs::create_dir_all(&parent).with_context(|| format!("create {}", parent.display()))?;
        let serial = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("{name}-{}-{serial}", std::process::id()));
        // Making and locking a directory must look like one step to the sweep of another process.
        let guard = File::create(parent.join("sweep.lock")).context("open sweep.lock")?;
        guard.lock().context("lock sweep.lock")?;
        sweep(&parent);
        let lock = InstanceLock::acquire(&path.join(OWNER))?;
        Ok(Self { path, _lock: lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TestDirectory {
    fn drop(&mut self) {
        let _ = keep_logs(&self.path);
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// The checkout.
pub fn workspace_root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).unwrap_or(manifest).to_owned()
}

/// For caches and kept logs: `target/tmp` of the checkout, or of `CARGO_TARGET_DIR`.
pub(crate) fn target_directory() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace_root().join("target"), PathBuf::from).join("tmp")
}

const OWNER: &str = "owner.lock";

/// Removes the directories whose owners are gone.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.join(OWNER).exists() && InstanceLock::acquire(&path.join(OWNER)).is_ok() {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

fn keep_logs(directory: &Path) -> Result<()> {
    let logs: Vec<PathBuf> =
        files_below(directory).filter(|file| file.extension().is_some_and(|end| end == "log")).collect();
    let kept = target_directory().join("test-logs");
    let destination = kept.join(directory.file_name().context("a name")?);
    fs::create_dir_all(&destination)?;
    for log in logs {
        let flat = log.strip_prefix(directory)?.to_string_lossy().replace('/', "-");
        fs::copy(&log, destination.join(flat))?;
    }
    forget_oldest(&kept);
    Ok(())
}

fn files_below(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = |path: &Path| fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let (directories, files): (Vec<_>, Vec<_>) = entries(directory).partition(|path| path.is_dir());
    // Logs lie at most one level down; a data directory below has thousands of files.
    files.into_iter().chain(
        directories.into_iter().flat_map(move |path| entries(&path).filter(|path| path.is_file()).collect::<Vec<_>>()),
    )
}

fn forget_oldest(kept: &Path) {
    let age = |path: &PathBuf| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let mut all: Vec<PathBuf> = fs::read_dir(kept).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    // Others forget at the same time: a file that vanishes must not change its age while the rest is sorted.
    all.sort_by_cached_key(age);
    for old in all.iter().take(all.len().saturating_sub(KEPT_LOGS)) {
        let _ = fs::remove_dir_all(old);
    }
}
