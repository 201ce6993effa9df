//! The dependency rules of ARCHITECTURE.md, checked on what cargo says.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Which crates of ours a crate may depend on. Those of a service are in [`SERVICE_MAY_USE`].
const MAY_USE: [(&str, &[&str]); 11] = [
    ("contracts", &[]),
    ("domain", &["contracts"]),
    ("environment", &[]),
    ("learner", &["environment"]),
    ("event-log", &["contracts"]),
    ("read-models", &["contracts"]),
    ("trajectories", &["contracts"]),
    ("service-runtime", &["contracts"]),
    ("experiments", &["contracts", "environment", "learner", "trajectories"]),
    ("local-servers", &[]),
    ("test-support", &["local-servers"]),
];

const SERVICES: [&str; 5] = ["ingest", "trainer", "evaluator", "projector", "gateway"];

const SERVICE_MAY_USE: [&str; 9] = [
    "contracts",
    "domain",
    "environment",
    "event-log",
    "experiments",
    "learner",
    "read-models",
    "service-runtime",
    "trajectories",
];

/// These see the whole: the executable, the system tests, the chores.
const UNRESTRICTED: [&str; 3] = ["patrol", "system-tests", "xtask"];

/// Tests and benches may use these as well.
const TESTS_MAY_USE: [&str; 2] = ["test-support", "local-servers"];

/// A heavy dependency and the crates that own it; nobody else names it, so replacing it touches one crate.
const OWNERS: [(&str, &[&str]); 6] = [
    ("async-nats", &["event-log", "test-support", "system-tests"]),
    ("sqlx", &["read-models", "test-support"]),
    ("dfdx", &["learner"]),
    ("arrow", &["trajectories"]),
    ("parquet", &["trajectories"]),
    ("axum", &["gateway", "service-runtime"]),
];

/// Prints every breach; fails when there is one.
pub fn run(root: &Path) -> Result<()> {
    let packages = packages(root)?;
    let breaches: Vec<String> = packages.iter().flat_map(|(name, uses)| breaches(name, uses, &packages)).collect();
    if !breaches.is_empty() {
        bail!("the layers of ARCHITECTURE.md are broken:\n{}", breaches.join("\n"));
    }
    println!("layers: {} packages keep the rules", packages.len());
    Ok(())
}

/// One dependency as a manifest states it.
#[derive(Clone, Debug)]
struct Use {
    name: String,
    for_tests: bool,
}

type Packages = BTreeMap<String, Vec<Use>>;

fn breaches(package: &str, uses: &[Use], packages: &Packages) -> Vec<String> {
    let mut found = Vec::new();
    let Some(allowed) = allowed(package) else {
        return vec![format!(
            "  {package} has no place in the layers: add it to xtask/src/layers.rs and ARCHITECTURE.md"
        )];
    };
    for used in uses {
        let name = used.name.as_str();
        let ours = packages.contains_key(name);
        // A service's tests may run the services that it works with.
        let beside_services = SERVICES.contains(&package) && SERVICES.contains(&name);
        let in_tests = used.for_tests && (TESTS_MAY_USE.contains(&name) || beside_services || name == package);
        if ours && !in_tests && allowed.is_some_and(|allowed| !allowed.contains(&name)) {
            found.push(format!("  {package} must not depend on {name}"));
        }
        if let Some((_, owners)) = OWNERS.iter().find(|(heavy, owners)| *heavy == name && !owners.contains(&package)) {
            found.push(format!("  {package} must not depend on {name}: only {} may", owners.join(", ")));
        }
    }
    found
}

/// `None`: unknown; `Some(None)`: anything.
fn allowed(package: &str) -> Option<Option<&'static [&'static str]>> {
    if UNRESTRICTED.contains(&package) {
        return Some(None);
    }
    if SERVICES.contains(&package) {
        return Some(Some(&SERVICE_MAY_USE));
    }
    MAY_USE.iter().find(|(name, _)| *name == package).map(|(_, allowed)| Some(*allowed))
}

fn packages(root: &Path) -> Result<Packages> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root)
        .output()
        .context("cannot run cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    packages.iter().map(package).collect::<Option<_>>().context("cargo metadata has another form than expected")
}

fn package(package: &Value) -> Option<(String, Vec<Use>)> {
    let uses = package["dependencies"].as_array()?.iter().map(|dependency| {
        Some(Use { name: dependency["name"].as_str()?.to_owned(), for_tests: dependency["kind"] == "dev" })
    });
    Some((package["name"].as_str()?.to_owned(), uses.collect::<Option<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaches_of(package: &str, used: &str, for_tests: bool) -> Vec<String> {
        let names = MAY_USE.iter().map(|(name, _)| *name).chain(SERVICES).chain(UNRESTRICTED);
        let packages: Packages = names.map(|name| (name.to_owned(), Vec::new())).collect();
        breaches(package, &[Use { name: used.to_owned(), for_tests }], &packages)
    }

    #[test]
    fn the_core_knows_no_contracts_and_services_know_no_other_service() {
        for (package, used) in
            [("environment", "contracts"), ("learner", "contracts"), ("ingest", "trainer"), ("domain", "event-log")]
        {
            assert_eq!(breaches_of(package, used, false).len(), 1, "{package} -> {used}");
        }
        for (package, used) in [("learner", "environment"), ("ingest", "domain"), ("patrol", "trainer")] {
            assert!(breaches_of(package, used, false).is_empty(), "{package} -> {used}");
        }
    }

    #[test]
    fn a_heavy_dependency_belongs_to_its_owner_even_in_tests() {
        assert!(breaches_of("read-models", "sqlx", false).is_empty());
        assert_eq!(breaches_of("projector", "sqlx", true).len(), 1);
        assert_eq!(breaches_of("trainer", "dfdx", false).len(), 1);
    }

    #[test]
    fn real_servers_are_for_tests_only() {
        assert!(breaches_of("event-log", "test-support", true).is_empty());
        assert_eq!(breaches_of("event-log", "test-support", false).len(), 1);
    }

    #[test]
    fn a_new_crate_must_be_placed() {
        assert_eq!(breaches_of("novelty", "serde", false).len(), 1);
    }
}
