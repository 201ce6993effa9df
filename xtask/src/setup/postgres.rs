//! Postgres from the distribution. Its own cluster is neither started nor used.

use super::distribution;
use anyhow::Result;
use std::path::Path;

/// Installs the package unless the programs are there.
pub fn ensure(data_dir: &Path) -> Result<()> {
    if local_servers::find_postgres(data_dir).is_ok() {
        return Ok(());
    }
    distribution::install("postgresql", "install Postgres 14 or newer with your package manager, or set DATABASE_URL")?;
    local_servers::find_postgres(data_dir)?;
    Ok(())
}
