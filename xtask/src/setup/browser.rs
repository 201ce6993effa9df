//! A browser for the tests of what pages can do: any Chromium or Chrome.

use super::distribution;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// As the tests look for it.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Installs one unless one is there. Where none can be installed, as where distributions have it as a snap only, everything else
/// can be tested: `missing` then exists and says why, and `make test` leaves the tests `browser::` out.
pub fn ensure(missing: &Path) -> Result<()> {
    let installed = NAMES.into_iter().any(distribution::runs)
        || match distribution::install("chromium", "install Chromium or Chrome yourself") {
            Ok(()) => distribution::runs("chromium"),
            Err(error) => {
                eprintln!("note: {error:#}");
                false
            }
        };
    if installed && missing.exists() {
        fs::remove_file(missing).with_context(|| format!("cannot remove {}", missing.display()))?;
    } else if !installed {
        let reason = "no browser can be installed here: the tests `browser::` of the gateway are left out\n";
        fs::write(missing, reason).with_context(|| format!("cannot write {}", missing.display()))?;
    }
    Ok(())
}
