"""Run notebooks anew and write them with their outputs.

    python notebooks/build.py                       all of them, in place
    python notebooks/build.py notebooks/02_forward_by_hand.ipynb
    python notebooks/build.py drafts/08_new.py      from a script in jupytext's percent format
    python notebooks/build.py exercises             the exercises, from their stubs, not run

What identifies a run or a machine (cell ids, times, the version of Python) is left out, so that a
notebook whose code and numbers stay the same stays the same file.
"""
import hashlib
import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent


def code_of(notebook):
    """The source of its code cells."""
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def digest(notebook):
    """What the outputs belong to: a hash of the code."""
    return hashlib.sha256("\n\n".join(code_of(notebook)).encode()).hexdigest()[:16]


def execute(notebook):
    """Run all cells in a fresh kernel, in the folder of the notebooks."""
    os.environ.pop("MPLBACKEND", None)              # the kernel draws into the notebook
    client = NotebookClient(notebook, timeout=120, kernel_name="python3",
                            resources={"metadata": {"path": str(HERE)}})
    client.execute()
    return notebook


def clean(notebook):
    """Leave out what differs between two runs of the same code."""
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
        cell.metadata.clear()
    notebook.metadata["language_info"] = {"name": "python"}
    notebook.metadata["kernelspec"] = {"name": "python3", "language": "python",
                                       "display_name": "Python 3"}
    notebook.metadata.pop("jupytext", None)
    notebook.metadata["npadasoft"]["code"] = digest(notebook)
    return notebook


def read(path):
    """A notebook, or a script in percent format as one."""
    if path.suffix == ".py":
        import jupytext
        return jupytext.read(path)
    return nbformat.read(path, as_version=4)


EXERCISES = """# The layer, by your own hands

Fifteen functions, from where a class lives to a training step in 256 kB: the exercises of
`npadasoft exercises`, with the same checks. Fill in a body, run its cell, then the check below it.
A check names the element that is wrong, and the mistake if it is a known one. Each exercise may use
the functions of those before it; `check(forward, with_ours=True)` uses ours of these instead.
`hint(forward)` helps, `hint(forward, 3)` tells it plainly, `solution(forward)` shows ours."""


def exercises():
    """The notebook of the exercises: each stub and its check, without outputs."""
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    from npadasoft.exercises import EXERCISES as GIVEN
    from npadasoft.exercises import command
    cells = [new_markdown_cell(EXERCISES), new_code_cell(
        "import numpy as np\n\nfrom npadasoft.exercises.notebook import check, hint, solution")]
    for number, exercise in enumerate(GIVEN, start=1):
        _, contract, body = command.stub(exercise).split('"""', 2)
        title, _, rest = contract.strip().partition("\n")
        body = "\n".join(line for line in body.strip().splitlines()
                         if not line.startswith(("import ", "from ")))
        cells += [new_markdown_cell(f"## {number}. {title.rstrip('.')}\n{rest}".rstrip()),
                  new_code_cell(body.strip()), new_code_cell(f"check({', '.join(exercise.ours)})")]
    return clean(new_notebook(cells=cells, metadata={"npadasoft": {}}))


def main(names):
    if names == ["exercises"]:
        nbformat.write(exercises(), HERE / "exercises.ipynb")
        return
    for path in [Path(name) for name in names] or sorted(HERE.glob("[0-9]*.ipynb")):
        begin = time.perf_counter()
        notebook = clean(execute(read(path)))
        notebook.nbformat, notebook.nbformat_minor = 4, 5
        nbformat.write(notebook, HERE / f"{path.stem}.ipynb")
        print(f"{path.stem}: {time.perf_counter() - begin:.1f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
