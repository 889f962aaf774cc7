"""The head alone as a tier of its own: who is asked, who passes, and what is caught."""
import pathlib
import sys

import numpy as np
import pytest

from npadasoft.conformance import command
from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge import echo, machine
from npadasoft.conformance.judge.plan import asked_of, is_linear
from npadasoft.conformance.judge.session import Session
from npadasoft.conformance.judge.verdict import Result, exit_status
from npadasoft.conformance.ports import load
from npadasoft.conformance.ports.linear import Ours
from npadasoft.conformance.wire.messages import LINEAR, OPS, PortInfo

CASES = vectors_io.load()
HEAD = [case for case in CASES if is_linear(case)]
PORTS = pathlib.Path(__file__).parent.parent / "ports"


@pytest.mark.parametrize("id", ["L09", "X09", "R01", "A06"])
def test_a_chosen_case_that_fails_is_told_in_the_status_whatever_its_tier(id):
    case, = vectors_io.select(vectors_io.load(), [id])
    for verdict, status in ("fail", 1), ("pass", 0), ("skipped", 3):
        assert exit_status([Result(case, "float64", verdict)]) == status
    other, = vectors_io.select(vectors_io.load(), ["T03"])
    assert exit_status([Result(case, "float64", "fail"), Result(other, "float64")]) == 0


def test_only_a_port_that_announces_it_is_asked_for_the_head_alone():
    def ids(*ops):
        return {case["id"] for case in asked_of(CASES, PortInfo("any", ops=ops))}
    alone = {case["id"] for case in HEAD}
    assert alone == {case["id"] for case in CASES if case["id"].startswith("L")}
    assert ids(*LINEAR) == alone and not ids(*OPS) & alone
    assert ids(*OPS, *LINEAR) == {case["id"] for case in CASES}


@pytest.mark.parametrize("name", ["linear-ours", "linear-ours-blocks"])
def test_ours_passes_whole_and_in_the_smallest_blocks(name):
    port = load(name)
    results = Session(port, CASES).run(("float64", "float32", "float16"))
    assert {r.verdict for r in results} == {"pass"} and exit_status(results) == 0
    assert len(results) > 2 * len(HEAD)


@pytest.mark.parametrize("name", ["linear-torch", "linear-torch-fused", "linear-torch-chunked"])
def test_torch_passes_all_of_the_tier_and_no_confident_row(name):
    pytest.importorskip("torch")
    results = Session(load(name), HEAD).run(("float64", "float32"))
    wrong = {r.id for r in results if r.verdict != "pass"}
    assert wrong == {"L20", "L21"} | ({"L22"} if name.endswith("chunked") else set())


class Wrong(Ours):
    """Ours, with one mistake."""

    mistake = ""

    def build(self, config, params, dtype):
        if self.mistake == "no bias":
            params = {n: a * (n != "head.bias") for n, a in params.items()}
        if self.mistake == "smoothing":
            e, C = config.get("label_smoothing", 0.0), config["n_classes"]
            config = config | {"label_smoothing": e * C / (C - 1) if C > 1 else e}
        self.C = config["n_classes"]
        return super().build(config, params, dtype)

    def linear(self, layer, input, target, want):
        if self.mistake == "targets":
            target = np.where(target < 0, target, target % self.C)
        found = super().linear(layer, input, target, want)
        if self.mistake == "padding" and layer.reduction == "mean" and len(target):
            kept = (target != layer.ignore_index).sum()
            found["loss"] = found["loss"] * kept / len(target)
        if self.mistake == "negative":
            found["loss"] = -found["loss"]
        return found

    def linear_backward(self, *args):
        found = super().linear_backward(*args)
        if self.mistake == "bias gradient":
            found["grad.head.bias"] = found["grad.head.bias"][::-1] if \
                "grad.head.bias" in found else None
        return {n: a for n, a in found.items() if a is not None}


@pytest.mark.parametrize("mistake, ids", [
    ("no bias", {"L01", "L15"}), ("padding", {"L05", "L09"}), ("smoothing", {"L08", "L09"}),
    ("targets", {"L18"}), ("negative", {"L01", "L13"}), ("bias gradient", {"L01", "L15"})])
