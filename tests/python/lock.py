"""Writes requirements.txt from requirements.in: all that is needed, in exact versions, with the hash of every wheel that
one of the supported machines would take. Versions that are already locked stay; `--upgrade` takes the newest.

    python3 tests/python/lock.py [--upgrade] [FOLDER]

The folder is that of this script unless given.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(next((name for name in sys.argv[1:] if not name.startswith("-")), Path(__file__).parent))
WANTED, LOCKED = HERE / "requirements.in", HERE / "requirements.txt"
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
PLATFORMS = ["x86_64", "aarch64"]
# Newest first, as pip prefers them; glibc 2.28 is older than every supported distribution.
GLIBCS = ["manylinux_2_28", "manylinux_2_27", "manylinux_2_26", "manylinux_2_17", "manylinux2014", "manylinux_2_5", "manylinux1"]
HEADER = "# Written by tests/python/lock.py from requirements.in: change that file, not this one.\n"


def resolve(python: str, machine: str, constraints: Path) -> list[tuple[str, str, str]]:
    """What pip would install there: (name, version, sha256) of each wheel. Nothing is installed."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--only-binary=:all:"]
        command += ["--target", scratch, "--python-version", python, "--report", str(report)]
        for glibc in GLIBCS:
            command += ["--platform", f"{glibc}_{machine}"]
        command += ["--requirement", str(WANTED), "--constraint", str(constraints)]
        subprocess.run(command, check=True)
        items = json.loads(report.read_text())["install"]
    return [
        (
            re.sub(r"[-_.]+", "-", item["metadata"]["name"]).lower(),
            item["metadata"]["version"],
            item["download_info"]["archive_info"]["hashes"]["sha256"],
        )
        for item in items
    ]


def main() -> None:
    keep = LOCKED.read_text() if LOCKED.exists() and "--upgrade" not in sys.argv else ""
    versions = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", keep, re.MULTILINE))
    hashes: dict[str, set[str]] = {}
    for python in PYTHONS:
        for machine in PLATFORMS:
            with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
                constraints.write("".join(f"{name}=={version}\n" for name, version in versions.items()))
                constraints.flush()
                for name, version, digest in resolve(python, machine, Path(constraints.name)):
                    assert versions.setdefault(name, version) == version
                    hashes.setdefault(name, set()).add(digest)
            print(f"Python {python} on {machine}: resolved", file=sys.stderr)
    lines = [
        f"{name}=={versions[name]} \\\n" + " \\\n".join(f"    --hash=sha256:{digest}" for digest in sorted(hashes[name]))
        for name in sorted(hashes)
    ]
    LOCKED.write_text(HEADER + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
