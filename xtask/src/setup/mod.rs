//! What a fresh Debian or Ubuntu lacks. Does nothing, at once, when everything is there.

mod browser;
mod dashboard;
mod distribution;
mod nats;
mod postgres;
mod python;

use anyhow::Result;
use std::path::Path;

/// What is wanted beside the servers.
pub struct Wanted {
    pub tests: bool,
    pub dashboard: bool,
    pub plots: bool,
}

/// A server that the user provides by a URL need not be installable here.
pub fn run(root: &Path, wanted: &Wanted) -> Result<()> {
    unless_provided("NATS_URL", nats::ensure(&root.join("var/tools")))?;
    unless_provided("DATABASE_URL", postgres::ensure(&root.join("var/postgres")))?;
    if wanted.tests {
        for_tests(root)?;
    }
    if wanted.tests || wanted.dashboard {
        dashboard::ensure(root)?;
    }
    if wanted.plots {
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
