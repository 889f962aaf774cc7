"""The rule in ten lines, as conformance/README.md has it in four languages, against the suite's."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from witnesses import tools

from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge.compare import bounds, compare_tensor, values
from npadasoft.conformance.judge.numbers import unit

HERE = Path(__file__).parents[1] / "rule_snippets"
LANGUAGES = {
    "python": [sys.executable, "drive.py"],
    "javascript": ["node", "drive.js"],
    "r": ["Rscript", "drive.R"],
    "cpp": ["g++"],
}


def questions():
    """Tensors with numbers that pass and that do not, and what the suite says of each."""
    asked = []
    for case in vectors_io.select(vectors_io.load(), ["T03", "S02", "X01", "F*"]):
        for name, tensor in case["expected"].items():
            if isinstance(tensor, dict) and tensor.get("data") and len(tensor["data"]) < 60:
                asked += [(tensor, got) for got in variations(tensor)]
    answers = [
        not compare_tensor("x", np.reshape(got, tensor["shape"]), tensor, "float64", 64).differs
        for tensor, got in asked
    ]
    assert 0.3 < np.mean(answers) < 0.8
    return asked, answers


def variations(tensor):
    """As stored; within the bound; beyond it; with a nan; with one number a little off."""
    want = values(tensor).ravel()
    allowed = bounds(tensor, want, "float64", 64)
    yield want
    yield want + 0.9 * allowed
    beyond = want.copy()
    beyond[-1] += 1.5 * allowed[-1] + 4 * unit("float64") * max(abs(want[-1]), 1e-300) + 5e-322
    yield beyond
    with_nan = want.copy()
    with_nan[0] = np.nan
    yield with_nan


def ask(argv, asked):
    def plain(array):
        return [v if np.isfinite(v) else str(v) for v in map(float, array)]

    lines = [json.dumps({"tensor": tensor, "got": plain(got)}) for tensor, got in asked]
    done = subprocess.run(
        argv, cwd=HERE, input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return [line == "true" for line in done.stdout.split()]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_rule_in_ten_lines_agrees_with_the_suite(language, tmp_path):
    tools(language)
    argv = LANGUAGES[language]
    if language == "cpp":
        program = str(tmp_path / "rule")
        subprocess.run(
            ["g++", "-std=c++17", "-O0", "-o", program, "drive.cpp"], cwd=HERE, check=True
        )
        argv = [program]
    asked, answers = questions()
    assert ask(argv, asked) == answers
