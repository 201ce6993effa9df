"""Draws figures.json as SVG files beside it. The same figures give the same bytes.

    PYTHONPATH=var/tools/plots python3 docs/plots/draw.py
"""

import json
from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update(
    {
        "svg.hashsalt": "patrol",
        "svg.fonttype": "none",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.alpha": 0.25,
        "legend.frameon": False,
    }
)

import matplotlib.pyplot as plt  # noqa: E402: after the choice of what draws

HERE = Path(__file__).parent
COLOURS = ["#1b6ca8", "#d1495b", "#66a182", "#edae49", "#6c4f77", "#3c3c3c"]
# Of the scripted agents those that a learned policy is measured by.
REFERENCES = {"tour": "-", "greedy": "--", "random_walk": ":"}


def save(figure, name):
    figure.savefig(HERE / f"{name}.svg", metadata={"Date": None}, bbox_inches="tight")
    plt.close(figure)


def band(axes, curve, colour, label):
    steps, mean, low, high = zip(*curve["evaluations"])
    axes.plot(steps, mean, color=colour, label=label, linewidth=1.3)
    axes.fill_between(steps, low, high, color=colour, alpha=0.2, linewidth=0)


def learning_curves(figures):
    names = ["one robot", "four robots"]
    figure, panels = plt.subplots(1, 2, figsize=(8.4, 3.1))
    for axes, name in zip(panels, names):
        for index, curve in enumerate(figures["curves"][name]):
            band(axes, curve, COLOURS[index], f"policy, seed {curve['seed']}")
        for agent, style in REFERENCES.items():
            threat = figures["agents"][name][agent]
            axes.axhline(threat, color=COLOURS[5], linestyle=style, linewidth=0.9, label=f"{agent.replace('_', ' ')} {threat:.3f}")
        # A random walk is far above everything else.
        evaluated = [point for curve in figures["curves"][name] for point in curve["evaluations"]]
        axes.set_ylim(0.9 * min(min(point[2] for point in evaluated), *figures["agents"][name].values()), 1.05 * max(point[3] for point in evaluated))
        axes.set_title(name)
        axes.set_xlabel("environment steps")
        axes.legend(fontsize=7)
    panels[0].set_ylabel("mean threat on held-out maps")
    save(figure, "learning-curves")


def ablation(figures):
    """Four robots, the same number of steps: with and without sight of the tour, paid for growth or for all threat."""
    figure, (threats, returns) = plt.subplots(1, 2, figsize=(8.4, 3.1))
    seen = {}
    for curve in figures["curves"]["ablation"]:
        paid, prior = curve["settings"]["config.patrol_reward"], curve["settings"]["config.tour_prior"]
        label = ("sees the tour" if prior else "does not see the tour") + f", paid for {paid}"
        colour = seen.setdefault(label, COLOURS[len(seen)])
        first = curve["seed"] == 1
        band(threats, curve, colour, label if first else None)
        returns.plot(*zip(*curve["returns"]), color=colour, linewidth=1)
    threats.set_ylabel("mean threat on held-out maps")
    returns.set_ylabel("mean return in training")
    for axes in (threats, returns):
        axes.set_xlabel("environment steps")
    threats.legend(fontsize=6, loc="center right")
    save(figure, "ablation")


def trajectories(figures):
    names = list(figures["paths"])
    figure, panels = plt.subplots(len(names), 2, figsize=(7.2, 3.7 * len(names)), squeeze=False)
    for row, name in zip(panels, names):
        for axes, who in zip(row, ("policy", "tour")):
            world, steps = figures["paths"][name][who], figures["paths"][name]["steps"]
            image = axes.imshow(world["threat"], cmap="Reds", vmin=0, vmax=1, interpolation="none")
            for y, line in enumerate(world["obstacles"]):
                for x in (x for x, cell in enumerate(line) if cell):
                    axes.add_patch(plt.Rectangle((x - 0.5, y - 0.5), 1, 1, color="#444"))
            for index, robot in enumerate(world["robots"]):
                xs, ys = zip(*robot)
                axes.plot(xs, ys, color=COLOURS[index], linewidth=1, alpha=0.8)
                axes.plot(xs[-1], ys[-1], "o", color=COLOURS[index], markersize=4)
            for x, y in world["stations"]:
                axes.plot(x, y, "s", color="#222", markersize=4, fillstyle="none")
            axes.set_title(f"{who}, {name}, {steps} steps", fontsize=9)
            axes.set(xticks=[], yticks=[])
            axes.grid(False)
    figure.colorbar(image, ax=panels, shrink=0.5, label="threat after these steps")
    save(figure, "trajectories")


def main():
    figures = json.loads((HERE / "figures.json").read_text())
    learning_curves(figures)
    ablation(figures)
    trajectories(figures)
    for path in sorted(HERE.glob("*.svg")):
        print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
