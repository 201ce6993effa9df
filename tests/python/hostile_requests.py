"""Requests that nobody would send on purpose: Schemathesis makes them from the gateway's own OpenAPI document.

    python3 tests/python/hostile_requests.py http://127.0.0.1:8000 [--examples 12] [--only /api/v1/training/list]

Boundary values of every field, wrong types, missing and surplus fields, unknown methods, random texts, and sequences of
requests in which one uses what another made. Always the same ones. Every answer must come in time, be no 5xx, and have a
status, content type, headers and body that the document describes. Half of the requests name a session, file, command or
world that exists.
"""

import argparse
import os
import sys
import tempfile
import uuid
from pathlib import Path

import httpx

# Of Schemathesis's checks. Without a token there is nothing to ignore, and an answer of 202 may precede its effect.
LEFT_OUT = ["ignored_auth", "object_level_authorization", "use_after_free", "ensure_resource_availability"]
# Seconds. Commands wait five for their outcome; a longer answer is a hang.
ANSWER_WITHIN = 20


def things_that_exist(address: str) -> dict[str, list[int | str]]:
    """For each path parameter some values that lead somewhere."""
    command = str(uuid.UUID(int=0xC0FFEE))
    session = {"name": "asked for by hand", "algorithm": "ppo", "total_timesteps": 1000}
    with httpx.Client(base_url=address, timeout=ANSWER_WITHIN) as client:
        client.post("/api/v1/training/start", json=session, headers={"idempotency-key": command}).raise_for_status()
        sessions = client.get("/api/v1/training/list").raise_for_status().json()["sessions"]
        files = client.get("/api/v1/files/list").raise_for_status().json()["files"]
        world = client.post("/api/v1/environment/sessions", json={"num_robots": 2}).raise_for_status().json()["data"]
    assert files, "the gateway has no file to ask for"
    return {
        "id": [key for session in sessions[:5] for key in (session["id"], session["run_id"])],
        "number": [*range(1, 7), *(file["id"] for file in files[:3])],
        "uuid": [world["session_id"], command],
        "aggregate": ["run", "evaluation", "model"],
        "verb": ["start", "pause", "resume", "stop", "delete", "register"],
    }


def settings(known: dict[str, list[int | str]]) -> str:
    """Schemathesis's configuration file."""
    lines = [
        f"request-timeout = {ANSWER_WITHIN}",
        "[checks]",
        *(f"{check}.enabled = false" for check in LEFT_OUT),
        "[[operations]]",
        # It never ends: a few events, or half a second without one, are enough of it.
        'include-path = "/api/v1/events"',
        "max-stream-events = 3",
        "request-timeout = 0.5",
        "[[operations]]",
        # Only a handshake opens a socket; any other request is told so.
        'include-path-regex = "/ws/training/"',
        'checks.positive_data_acceptance.expected-statuses = ["2xx", "403", "404", "426"]',
        "[[operations]]",
        # Bodies have rules that no schema says: `actions` has as many as the world has robots, a file holds a policy.
        'include-method = "POST"',
        "checks.positive_data_acceptance.enabled = false",
        # A sequence of requests also tries one thing's number as the UUID of another.
        "[phases.stateful]",
        "checks.positive_data_acceptance.enabled = false",
    ]
    for name, values in known.items():
        lines += [f"[dictionaries.{name}]", f"values = {values!r}".replace("'", '"')]
    lines += ["[parameters]"]
    lines += [f'"path.{name}" = {{ dictionary = "{name}", probability = 0.5 }}' for name in known]
    return "\n".join(lines) + "\n"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("address")
    arguments.add_argument("--examples", type=int, default=12, help="random requests per operation")
    arguments.add_argument("--only", help="only this path")
    arguments.add_argument("--report", help="write every exchange to this file, as newline-delimited JSON")
    given = arguments.parse_args()
    known = things_that_exist(given.address)
    with tempfile.TemporaryDirectory() as scratch:
        # It looks for its configuration, and would leave a folder of its own, where it runs.
        os.chdir(scratch)
        Path("schemathesis.toml").write_text(settings(known))
        command = ["run", f"{given.address}/openapi.json", "--continue-on-failure"]
        command += ["--max-examples", str(given.examples), "--seed", "1", "--generation-deterministic", "--no-shrink"]
        # One worker: threads that parse Python at once, as Hypothesis does, now and then break CPython 3.11's parser
        # ("AST constructor recursion depth mismatch").
        command += ["--workers", "1", "--no-color", "--warnings", "off"]
        command += ["--suppress-health-check", "all"]
        if given.only:
            command += ["--include-path", given.only]
        if given.report:
            command += ["--report-ndjson-path", given.report]
        from schemathesis.cli import schemathesis

        sys.exit(schemathesis.main(command, standalone_mode=False))


if __name__ == "__main__":
    main()
