"""Every notebook does what it claims, and would say so if it did not.

The code of each is run anew, and once more with one line changed for the worse: the line that its
metadata names.  Then the claim at its end must fail.  Plots are checked for labels as they are
shown.
"""
import importlib.util
import json
import re
import runpy
import warnings
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbclient")
threadpoolctl = pytest.importorskip("threadpoolctl")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (after the choice of what draws)

FOLDER = Path(__file__).parents[2] / "notebooks"
NAMES = sorted(path.name for path in FOLDER.glob("[0-9]*.ipynb"))
# a path of the machine that ran it; a host; a report of a failure
PRIVATE = re.compile(r"/(home|tmp|work|root|Users)/|Traceback|\bWARNING\b")

spec = importlib.util.spec_from_file_location("notebooks_build", FOLDER / "build.py")
build = importlib.util.module_from_spec(spec)
spec.loader.exec_module(build)


def notebook_of(name):
    return nbformat.read(FOLDER / name, as_version=4)


def run(cells, monkeypatch, shown):
    """Execute code cells in one namespace, in the folder of the notebooks."""
    def show():
        shown.extend(plt.figure(number) for number in plt.get_fignums())
        check_plots()
        plt.close("all")
    monkeypatch.chdir(FOLDER)
    monkeypatch.setattr(plt, "show", show)
    printing = np.get_printoptions()
    namespace = {"__name__": "__main__"}
    try:
        with plt.rc_context(), threadpoolctl.threadpool_limits(1):      # steady beside other work
            for number, source in enumerate(cells):
                exec(compile(source, f"cell {number}", "exec"), namespace)
    finally:
        np.set_printoptions(**printing)
        plt.close("all")


def check_plots():
    """Every axis has a label; nothing that is written lies on something else that is."""
    for number in plt.get_fignums():
        figure = plt.figure(number)
        figure.canvas.draw()
        for axes in figure.axes:
            if axes.get_label() == "<colorbar>":
                assert axes.get_ylabel() or axes.get_xlabel()
                continue
            assert axes.get_xlabel() and axes.get_ylabel(), f"an axis without a label: {axes}"
        written = [text.get_window_extent() for axes in figure.axes for text in axes.texts
                   if text.get_text()]
        for i, box in enumerate(written):
            assert not any(box.overlaps(other) for other in written[:i]), "texts overlap"


def test_there_are_eight_notebooks():
    assert [name[:2] for name in NAMES] == ["01", "02", "03", "04", "05", "06", "07", "08"]


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_and_its_claim_holds(name, monkeypatch, capsys):
    shown = []
    run(build.code_of(notebook_of(name)), monkeypatch, shown)
    assert shown


@pytest.mark.parametrize("name", NAMES)
def test_the_claim_fails_when_the_line_it_rests_on_is_changed(name, monkeypatch, capsys):
    notebook = notebook_of(name)
    line, becomes = notebook.metadata.npadasoft.line, notebook.metadata.npadasoft.becomes
    cells = build.code_of(notebook)
    assert sum(source.split("\n").count(line) for source in cells) == 1
    changed = ["\n".join(becomes if each == line else each for each in source.split("\n"))
               for source in cells]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")         # a mistake may divide by zero on its way
        with pytest.raises(AssertionError) as failure:
            run(changed, monkeypatch, [])
    raised_in = [str(entry.path) for entry in failure.traceback]
    assert f"cell {len(cells) - 1}" in " ".join(raised_in), "it failed before its claim"


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_opens_with_one_claim_and_ends_with_an_assert_of_it(name):
    notebook = notebook_of(name)
    assert notebook.cells[0].source.count("**Claim: ") == 1
    assert "\nassert " in "\n" + build.code_of(notebook)[-1]
    headings = [cell.source for cell in notebook.cells if "## The claim" in cell.source]
    assert len(headings) == 1


@pytest.mark.parametrize("name", NAMES)
def test_outputs_belong_to_the_code_they_stand_under(name):
    notebook = notebook_of(name)
    assert notebook.metadata.npadasoft.code == build.digest(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]
    pictures = [o.data["image/png"] for o in outputs if "image/png" in o.get("data", {})]
    assert pictures and max(map(len, pictures)) * 3 / 4 < 100_000       # base64: 4 for 3 bytes


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_says_nothing_of_the_machine_that_ran_it(name):
    text = json.dumps([{**cell, "outputs": [o for o in cell.get("outputs", ())
                                            if "image/png" not in o.get("data", {})]}
                       for cell in notebook_of(name).cells])
    assert not PRIVATE.search(text), PRIVATE.search(text)
    if "econds" in text:
        assert "on the machine that ran this" in text


def test_links_of_notebooks_lead_somewhere():
    for name in NAMES:
        for cell in notebook_of(name).cells:
            if cell.cell_type == "markdown":
                for target in re.findall(r"\]\(([^)\s]+)\)", cell.source):
                    assert (FOLDER / target).exists(), f"{name} points to {target}"


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning",
                            "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_kernel_gives_the_outputs_that_are_committed(monkeypatch):
    committed, anew = notebook_of(NAMES[1]), notebook_of(NAMES[1])
    monkeypatch.setenv("MPLBACKEND", "agg")             # restored afterwards: execute takes it out
    monkeypatch.setenv("PYTHONPATH", str(FOLDER.parent))
    for cell in anew.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    build.clean(build.execute(anew))
    assert build.code_of(anew) == build.code_of(committed)
    assert routing(anew) == routing(committed)


def routing(notebook):
    """The integers of the routing that notebook 2 prints: the same everywhere, to the last one."""
    text = "".join(output.text for cell in notebook.cells for output in cell.get("outputs", ())
                   if output.output_type == "stream")
    return re.findall(r"^(?:target|tail|column) +\[.*$", text, re.M)


def test_every_picture_is_what_the_script_draws():
    pictures = runpy.run_path(str(FOLDER / "figures" / "draw.py"))["PICTURES"]
    assert {path.stem for path in (FOLDER / "figures").glob("*.svg")} == set(pictures)
    for name, draw in pictures.items():
        drawn = draw()
        assert (FOLDER / "figures" / f"{name}.svg").read_text("utf-8") == drawn, name
        ElementTree.fromstring(drawn)
