"""Imports what requirements.in names and prints `name version` of each, in the versions that are locked."""

import importlib
import importlib.metadata
import re
from pathlib import Path

HERE = Path(__file__).parent
# The module, where it is not called like its package.
MODULES = {"nats-py": "nats", "pyyaml": "yaml"}

locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (HERE / "requirements.txt").read_text(), re.MULTILINE))
for name in re.findall(r"^[a-z][a-z0-9-]*", (HERE / "requirements.in").read_text(), re.MULTILINE):
    importlib.import_module(MODULES.get(name, name.replace("-", "_")))
    version = importlib.metadata.version(name)
    assert version == locked[name], f"{name} is {version}, locked is {locked[name]}"
    print(name, version)
