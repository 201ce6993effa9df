//! The dashboard: its packages from the lock file, and the application built to `var/tools/dashboard`.

use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::UNIX_EPOCH;

/// Folders that are made, not written.
const MADE: [&str; 3] = ["node_modules", ".nuxt", ".output"];
/// What the packages and the application were made from, beside them.
const MADE_FROM: &str = "made-from.json";
const ADVICE: &str = "cannot build the dashboard: install Node.js 20.19 or newer with npm, and check the network";

/// Installs the packages and builds the application unless both are those of the sources.
pub fn ensure(root: &Path) -> Result<()> {
    let folder = root.join("services/dashboard");
    install(&folder)?;
    let mut sources = BTreeMap::new();
    collect(root, &folder, &mut sources)?;
    // Forms take their fields from it.
    note(root, root.join("schemas/openapi/openapi.json"), &mut sources)?;
    build(&folder, &root.join("var/tools/dashboard"), &serde_json::to_string(&sources)?)
}

fn install(folder: &Path) -> Result<()> {
    let lock = fs::read_to_string(folder.join("package-lock.json"))?;
    let installed = folder.join("node_modules").join(MADE_FROM);
    if fs::read_to_string(&installed).is_ok_and(|text| text == lock) {
        return Ok(());
    }
    eprintln!("Installing the packages of the dashboard …");
    npm(folder, &["ci", "--no-audit", "--no-fund", "--loglevel=error"])?;
    fs::write(&installed, lock).with_context(|| format!("cannot write {}", installed.display()))
}

fn build(folder: &Path, target: &Path, sources: &str) -> Result<()> {
    if fs::read_to_string(target.join(MADE_FROM)).is_ok_and(|text| text == sources) {
        return Ok(());
    }
    eprintln!("Building the dashboard to {} …", target.display());
    npm(folder, &["run", "--silent", "build"])?;
    let built = folder.join(".output");
    fs::write(built.join(MADE_FROM), sources)?;
    if target.exists() {
        fs::remove_dir_all(target).with_context(|| format!("cannot replace {}", target.display()))?;
    }
    fs::create_dir_all(target.parent().context("a folder for tools")?)?;
    fs::rename(&built, target).with_context(|| format!("cannot write {}", target.display()))
}

/// Size and time of change of files, by path.
type Sources = BTreeMap<PathBuf, (u64, u128)>;

fn collect(root: &Path, folder: &Path, sources: &mut Sources) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if !path.is_dir() {
            note(root, path, sources)?;
        } else if !MADE.iter().any(|made| path.ends_with(made)) {
            collect(root, &path, sources)?;
        }
    }
    Ok(())
}

fn note(root: &Path, path: PathBuf, sources: &mut Sources) -> Result<()> {
    let metadata = fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let changed = metadata.modified()?.duration_since(UNIX_EPOCH)?.as_nanos();
    sources.insert(path.strip_prefix(root)?.to_owned(), (metadata.len(), changed));
    Ok(())
}

fn npm(folder: &Path, arguments: &[&str]) -> Result<()> {
    let mut npm = Command::new("npm");
    npm.args(arguments).current_dir(folder).env("NUXT_TELEMETRY_DISABLED", "1").env("CI", "1");
    let npm = npm.stdin(Stdio::null()).stdout(std::io::stderr());
    ensure!(npm.status().context(ADVICE)?.success(), ADVICE);
    Ok(())
}
