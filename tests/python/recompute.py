"""Recomputes threat and reward of archived episodes without the simulator, and compares them with what was recorded.

    python3 tests/python/recompute.py ARCHIVE RUN_ID [BATTERY_DRAIN_RATE]

Reads the Parquet files below ARCHIVE (the folder `trajectories` of the object store) with pyarrow. Uses only `episodes`,
`maps`, `world_events` and the actions in `steps`: what docs/trajectories.md promises to be enough. Older archives do not say
how fast batteries ran down, so it has to be given for them, nor the other settings of their worlds: they are taken for the
defaults. Prints what was compared; exits with 1 at the first difference, and at a setting that it does not know.
"""

import json
import sys
from collections import deque
from pathlib import Path

import pyarrow.parquet as pq

CARDINALS = [(0, -1), (1, 0), (0, 1), (-1, 0)]
FORWARD, TURN_LEFT, TURN_RIGHT, PATROL = range(4)
# What holds where the archive does not say it; the other settings are numbers.
DEFAULTS = {
    "patrol_mode": "on_action", "patrol_radius": "fixed", "patrol_reward": "growth", "strategic_init": False,
    "object_weight": 1.0, "threat_penalty_weight": 0.0, "coverage_weight": 0.0, "exploration_weight": 0.0,
    "diversity_weight": 0.0,
}
CHOICES = {
    "patrol_mode": ["on_action", "every_step"], "patrol_radius": ["fixed", "dynamic"],
    "patrol_reward": ["growth", "threat"], "strategic_init": [False, True],
}


def recompute(width, height, walls, stations, starts, actions, events, drain, world, threat):
    """Yields (mean threat, team reward ÷ robots) after each step; `actions[step][robot]`, `events[step]` of world events.

    `world` holds the settings of `DEFAULTS`; `threat` hundredths by free cell (x, y), and is changed in place.
    """
    cells = [(x, y) for y in range(height) for x in range(width) if (x, y) not in walls]
    threat.update(dict.fromkeys(cells, 0))
    cleared_at, objects = dict.fromkeys(cells, 0), {}
    robots = [{"cell": cell, "heading": 0, "battery": 100.0, "trail": deque(maxlen=10)} for cell in starts]
    visits = {cell: starts.count(cell) for cell in cells}
    for now, (team, happened) in enumerate(zip(actions, events), start=1):
        reward = 0.0
        for robot in robots:
            if robot["battery"] > 0:
                at_home = robot["cell"] in stations
                robot["battery"] = min(100.0, robot["battery"] + 1) if at_home else max(0.0, robot["battery"] - drain)
        alive = [robot["battery"] > 0 for robot in robots]
        if not any(alive):
            yield sum(threat.values()) / len(cells) / 100, -100 / len(robots)
            return
        for cell in cells:
            threat[cell] = min(100, threat[cell] + 1 + 5 * (now - objects.get(cell, now)))
        objects |= {(e["x"], e["y"]): now for e in happened if e["kind"] == "object_spawned"}
        stopped, covered_before = {e["robot"] for e in happened if e["kind"] == "blocked_by_robot"}, covered(cleared_at)
        reward -= 0.5 * len(stopped)
        for index, (robot, action) in enumerate(zip(robots, team)):
            if alive[index] and action == FORWARD:
                reward -= 0.1
                ahead = tuple(a + b for a, b in zip(robot["cell"], CARDINALS[robot["heading"]]))
                robot["moved"] = ahead in threat and index not in stopped
                if robot["moved"]:
                    robot["cell"] = ahead
                    visits[ahead] += 1
            else:
                robot["moved"] = False
        for e in (e for e in happened if e["kind"] == "object_removed"):
            age = now - objects.pop((e["x"], e["y"]))
            pays = [(5, 20), (10, 15), (20, 10), (50, 5), (now, 2)]
            reward += world["object_weight"] * next(pay for oldest, pay in pays if age <= oldest)
        for robot, up, action in zip(robots, alive, team):
            if up and action in (TURN_LEFT, TURN_RIGHT):
                reward -= 0.05
                robot["heading"] = (robot["heading"] + (1 if action == TURN_RIGHT else 3)) % 4
        calm = sum(threat.values()) < 20 * len(cells)
        radius = 3 if world["patrol_radius"] == "dynamic" and calm else 2
        for robot, up, action in zip(robots, alive, team):
            patrols = up and (action == PATROL or world["patrol_mode"] == "every_step")
            if patrols and (robot["battery"] == 100 or robot["cell"] not in stations):
                for cell in cells:
                    if max(abs(cell[0] - robot["cell"][0]), abs(cell[1] - robot["cell"][1])) <= radius:
                        growth = min(threat[cell], now - cleared_at[cell])
                        reward += 10 * (threat[cell] if world["patrol_reward"] == "threat" else growth) / 100
                        threat[cell], cleared_at[cell] = 0, now
        mean = sum(threat.values()) / len(cells) / 100
        reward += sum(battery_terms(robot, stations, width + height, mean) for robot in robots)
        reward -= world["threat_penalty_weight"] * mean
        reward += world["coverage_weight"] * 20 * (covered(cleared_at) - covered_before) / len(cells)
        for robot in (robot for robot, up in zip(robots, alive) if up):
            robot["trail"].append(robot["cell"])
            reward += world["diversity_weight"] * diversity(robot["trail"])
            reward += world["exploration_weight"] * exploration(visits[robot["cell"]]) if robot["moved"] else 0
        yield mean, reward / len(robots)


