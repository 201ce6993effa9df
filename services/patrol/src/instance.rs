//! Where a running instance can be found: its addresses, kept beside its data.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Addresses of a running instance. The file holds the database's password, so only its owner may read it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    pub pid: u32,
    pub nats_url: String,
    pub database_url: String,
    pub store_url: String,
    pub gateway: String,
}

/// The file that says where an instance is; removed with this value.
pub struct Announcement {
    path: PathBuf,
}

impl Instance {
    /// Writes the file; it is removed when the announcement is dropped.
    pub fn announce(&self, data_dir: &Path) -> Result<Announcement> {
        let path = path(data_dir);
        let written = path.with_extension("json.new");
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&written).with_context(|| format!("cannot write {}", written.display()))?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        fs::rename(&written, &path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Announcement { path })
    }

    /// The instance that runs on `data_dir`; `None` when there is none.
    pub fn find(data_dir: &Path) -> Result<Option<Self>> {
        let path = path(data_dir);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let instance: Self =
            serde_json::from_slice(&text).with_context(|| format!("{} cannot be understood", path.display()))?;
        // A killed instance leaves its file behind.
        Ok(Path::new(&format!("/proc/{}", instance.pid)).exists().then_some(instance))
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // A file that cannot be removed names a process that no longer runs, which readers notice.
        let _ = fs::remove_file(&self.path);
    }
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("instance.json")
}
