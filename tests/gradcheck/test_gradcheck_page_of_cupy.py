"""The page's text for CuPy, on a stand-in that is stricter than CuPy: no GPU has run it."""
import re
import sys
from pathlib import Path

import pytest
import strict_cupy

import npadasoft.gradcheck

PAGE = Path(npadasoft.gradcheck.__file__).with_name("README.md")


def run(code, monkeypatch):
    """The names that the page's first text and that for CuPy, `code`, leave."""
    monkeypatch.setitem(sys.modules, "cupy", strict_cupy)
    names = {}
    exec(texts()[0], names)
    exec(code, names)
    return names


def texts():
    return re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.M | re.S)


def cupys():
    return next(code for code in texts() if "import cupy" in code)


def test_it_runs_by_cupys_rules(monkeypatch):
    assert run(cupys(), monkeypatch)["report"].verdict == "PASS"


def test_and_fails_where_the_gradient_is_wrong(monkeypatch):
    wrong = cupys().replace("@ p[\"W\"]) ** 2", "@ p[\"W\"])")
    assert wrong != cupys()
    with pytest.raises(AssertionError, match="FAIL"):
        run(wrong, monkeypatch)
