//! What a fresh Debian or Ubuntu lacks. Does nothing, at once, when everything is there.

mod browser;
mod distribution;
mod nats;
mod postgres;
mod python;

use anyhow::Result;
use std::path::Path;

/// With `tests` and `plots` also what only those need. A server that the user provides by a URL need not be installable
/// here.
pub fn run(root: &Path, tests: bool, plots: bool) -> Result<()> {
    unless_provided("NATS_URL", nats::ensure(&root.join("var/tools")))?;
    unless_provided("DATABASE_URL", postgres::ensure(&root.join("var/postgres")))?;
    if tests {
        for_tests(root)?;
    }
    if plots {
        python::ensure(&root.join("var/tools"), &python::PLOTS)?;
    }
    Ok(())
}

fn for_tests(root: &Path) -> Result<()> {
    // One of the README's clients.
    if !distribution::runs("curl") {
        distribution::install("curl", "install it with your package manager")?;
    }
    python::ensure(&root.join("var/tools"), &python::TESTS)?;
    browser::ensure(&root.join("var/tools/no-browser"))
}

fn unless_provided(variable: &str, installed: Result<()>) -> Result<()> {
    match installed {
        Err(error) if std::env::var_os(variable).is_some() => {
            eprintln!("note: {error:#}; going on because {variable} is set");
            Ok(())
        }
        other => other,
    }
}
