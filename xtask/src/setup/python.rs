//! What tests and plots use from Python: a list each, with every version and sha256 pinned, below `var/tools`.
//!
//! `pip install --target` needs neither a virtual environment nor the rights of root, and leaves the distribution's
//! Python as it is.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// A list of packages and the folder below `var/tools` that they go to.
pub struct Packages {
    folder: &'static str,
    what: &'static str,
    requirements: &'static str,
}

pub const TESTS: Packages =
    Packages { folder: "python", what: "tests", requirements: include_str!("../../../tests/python/requirements.txt") };
pub const PLOTS: Packages =
    Packages { folder: "plots", what: "plots", requirements: include_str!("../../../docs/plots/requirements.txt") };

const ADVICE: &str = "cannot install the Python packages: install Python 3.11 or newer with pip \
                      (apt-get install python3-pip) and check the network";

/// Installs them unless exactly these are there, for the Python that is in use.
pub fn ensure(tools: &Path, list: &Packages) -> Result<()> {
    let (packages, wanted) = (tools.join(list.folder), format!("# {}\n{}", python_version()?, list.requirements));
    if fs::read_to_string(packages.join(INSTALLED)).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    eprintln!("Installing the Python packages of the {} to {} …", list.what, packages.display());
    fs::create_dir_all(tools).with_context(|| format!("cannot create {}", tools.display()))?;
    let scratch = tempfile::tempdir_in(tools).context("cannot make a temporary directory")?;
    let fresh = scratch.path().join(list.folder);
    install(&fresh, list.requirements)?;
    fs::write(fresh.join(INSTALLED), wanted)?;
    // Complete, or not there: what was there before goes away with the temporary directory.
    if packages.exists() {
        fs::rename(&packages, scratch.path().join("before"))?;
    }
    fs::rename(&fresh, &packages).with_context(|| format!("cannot write {}", packages.display()))
}

/// The list that was installed, beside the packages.
const INSTALLED: &str = "requirements.txt";

/// pip refuses a file whose hash is not in the list.
fn install(target: &Path, packages: &str) -> Result<()> {
    let requirements = target.with_extension("txt");
    fs::write(&requirements, packages)?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-warn-conflicts"]);
    pip.args(["--only-binary=:all:", "--require-hashes", "--requirement"]).arg(&requirements);
    pip.arg("--target").arg(target);
    // A pip that installs for the user unless told otherwise would not take a target.
    let pip =
        pip.env("PIP_USER", "0").env("PIP_ROOT_USER_ACTION", "ignore").stdin(Stdio::null()).stdout(std::io::stderr());
    ensure!(pip.status().context(ADVICE)?.success(), ADVICE);
    Ok(())
}

/// Wheels with compiled parts fit one minor version on one kind of machine.
fn python_version() -> Result<String> {
    let program = "import sys, platform as p; print(sys.implementation.cache_tag, p.machine())";
    let output = Command::new("python3").args(["-c", program]).output().context(ADVICE)?;
    ensure!(output.status.success(), ADVICE);
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