def test_a_mistake_in_the_head_alone_is_caught(mistake, ids):
    port = Wrong()
    port.mistake = mistake
    results = Session(port, HEAD).run(("float64",))
    assert ids <= {r.id for r in results if r.verdict == "fail"}
    assert exit_status(results) == 1


def test_the_command_counts_the_cases_that_are_asked_and_refuses_what_asks_nothing(capsys):
    assert command.conform(["--port", "linear-ours", "--dtype", "float64"]) == 0
    out = capsys.readouterr().out
    assert f"{len(HEAD)} cases in float64" in out and "every required case passed" in out
    assert command.conform(["--port", "ours", "--tier", "linear"]) == 2
    assert "announces no operation that these cases ask for" in capsys.readouterr().err


HEAD_PORT = """
import sys
sys.path.insert(0, {folder!r})
import numpy as np
import plain_python as port
from npadasoft.conformance.ports.linear import Ours

def array(t):
    return np.array([float(v) for v in t["data"]]).reshape(t["shape"])

def run(message):
    ours, params = Ours(), dict((n, array(t)) for n, t in message["params"].items())
    layer = ours.build(message["config"], params, "float64")
    x, y = array(message["inputs"]["input"]), array(message["inputs"]["target"]).astype(int)
    try:
        if message["op"] == "linear":
            found = ours.linear(layer, x, y, ())
        else:
            cotangents = dict((n, array(t)) for n, t in message["cotangents"].items())
            found = ours.linear_backward(layer, x, y, cotangents, ())
    except ValueError as error:
        raise port.Refused(ours.error_kind(error), str(error))
    if {wrong} and "grad.head.bias" in found:
        found["grad.head.bias"] = found["grad.head.bias"] * 0
    return {{"results": dict((n, port.tensor(np.asarray(a).tolist(), np.shape(a)))
                            for n, a in found.items())}}

port.OPS, port.TRACE, port.run = ["linear", "linear_backward"], [], run
port.main()
"""


@pytest.mark.parametrize("wrong, status", [(False, 0), (True, 1)])
def test_the_tier_decides_for_a_command_port_too_whose_numbers_are_asked_first(
        capsys, tmp_path, wrong, status):
    (tmp_path / "port.py").write_text(HEAD_PORT.format(folder=str(PORTS), wrong=wrong))
    argv = ["--badge", str(tmp_path / "badge.svg"), "--", sys.executable,
            str(tmp_path / "port.py")]
    assert command.conform(argv) == status
    last = capsys.readouterr().out.rstrip().splitlines()[-1]
    assert last.startswith("NOT conformant" if wrong else "every required case passed")
    assert "of tier linear" not in last
    passed = 4 + 1 if wrong else 19 + 1         # one is how it reads numbers
    assert f"{passed} of 20 required cases" in (tmp_path / "badge.svg").read_text()


def test_the_tier_decides_for_a_port_in_this_process_and_so_do_its_numbers():
    wrong = Wrong()
    wrong.mistake = "bias gradient"
    results = Session(wrong, HEAD).run(("float64",))
    read = Result(echo.CASE, "float64")
    assert exit_status(results) == exit_status([read, *results]) == 1
    right = Session(Ours(), HEAD).run(("float64",))
    assert exit_status(right) == exit_status([read, *right]) == 0
    assert exit_status([Result(echo.CASE, "float64", "fail"), *right]) == 1


def test_failures_of_the_head_count_for_other_programs_where_the_tier_decides():
    wrong = Wrong()
    wrong.mistake = "bias gradient"
    results = Session(wrong, HEAD).run(("float64",))

    def failures(results):
        return [int(suite.get("failures")) for suite in machine.as_junit(
            results, wrong.info).getroot() if suite.get("name") == "linear.float64"]
    assert failures(results)[0] > 0
    layer = Session(load("ours"), vectors_io.select(CASES, ["T03"])).run(("float64",))
    assert failures([*layer, *results]) == [0] and exit_status([*layer, *results]) == 0


def test_a_row_of_the_table_has_the_tier():
    from npadasoft.conformance.ports import table
    row = table.record("linear-ours")
    assert row["counts"]["linear"]["float64"] == {"pass": 19} and not row["wrong"]
    assert "19/19 19/19" in table.lines({"linear-ours": row})[4]
