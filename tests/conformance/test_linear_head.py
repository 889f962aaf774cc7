"""The head alone as a tier of its own: who is asked, who passes, and what is caught."""
import numpy as np
import pytest

from npadasoft.conformance import command
from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge.plan import asked_of, is_linear
from npadasoft.conformance.judge.session import Session
from npadasoft.conformance.judge.verdict import exit_status
from npadasoft.conformance.ports import load
from npadasoft.conformance.ports.linear import Ours
from npadasoft.conformance.wire.messages import LINEAR, OPS, PortInfo

CASES = vectors_io.load()
HEAD = [case for case in CASES if is_linear(case)]


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


def test_a_row_of_the_table_has_the_tier():
    from npadasoft.conformance.ports import table
    row = table.record("linear-ours")
    assert row["counts"]["linear"]["float64"] == {"pass": 19} and not row["wrong"]
    assert "19/19 19/19" in table.lines({"linear-ours": row})[4]
