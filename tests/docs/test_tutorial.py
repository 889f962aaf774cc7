"""From nothing to a passing port, as the page of conformance tells it: three runs of a port."""
import re
import shlex
from pathlib import Path

import pytest
from witnesses import tools

import npadasoft
from npadasoft import cli

PACKAGE, TESTS = Path(npadasoft.__file__).parent, Path(__file__).parents[1]
PAGE = (PACKAGE / "conformance" / "README.md").read_text()
WHOLE = (TESTS / "ports" / "plain_javascript.js").read_text()
TEMPLATE = (PACKAGE / "conformance" / "templates" / "port.js").read_text()
CALL = "npadasoft conform -- node port.js"


def with_(text, **lines):
    """The text of a port with other constants."""
    for name, value in lines.items():
        line = f"const {name} = {value};"
        text, count = re.subn(rf"^const {name} = [^;]*;", line, text, flags=re.M)
        assert count == 1, name
    return text


NAMED = {"NAME": "'my port', VERSION = '0.1'", "TRACE": "['cluster']"}
FORWARD = with_(WHOLE, OPS="['shapes', 'forward']", DTYPES="['float64']", **NAMED)
STAGES = [(TEMPLATE, 3), (FORWARD.replace("c <= y", "c < y"), 1), (with_(WHOLE, **NAMED), 0)]


@pytest.mark.parametrize("stage", range(3), ids=["the template", "forward alone", "all of it"])
def test_a_run_of_the_tutorial_prints_what_the_page_says(stage, tmp_path, capsys, monkeypatch):
    tools("javascript")
    told = re.findall(rf"^\$ {re.escape(CALL)}\n(.*?)^```", PAGE, re.M | re.S)
    text, status = STAGES[stage]
    (tmp_path / "port.js").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert len(told) == 3 and cli.main(shlex.split(CALL)[1:]) == status
    pattern = ".*?".join(map(re.escape, told[stage].strip().split("...")))
    printed = capsys.readouterr().out.strip()
    assert re.fullmatch(pattern, printed, re.S), printed
