"""Run a notebook's code cells in one namespace by a Python of its own, without Jupyter, and read back what it shows."""

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def outputs_of(notebook):
    """Stored outputs of the code cells."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [output for cell in cells if cell["cell_type"] == "code" for output in cell["outputs"]]


def run_notebook(notebook, numbers, folder, *, warnings="error"):
    """Execute in an empty folder; what was shown, and `numbers`: expressions in the notebook's namespace by name."""
    command = [sys.executable, "-W", warnings, str(Path(__file__).resolve()), str(notebook.resolve())]
    done = subprocess.run([*command, json.dumps(numbers)], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert not list(folder.iterdir()), "the notebook left files behind"
    return json.loads(done.stdout.splitlines()[-1])


def execute(path, numbers):
    """Run a notebook's code cells; print what they display and the `numbers` they leave, as JSON."""
    shown = {"markdown": [], "png": 0}

    def display(what):
        if hasattr(what, "text"):
            shown["markdown"].append(what.text)
        else:
            assert what.data.startswith(b"\x89PNG"), "a figure is not a PNG"
            shown["png"] += 1

    stand_in = ModuleType("IPython.display")
    stand_in.display = display
    stand_in.Markdown = lambda text: SimpleNamespace(text=text)
    stand_in.Image = lambda data, width: SimpleNamespace(data=data, width=width)
    sys.modules["IPython.display"] = stand_in
    space = {"__name__": "__main__"}
    for i, cell in enumerate(json.loads(Path(path).read_text(encoding="utf-8"))["cells"]):
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{Path(path).name}, cell {i}", "exec"), space)
    found = {name: eval(expression, space) for name, expression in numbers.items()}
    print(json.dumps({**shown, "numbers": found}))


if __name__ == "__main__":
    execute(sys.argv[1], json.loads(sys.argv[2]))