def covered(cleared_at):
    """Cells that were cleared at least once."""
    return sum(step > 0 for step in cleared_at.values())


def diversity(trail):
    """For the share of distinct cells among a robot's last ten."""
    distinct = len(set(trail)) if len(trail) == 10 else 5
    return 2 if distinct > 8 else 1 if distinct > 6 else -1 if distinct < 3 else 0


def exploration(visits):
    """For entering a cell that robots have now visited so often."""
    return 5 if visits == 1 else 1 / visits if visits <= 3 else -0.5


def battery_terms(robot, stations, side_sum, mean_threat):
    """What a robot's charge costs in this step."""
    battery, (x, y) = robot["battery"], robot["cell"]
    cost = 0.5 * max(0, 20 - battery) / 20 + max(0, 10 - battery) / 10
    if battery < 30:
        cost += 0.2 * min(abs(x - a) + abs(y - b) for a, b in stations) / side_sum * (1 - battery / 30)
    if 0 < battery < 100 and robot["cell"] in stations:
        cost += 0.1 * mean_threat * (0.5 if battery < 30 else 1)
    return -cost


def table(archive, name, run, split):
    """All rows of a table, as dictionaries."""
    files = sorted((Path(archive) / name / f"run_id={run}" / f"split={split}").glob("*.parquet"))
    return [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]


def by_episode(rows):
    """Rows by episode and step."""
    sorted_rows = {}
    for row in rows:
        sorted_rows.setdefault(row["episode_index"], {}).setdefault(row["step"], []).append(row)
    return sorted_rows


def settings(episode):
    """The settings of an archived episode's world; exits where they are none that `recompute` knows."""
    recorded = json.loads(episode.get("world") or "{}")
    for name, value in recorded.items():
        if name not in DEFAULTS or value not in CHOICES.get(name, [value]):
            sys.exit(f"episode {episode['episode_index']}: this script does not know a world with `{name}` = {value!r}")
    return DEFAULTS | recorded


def cells_of(pairs):
    """(x, y) of each two bytes."""
    return list(zip(pairs[::2], pairs[1::2]))


def played(episode, grid, steps, events, drain, threat):
    """Plays an archived episode: its row, the row of its map, and its rows of `steps` and `world_events` by step."""
    width, bits, stations = grid["width"], grid["obstacles"], cells_of(grid["stations"])
    walls = {(i % width, i // width) for i in range(width * grid["height"]) if bits[i // 8] >> i % 8 & 1}
    starts, world = cells_of(episode.get("starts") or grid["stations"]), settings(episode)
    rows = [sorted(steps[step], key=lambda row: row["robot"]) for step in range(episode["length"])]
    actions = [[row["action"] for row in team] for team in rows]
    happened = [events.get(step, []) for step in range(episode["length"])]
    return recompute(width, grid["height"], walls, stations, starts, actions, happened, drain, world, threat)


def is_full(episode, steps):
    """Whether the episode was recorded in full: without its world events it can only be simulated again."""
    rows = [steps.get(step, [{}])[0] for step in range(episode["length"])]
    return all(row.get("reward") is not None for row in rows)


def compare(archive, run, split, drain):
    """Compares every episode of a split that was recorded in full; how many steps that were, and episodes left out."""
    steps, events = (by_episode(table(archive, name, run, split)) for name in ("steps", "world_events"))
    maps = {row["map_hash"]: row for row in table(archive, "maps", run, split)}
    compared, left_out = 0, 0
    for episode in table(archive, "episodes", run, split):
        index, length = episode["episode_index"], episode["length"]
        if not is_full(episode, steps.get(index, {})):
            left_out += 1
            continue
        grid, happened = maps[episode["map_hash"]], events.get(index, {})
        recorded = episode.get("battery_drain_rate")
        replayed = list(played(episode, grid, steps[index], happened, drain if recorded is None else recorded, {}))
        for step, (mean, reward) in enumerate(replayed):
            seen = steps[index][step][0]["team_mean_threat"], steps[index][step][0]["reward"]
            if abs(seen[0] - mean) > 1e-6 or abs(seen[1] - reward) > 1e-4:
                guessed = "" if episode.get("world") else " by the default settings: the file does not say its world's"
                found = f"recorded {seen}, recomputed {(mean, reward)}{guessed}"
                sys.exit(f"{split} episode {index}, step {step}: {found}")
        average = sum(mean for mean, _ in replayed) / length
        if len(replayed) != length or abs(average - episode["mean_threat"]) > 1e-9:
            sys.exit(f"{split} episode {index}: recorded mean threat {episode['mean_threat']}, recomputed {average}")
        compared += length
    return compared, left_out


def main(archive, run, drain=0.001):
    for split in ("train", "eval", "baseline"):
        compared, left_out = compare(archive, run, split, float(drain))
        others = f"; {left_out} episodes were not recorded in full" if left_out else ""
        print(f"{split}: {compared} steps are as recorded{others}")


if __name__ == "__main__":
    main(*sys.argv[1:])
