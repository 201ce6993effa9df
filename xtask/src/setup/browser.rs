//! A browser for the tests of what pages can do: any Chromium or Chrome.

use super::distribution;

/// As the tests look for it.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Installs one unless one is there. Where it cannot be installed everything else can be tested: those tests fail then, and
/// say why.
pub fn ensure() {
    if NAMES.into_iter().any(distribution::runs) {
        return;
    }
    let advice = "install Chromium or Chrome yourself";
    if let Err(error) = distribution::install("chromium", advice) {
        eprintln!("note: {error:#}; without a browser the tests `browser::` of the gateway fail");
    }
}
