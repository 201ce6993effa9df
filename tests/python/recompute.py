"""Recomputes threat and reward of archived episodes without the simulator, and compares them with what was recorded.

    python3 tests/python/recompute.py ARCHIVE RUN_ID [BATTERY_DRAIN_RATE]

Reads the Parquet files below ARCHIVE (the folder `trajectories` of the object store) with pyarrow. Uses only `episodes`,
`maps`, `world_events` and the actions in `steps`: what docs/trajectories.md promises to be enough. Covers the standard reward
with its defaults. Older archives do not say how fast batteries ran down, so it has to be given for them. Prints what was
compared; exits with 1 at the first difference.
"""

import sys
from pathlib import Path

import pyarrow.parquet as pq

CARDINALS = [(0, -1), (1, 0), (0, 1), (-1, 0)]
FORWARD, TURN_LEFT, TURN_RIGHT, PATROL = range(4)


def recompute(width, height, walls, stations, actions, events, drain, threat):
    """Yields (mean threat, team reward ÷ robots) after each step; `actions[step][robot]`, `events[step]` of world events.

    `threat` holds hundredths by free cell (x, y) and is changed in place.
    """
    cells = [(x, y) for y in range(height) for x in range(width) if (x, y) not in walls]
    threat.update(dict.fromkeys(cells, 0))
    cleared_at, objects = dict.fromkeys(cells, 0), {}
    robots = [{"cell": station, "heading": 0, "battery": 100.0} for station in stations]
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
        stopped = {e["robot"] for e in happened if e["kind"] == "blocked_by_robot"}
        reward -= 0.5 * len(stopped)
        for index, (robot, action) in enumerate(zip(robots, team)):
            if alive[index] and action == FORWARD:
                reward -= 0.1
                ahead = tuple(a + b for a, b in zip(robot["cell"], CARDINALS[robot["heading"]]))
                if ahead in threat and index not in stopped:
                    robot["cell"] = ahead
        for e in (e for e in happened if e["kind"] == "object_removed"):
            age = now - objects.pop((e["x"], e["y"]))
            reward += next(pay for oldest, pay in [(5, 20), (10, 15), (20, 10), (50, 5), (now, 2)] if age <= oldest)
        for robot, up, action in zip(robots, alive, team):
            if up and action in (TURN_LEFT, TURN_RIGHT):
                reward -= 0.05
                robot["heading"] = (robot["heading"] + (1 if action == TURN_RIGHT else 3)) % 4
        for robot, up, action in zip(robots, alive, team):
            if up and action == PATROL and (robot["battery"] == 100 or robot["cell"] not in stations):
                for cell in cells:
                    if max(abs(cell[0] - robot["cell"][0]), abs(cell[1] - robot["cell"][1])) <= 2:
                        reward += 10 * min(threat[cell], now - cleared_at[cell]) / 100
                        threat[cell], cleared_at[cell] = 0, now
        mean = sum(threat.values()) / len(cells) / 100
        reward += sum(battery_terms(robot, stations, width + height, mean) for robot in robots)
        yield mean, reward / len(robots)


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


def played(episode, grid, steps, events, drain, threat):
    """Plays an archived episode: its row, the row of its map, and its rows of `steps` and `world_events` by step."""
    width, bits, pairs = grid["width"], grid["obstacles"], grid["stations"]
    walls = {(i % width, i // width) for i in range(width * grid["height"]) if bits[i // 8] >> i % 8 & 1}
    stations = list(zip(pairs[::2], pairs[1::2]))
    rows = [sorted(steps[step], key=lambda row: row["robot"]) for step in range(episode["length"])]
    actions = [[row["action"] for row in team] for team in rows]
    happened = [events.get(step, []) for step in range(episode["length"])]
    return recompute(width, grid["height"], walls, stations, actions, happened, drain, threat)


def compare(archive, run, split, drain):
    """Compares every complete episode of a split; how many steps that were."""
    steps, events = (by_episode(table(archive, name, run, split)) for name in ("steps", "world_events"))
    maps, compared = {row["map_hash"]: row for row in table(archive, "maps", run, split)}, 0
    for episode in table(archive, "episodes", run, split):
        index, length = episode["episode_index"], episode["length"]
        grid, happened = maps[episode["map_hash"]], events.get(index, {})
        recorded = episode.get("battery_drain_rate")
        replayed = list(played(episode, grid, steps[index], happened, drain if recorded is None else recorded, {}))
        for step, (mean, reward) in enumerate(replayed):
            seen = steps[index][step][0]["team_mean_threat"], steps[index][step][0]["reward"]
            if abs(seen[0] - mean) > 1e-6 or abs(seen[1] - reward) > 1e-4:
                sys.exit(f"{split} episode {index}, step {step}: recorded {seen}, recomputed {(mean, reward)}")
        average = sum(mean for mean, _ in replayed) / length
        if len(replayed) != length or abs(average - episode["mean_threat"]) > 1e-9:
            sys.exit(f"{split} episode {index}: recorded mean threat {episode['mean_threat']}, recomputed {average}")
        compared += length
    return compared


def main(archive, run, drain=0.001):
    for split in ("train", "eval", "baseline"):
        print(f"{split}: {compare(archive, run, split, float(drain))} steps are as recorded")


if __name__ == "__main__":
    main(*sys.argv[1:])
