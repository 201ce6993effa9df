"""Charts that a notebook shows by itself: anything with `_repr_svg_` is drawn, no package needed."""

from html import escape

COLOURS = ["#1b6ca8", "#d1495b", "#66a182", "#edae49", "#6c4f77", "#3c3c3c"]


class Lines:
    """Lines over a common x axis; `series` is {name: [(x, y), …]}, `levels` {name: y} are dashed."""

    def __init__(self, series, levels=None, x="", y="", size=(640, 300)):
        self.series, self.levels, self.x, self.y, self.size = series, levels or {}, x, y, size

    def _repr_svg_(self):
        (width, height), margin = self.size, 46
        points = [point for line in self.series.values() for point in line]
        xs, ys = [x for x, _ in points], [y for _, y in points] + list(self.levels.values())
        left, right, low, high = min(xs), max(xs), min(ys), max(ys)

        def place(x, y):
            across = (x - left) / ((right - left) or 1) * (width - 4 * margin) + margin
            return across, height - margin - (y - low) / ((high - low) or 1) * (height - 2 * margin)

        def text(x, y, words, colour="#333"):
            return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}">{escape(str(words))}</text>'

        parts = [text(margin, height - 12, f"{self.x}: {left:,} to {right:,}"), text(4, 16, self.y)]
        parts += [text(4, place(left, value)[1], f"{value:.3g}") for value in {low, high}]
        for index, (name, line) in enumerate(self.series.items()):
            colour = COLOURS[index % len(COLOURS)]
            path = " ".join("{:.1f},{:.1f}".format(*place(*point)) for point in line)
            parts += [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>']
            parts += [text(width - 3 * margin + 6, place(*line[-1])[1], name, colour)]
        for name, level in self.levels.items():
            (x, y), end = place(left, level), width - 3 * margin
            parts += [f'<line x1="{x}" x2="{end}" y1="{y:.1f}" y2="{y:.1f}" stroke="#999" stroke-dasharray="4"/>']
            parts += [text(end + 6, y, name, "#777")]
        return svg(width, height, parts)


class Grid:
    """A grid of values from 0 (white) to 1 (red); `None` is an obstacle."""

    def __init__(self, rows, cell=14):
        self.rows, self.cell = rows, cell

    def _repr_svg_(self):
        parts = [
            f'<rect x="{x * self.cell}" y="{y * self.cell}" width="{self.cell}" height="{self.cell}" '
            f'fill="{"#333" if value is None else f"rgb(255,{round(255 * (1 - value))},{round(255 * (1 - value))})"}"/>'
            for y, row in enumerate(self.rows)
            for x, value in enumerate(row)
        ]
        return svg(len(self.rows[0]) * self.cell, len(self.rows) * self.cell, parts)


def svg(width, height, parts):
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
        f'font-size="11">{"".join(parts)}</svg>'
    )
