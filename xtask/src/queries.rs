//! `.sqlx`: what Postgres says about every checked query, so that a build needs no server. Made and compared against a
//! real, migrated Postgres that the command starts itself.

use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// The package whose queries are checked.
const PACKAGE: &str = "read-models";

/// Compares with `.sqlx`, or replaces it.
pub fn run(root: &Path, check: bool) -> Result<()> {
    let began = Instant::now();
    fs::create_dir_all(root.join("target"))?;
    let scratch = tempfile::tempdir_in(root.join("target"))?;
    describe(root, scratch.path())?;
    let (committed, described) = (read(&root.join(".sqlx"))?, read(scratch.path())?);
    let differences = differences(&committed, &described);
    if differences.is_empty() {
        println!("queries: {} agree with .sqlx ({:.1} s)", described.len(), began.elapsed().as_secs_f64());
        return Ok(());
    }
    if check {
        bail!(".sqlx is out of date, run `cargo xtask queries` and commit it:\n{}", differences.join("\n"));
    }
    replace(&root.join(".sqlx"), &described)?;
    println!("queries: wrote {} files to .sqlx", described.len());
    Ok(())
}

/// Lets the query macros ask a migrated Postgres and write what it says.
fn describe(root: &Path, output: &Path) -> Result<()> {
    let library = root.join("crates").join(PACKAGE).join("src/lib.rs");
    // The macros only run when the crate is compiled.
    #[expect(clippy::disallowed_methods, reason = "a file's modification time is the machine's clock")]
    File::options().write(true).open(&library)?.set_modified(std::time::SystemTime::now())?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(&cargo)
        .args(["run", "--quiet", "--package", "test-support", "--example", "with_database", "--"])
        .arg(&cargo)
        .args(["check", "--quiet", "--package", PACKAGE, "--all-targets"])
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", output)
        .current_dir(root)
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "{PACKAGE} does not compile against a freshly migrated Postgres");
    Ok(())
}

type Files = BTreeMap<String, Vec<u8>>;

fn read(directory: &Path) -> Result<Files> {
    let mut files = Files::new();
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.insert(name, fs::read(&path)?);
        }
    }
    Ok(files)
}

fn differences(committed: &Files, described: &Files) -> Vec<String> {
    let gone = committed
        .keys()
        .filter(|name| !described.contains_key(*name))
        .map(|name| format!("  {name}: no such query any more"));
    let other = described.iter().filter_map(|(name, content)| match committed.get(name) {
        None => Some(format!("  {name}: new query")),
        Some(old) if old != content => Some(format!("  {name}: Postgres describes it differently")),
        Some(_) => None,
    });
    gone.chain(other).collect()
}

fn replace(directory: &Path, files: &Files) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    fs::create_dir_all(directory)?;
    for (name, content) in files {
        fs::write(directory.join(name), content)?;
    }
    Ok(())
}
