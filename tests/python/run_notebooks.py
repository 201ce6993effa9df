"""Runs every cell of every notebook, as Jupyter would: in order, in the notebooks' folder, in one namespace each.

    python3 tests/python/run_notebooks.py

Fails at the first cell that does. A last expression that draws itself is drawn. Prints a line per notebook.
"""

import ast
import json
import os
import sys
import xml.etree.ElementTree
from pathlib import Path

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def run_cell(source: str, name: str, namespace: dict) -> object:
    """Executes a cell; the value of its last line if that is an expression."""
    tree = ast.parse(source, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), namespace)
    return eval(compile(ast.Expression(last.value), name, "eval"), namespace) if last else None


def run(path: Path) -> str:
    """Runs a notebook; what it came to."""
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    assert cells, f"{path.name} has no code"
    assert not any(cell["outputs"] for cell in cells), f"{path.name} is committed with outputs: clear them"
    namespace, drawings = {"__name__": "__main__"}, 0
    for number, cell in enumerate(cells):
        shown = run_cell("".join(cell["source"]), f"{path.name}, cell {number}", namespace)
        if hasattr(shown, "_repr_svg_"):
            drawings += len(xml.etree.ElementTree.fromstring(shown._repr_svg_())) > 0
    return f"{path.name}: {len(cells)} cells, {drawings} drawings"


def main() -> None:
    os.chdir(NOTEBOOKS)
    sys.path.insert(0, str(NOTEBOOKS))
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        print(run(path))


if __name__ == "__main__":
    main()
