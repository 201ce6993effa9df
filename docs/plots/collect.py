"""Trains the runs behind the plots of docs/learning.md through the whole pipeline, as any client would, and keeps what the
plots need in figures.json. Everything is a sweep, so a second call goes on where the first one ended.

    python3 docs/plots/collect.py [--quick]

Needs `target/release/patrol`, or what PATROL names; its data are below target/plots.
"""

import json
import os
import platform
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FIGURES = Path(__file__).with_name("figures.json")
DATA = ROOT / "target" / "plots"
PATROL = os.environ.get("PATROL", str(ROOT / "target" / "release" / "patrol"))
START_WITHIN = 120
# A file is written when it is full or old enough.
ARCHIVED_WITHIN = 180

# Name, environment steps, and the arguments that make the difference.
SWEEPS = {
    "one robot": (4_000_000, ["--robots", "1", "--param", "config.checkpoint_every_updates=12"]),
    "four robots": (500_000, ["--robots", "4", "--param", "config.checkpoint_every_updates=4"]),
    "ablation": (
        250_000,
        ["--robots", "4", "--set", "config.checkpoint_every_updates=6"]
        + ["--param", "config.tour_prior=3.0,0.0", "--param", "config.patrol_reward=growth,threat"],
    ),
}
SEEDS = 2
# Steps of an episode that are drawn.
DRAWN = {"one robot": 260, "four robots": 110}


class System:
    """`patrol up` on a data directory of its own."""

    def __enter__(self):
        DATA.mkdir(parents=True, exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        self.variables = {**os.environ, "PATROL_DATA_DIR": str(DATA / "var"), "GATEWAY_BIND": address}
        for name in ("NATS_URL", "DATABASE_URL", "PATROL_STORE_URL"):
            self.variables.pop(name, None)
        self.gateway = f"http://{address}/api/v1"
        with open(DATA / "up.log", "w") as log:
            self.process = subprocess.Popen([PATROL, "up"], env=self.variables, stdout=log, stderr=log, cwd=ROOT)
        deadline = time.monotonic() + START_WITHIN
        while subprocess.run([PATROL, "status"], env=self.variables, capture_output=True, cwd=ROOT).returncode:
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the system does not start: see {DATA / 'up.log'}")
            time.sleep(0.5)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)

    def sweep(self, name, steps, arguments):
        """The runs of a sweep, each with its settings."""
        command = [PATROL, "sweep", f"plots: {name}, {steps} steps", "--json", "--steps", str(steps), "--seeds", str(SEEDS), "--seed", "1"]
        command += ["--set", "config.recording=none", *arguments]
        report = json.loads(subprocess.run(command, env=self.variables, check=True, stdout=subprocess.PIPE, cwd=ROOT).stdout)
        return [(trial["settings"], run) for trial in report["trials"] for run in trial["runs"]]

    def events(self, run):
        """The run's events by kind, oldest first."""
        command = [PATROL, "events", "--json", "--run", run["run_id"]]
        lines = subprocess.run(command, env=self.variables, check=True, capture_output=True, cwd=ROOT).stdout.splitlines()
        kinds = {}
        for event in map(json.loads, lines):
            kinds.setdefault(event["type"].removeprefix("patrol.").removesuffix(".v1"), []).append(event["data"])
        return kinds

    def frames(self, run, split, episode, steps):
        query = f"split={split}&episode={episode}&page_size={steps}"
        deadline = time.monotonic() + ARCHIVED_WITHIN
        while True:
            with urllib.request.urlopen(f"{self.gateway}/playback/{run['number']}/frames?{query}", timeout=60) as answer:
                frames = json.load(answer)["frames"]
            if len(frames) == steps:
                return frames
            if time.monotonic() > deadline:
                sys.exit(f"{split} episode {episode} of run {run['number']} is not in the archive: {len(frames)} frames")
            time.sleep(1)


def rounded(value):
    return None if value is None else round(value, 4)


def curve(settings, run, events):
    """A run's mean threat over its steps: on held-out seeds, and in training."""
    evaluations = sorted(events["evaluation.completed"], key=lambda evaluation: evaluation["timestep"])
    point = lambda it: [it["timestep"], *(rounded(it["sampled"]["mean_threat"][key]) for key in ("mean", "low", "high"))]
    progress = events["training.progressed"]
    step = max(1, len(progress) // 60)
    return {
        "settings": settings,
        "seed": run["seed"],
        "evaluations": [point(evaluation) for evaluation in evaluations],
        "argmax": [rounded(evaluation["argmax"]["mean_threat"]["mean"]) for evaluation in evaluations],
        "returns": [[it["timestep"], rounded(it["mean_return"])] for it in progress[::step] if it["mean_return"] is not None],
    }


def agents(events):
    scores = events["evaluation.baselines_completed"][-1]["agents"]
    return {score["agent"]: rounded(score["mean_threat"]["mean"]) for score in scores}


def path(frames):
    """Where the robots are, step by step, on a map whose threat is that after the last of these steps."""
    first, last = frames[0], frames[-1]
    return {
        "robots": [[[frame["robots"][robot][axis] for axis in "xy"] for frame in frames] for robot in range(len(first["robots"]))],
        "obstacles": [[int(cell) for cell in row] for row in first["obstacles"]["levels"]],
        "stations": [[station["x"], station["y"]] for station in first["charging_stations"]],
        "threat": last["threat_grid"]["levels"],
    }


def paths(system, name, run, events):
    """The first held-out episode, played by the last policy (most probable actions) and by the tour on the same map."""
    checkpoint = max(events["training.checkpoint_created"], key=lambda created: created["update"])
    episodes = events["evaluation.completed"][-1]["protocol"]["episodes"]
    order = [score["agent"] for score in events["evaluation.baselines_completed"][-1]["agents"]]
    # Sampled and arg-max episodes of each update follow one another, and so do those of the scripted agents.
    policy = system.frames(run, "eval", checkpoint["update"] * 2 * episodes + episodes, DRAWN[name])
    tour = system.frames(run, "baseline", order.index("tour") * episodes, DRAWN[name])
    return {"steps": DRAWN[name], "policy": path(policy), "tour": path(tour)}


def main():
    divisor = 20 if "--quick" in sys.argv else 1
    load = os.getloadavg()[2]
    figures = {"curves": {}, "agents": {}, "paths": {}}
    with System() as system:
        for name, (steps, arguments) in SWEEPS.items():
            runs = [(settings, run, system.events(run)) for settings, run in system.sweep(name, steps // divisor, arguments)]
            figures["curves"][name] = [curve(*run) for run in runs]
            figures["agents"][name] = agents(runs[0][2])
            if name in DRAWN:
                # The scripted agents' episodes are archived with the run for which they were played first.
                settings, run, events = min(runs, key=lambda run: run[1]["number"])
                figures["paths"][name] = paths(system, name, run, events)
        version = subprocess.run([PATROL, "--version"], check=True, capture_output=True, text=True).stdout.strip()
    figures["measured"] = {
        "version": version,
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "load": [round(load, 1), round(os.getloadavg()[2], 1)],
        "protocol": "20 held-out episodes of 20x20 random maps, the same for all",
    }
    FIGURES.write_text(json.dumps(figures, separators=(",", ":")) + "\n")
    print(f"{FIGURES.relative_to(ROOT)}: {FIGURES.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
