"""The judge from end to end: commands, verdicts, exit status, reports, templates, offline."""

import io
import json
import os
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from witnesses import tools

from npadasoft import conformance
from npadasoft.conformance import command, mistakes, ports
from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge.compare import compare_tensor
from npadasoft.conformance.judge.conclusion import conclusion
from npadasoft.conformance.judge.echo import self_test, wrong_echoes
from npadasoft.conformance.judge.numbers import hex_bits, round_to
from npadasoft.conformance.judge.plan import in_order, repeated, representable, requests_of, wanted
from npadasoft.conformance.judge.report import describe, number, row_of
from npadasoft.conformance.judge.session import Session
from npadasoft.conformance.judge.show import show
from npadasoft.conformance.judge.verdict import exit_status, judge
from npadasoft.conformance.ports.base import Port, Refused, Skipped
from npadasoft.conformance.ports.ours import Ours
from npadasoft.conformance.wire.messages import Answer, PortInfo
from npadasoft.conformance.wire.process import Fault

TESTS = Path(__file__).parents[1]
PLAIN = [sys.executable, str(TESTS / "ports" / "plain_python.py")]
CASES = {case["id"]: case for case in vectors_io.load()}


def call(function, *argv):
    """(exit status, stdout, stderr) of a command."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = function(list(argv))
        except SystemExit as stop:
            status = stop.code
    return status, out.getvalue(), err.getvalue()


# ------------------------------------------------------------------ the layer, and PyTorch


def test_the_layer_passes_everything(tmp_path):
    report = tmp_path / "report.json"
    status, out, _ = call(command.conform, "--port", "ours", "--report", str(report))
    found = json.loads(report.read_text())
    assert status == 0 and "every required case passed" in out and 0.2 < found["worst_ratio"] <= 1
    assert {(c["verdict"], *c["notes"]) for c in found["cases"]} == {("pass",)}


def test_pytorch_passes_the_required_tier_and_loses_confident_examples(tmp_path):
    pytest.importorskip("torch")
    report = tmp_path / "report.json"
    status, _, _ = call(command.conform, "--port", "torch", "--quiet", "--report", str(report))
    summary = json.loads(report.read_text())["summary"]
    assert status == 0
    for dtype in ("float64", "float32"):
        assert set(summary["required"][dtype]) == {"pass"}
        assert summary["excellence"][dtype]["fail"] >= 6


def test_a_port_in_this_process_is_found_by_module_and_class(tmp_path, monkeypatch):
    (tmp_path / "my_port.py").write_text(
        "from npadasoft.conformance.ports.ours import Ours\n\n\nclass Mine(Ours):\n    pass\n"
    )
    monkeypatch.chdir(tmp_path)
    assert call(command.conform, "--port", "my_port:Mine", "--only", "T03")[0] == 0


@pytest.mark.parametrize(
    "argv, words",
    [
        (["--port", "mathcad"], "no ready port (ours"),
        (["--port", "no_such_module:Port"], "No module named"),
        (["--port", "json:Port"], "has no attribute"),
        (["--port", "json:loads"], "json:loads cannot be made, TypeError: loads() missing 1"),
        (["--port", "json:JSONDecoder"], "json:JSONDecoder is no port, it has no start, no run"),
        (["--port", "ours", "--", "./port"], "not both"),
        (["--only", "Z99"], "no case fits Z99"),
        (["--dtype", "bfloat16"], "not in bfloat16"),
        (["--timeout", "0"], "seconds in (0, 86400]"),
        (["--expect-fail", "/no/such/file"], "No such file"),
        (["--", "/no/such/port"], "No such file"),
    ],
)
def test_a_wrong_call_is_exit_2_with_a_sentence(argv, words):
    status, _, err = call(command.conform, *argv)
    assert status == 2 and words in err


def test_a_class_that_fails_is_told_the_line(tmp_path, monkeypatch):
    (tmp_path / "failing_port.py").write_text("class Mine:\n    def __init__(self):\n"
                                              "        1 / 0\n")
    monkeypatch.chdir(tmp_path)
    status, _, err = call(command.conform, "--port", "failing_port:Mine")
    assert status == 2 and "Mine cannot be made, ZeroDivisionError: division by zero (" in err
    assert "failing_port.py, line 3)" in err


def test_without_pytorch_its_port_names_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    status, _, err = call(command.conform, "--port", "torch")
    assert status == 2 and "pip install torch" in err


# ------------------------------------------------------------------ what a person reads


class Boundary(Ours):
    """A target equal to a cutoff stays in the cluster before."""

    def build(self, config, params, dtype):
        layer = super().build(config, params, dtype)
        layer.off_by_one = True
        return layer

    def forward(self, layer, input, target, want):
        found = super().forward(layer, input, target, want)
        found["cluster"] = np.searchsorted(layer.cutoffs[:-1], target, side="left")
        found["output"] = found["output"] + np.isin(target, layer.cutoffs)
        return found


def verdict_of(port, id="T03", dtype="float64", **more):
    return Session(port, [CASES[id]], **more).run([dtype])[0]


def test_the_report_names_the_first_wrong_tensor_and_where_it_is_wrong():
    result = verdict_of(Boundary())
    assert result.verdict == "fail" and result.origins == ["cluster"]
    text = describe(result, "-- ./my-port")
    assert "T03" in text and "FAIL" in text and "every cutoff boundary once" in text
    assert (
        "first divergence: cluster    (its inputs are golden data: nothing before it can be wrong)"
        in text
    )
    assert "[2]  got 0   want 1       target 3, cutoffs [3, 7]" in text
    assert "1 later tensor differs too, computed from it (--all lists them)" in text
    assert "reproduce: npadasoft conform --only T03 --dtype float64 -- ./my-port" in text
    assert "later tensor differs too, computed from it: output" in describe(
        result, "", show_all=True
    )


def test_a_numeric_line_has_both_values_in_decimal_and_hex_and_the_distance():
    class Off(Ours):
        info = PortInfo("off", trace=())

        def forward(self, layer, input, target, want):
            found = super().forward(layer, input, target, want)
            return {"output": found["output"] * (1 + 1e-12), "loss": found["loss"]}

    text = describe(verdict_of(Off()))
    assert "x its bound of" in text and " ulp" in text and "(-0x1." in text
    assert "(or before it: head_log_prob, head_column, cluster, ... not shown by the port)" in text


def test_a_diagnosis_is_printed_with_its_sentence():
    result = verdict_of(Boundary())
    result.mistakes = ["boundary", "other"]
    text = describe(
        result, "", mistakes={"boundary": "a target equal to a cutoff belongs to the NEXT cluster"}
    )
    assert (
        "what this mistake gives: `boundary`, a target equal to a cutoff belongs to the NEXT clust"
        in text
    )
    assert "or this one: `other`" in text


class Known:
    """Stands in for the module of known mistakes."""

    def __init__(self, all_caught=True):
        sentence = "a target equal to a cutoff belongs to the NEXT cluster"
        self.MISTAKES = {"boundary": type("Mistake", (), {"sentence": sentence})}
        self.score = lambda each, cases: ("61 known mistakes: 61 caught", all_caught)

    @staticmethod
    def name_run(results):
        for r in results:
            r.mistakes = ["boundary"] if "cluster" in r.differing else []


@pytest.mark.parametrize("all_caught, status", [(True, 0), (False, 1)])
def test_without_a_port_the_suite_is_judged_by_the_known_mistakes(monkeypatch, all_caught, status):
    monkeypatch.setattr(command, "_mistakes", lambda: Known(all_caught))
    found, out, _ = call(command.conform, "--dtype", "float64")
    assert found == status and "61 known mistakes: 61 caught" in out
    assert "Now the suite itself: each of 1 known mistake is planted in the layer" in out
    assert "known mistakes" not in call(command.conform, "--port", "ours", "--only", "T03")[1]


def test_a_mistake_is_named_in_the_report_of_a_run(monkeypatch):
    monkeypatch.setattr(command, "_mistakes", Known)
    monkeypatch.setattr(ports, "load", lambda name: Boundary())
    _, out, _ = call(command.conform, "--port", "boundary", "--only", "T03")
    assert "what this mistake gives: `boundary`, a target equal to a cutoff belongs" in out


@pytest.mark.parametrize(
    "value, dtype, text",
    [
        (3.0, "float64", "3"),
        (float("nan"), "float64", "nan"),
        (float("inf"), "float32", "inf"),
        ([0, 2], "float64", "one of [0, 2]"),
        (0.5, "float64", "0.5 (0x1.0000000000000p-1)"),
        (float(np.float32(0.1)), "float32", "0.1 (0x1.99999a0000000p-4)"),
    ],
)
def test_numbers_are_shown_so_that_they_can_be_told_apart(value, dtype, text):
    assert number(value, dtype) == text


def test_the_row_of_a_tail_is_the_row_of_the_batch():
    case = CASES["T03"]  # targets 0 2 3 6 7 11 1 5 10, cutoffs 3 7
    assert [row_of(case, "tail.0.logits", (n, 0)) for n in range(3)] == [2, 3, 7]
    assert (
        row_of(case, "grad.tail.1.hidden", (2, 0)) == 8 and row_of(case, "head_logits", (4, 1)) == 4
    )
    assert row_of(case, "grad.head.weight", (0, 0)) is row_of(case, "loss", ()) is None
    assert row_of(case, "output", (6,)) == 6 and row_of(case, "tail.0.logits", (9, 0)) is None


def test_all_lists_every_case_and_quiet_none():
    _, everything, _ = call(command.conform, "--port", "ours", "--only", "T0*", "--all")
    _, nothing, _ = call(command.conform, "--port", "ours", "--only", "T0*", "--quiet")
    assert "T03" in everything and "T03" not in nothing and "required" in nothing


# ------------------------------------------------------------------ verdicts and exit status


class Scripted(Ours):
    """Ours, but for what a test replaces."""

    def __init__(self, **replaced):
        self.info = replaced.pop("info", Ours.info)
        for name, function in replaced.items():
            setattr(self, name, function)


def refusing(*args):
    raise Refused("unsupported", "not today")


def skipping(*args):
    raise Skipped("not yet", "https://example.org/1")


@pytest.mark.parametrize(
    "port, id, verdict, words",
    [
        (
            Scripted(forward=refusing),
            "T03",
            "error",
            "forward answered an error (unsupported): Refused: not today",
        ),
        (Scripted(forward=skipping), "T03", "incomplete", "not yet (https://example.org/1)"),
        (
            Scripted(info=PortInfo("p", ops=("shapes",))),
            "T03",
            "skipped",
            "not announced: forward, log_prob",
        ),
        (
            Scripted(info=PortInfo("p", ops=("forward",))),
            "T03",
            "incomplete",
            "not announced: log_prob",
        ),
        (
            Scripted(forward=lambda *a: {"output": np.zeros(3), "loss": 0.0}),
            "E06",
            "fail",
            "accepted",
        ),
        (Scripted(forward=skipping), "E01", "skipped", "not yet"),
        (Scripted(info=PortInfo("p", ops=("forward",))), "E10", "skipped", "not announced: shapes"),
        (Scripted(shapes=lambda config: {"head.weight": (11, 1024)}), "S08", "fail", None),
        (Scripted(log_prob=lambda *a: None), "T03", "incomplete", "not answered: log_prob"),
    ],
)
def test_verdicts(port, id, verdict, words):
    result = verdict_of(port, id)
    assert result.verdict == verdict
    if words:
        assert words in (result.message or "") + (result.skipped or "")


def test_another_kind_of_refusal_is_a_note():
    result = verdict_of(Scripted(forward=refusing), "E01")
    assert result.verdict == "pass" and "kind unsupported instead of target" in result.notes[0]


def test_wrong_shapes_are_shown():
    text = describe(verdict_of(Scripted(shapes=lambda config: {"head.weight": (11, 1023)}), "S08"))
    assert "got [11, 1023], want [11, 1024]" in text and "got nothing, want [639, 1024]" in text


def test_the_exit_status_follows_the_required_tier():
    skip = Scripted(forward=skipping)
    assert exit_status([verdict_of(Ours())]) == 0
    assert exit_status([verdict_of(Ours()), verdict_of(skip)]) == 3
    assert exit_status([verdict_of(skip), verdict_of(Boundary())]) == 1
    excellence = verdict_of(Scripted(forward=refusing), "X01")
    assert exit_status([verdict_of(Ours()), excellence]) == 0
    assert exit_status([excellence]) == 1       # it alone was chosen


def test_an_expected_failure_counts_as_none_and_an_unexpected_pass_as_one(tmp_path):
    listed = tmp_path / "expected.txt"
    listed.write_text("# known\nT03\nT02 float32   # only there\n")
    assert command.read_expected(str(listed)) == [("T03", None, None), ("T02", "float32", None)]
    status, out, _ = call(
        command.conform, "--port", "ours", "--only", "T0*", "--expect-fail", str(listed)
    )
    assert status == 1 and "expected to fail, but did not: T02, T03" in out
    result = verdict_of(Boundary(), expected_failures=[("T03", None)])
    assert (
        result.expected_fail and exit_status([result]) == 0 and "was expected" in describe(result)
    )
    listed.write_text("T03 float64 because\n")
    assert "a line is `ID` or `ID DTYPE`" in call(command.conform, "--expect-fail", str(listed))[2]


def test_the_link_of_each_expected_failure_is_shown_and_the_example_is_another_case(
        tmp_path, monkeypatch):
    (tmp_path / "bounded.py").write_text(
        "from npadasoft.conformance.mistakes import MISTAKES\n"
        "from npadasoft.conformance.mistakes.planted import Planted\n\n\n"
        "class Port(Planted):\n    layer_class = MISTAKES['boundary'].layer_class\n")
    monkeypatch.chdir(tmp_path)
    listed = tmp_path / "expected.txt"
    listed.write_text("S01 https://a.org/1\nT03 https://a.org/1\n"
                      "T04 float64 https://a.org/2\nT09\n")
    status, out, _ = call(command.conform, "--port", "bounded:Port", "--only", "T0*", "--only",
                          "S0*", "--dtype", "float64", "--expect-fail", str(listed))
    assert status == 1 and "failed as expected: S01, T03 (https://a.org/1)" in out
    assert "failed as expected: T04 (https://a.org/2)" in out
    assert "failed as expected: T09\n" in out and "this failure was expected" not in out


@pytest.mark.parametrize("line, words", [
    ("T3", "there is no case T3: was T03 meant?"), ("T0*", "there is no case T0*"),
    ("t03 float64", "was T03 meant?"), ("nonsense", "`npadasoft vectors list` lists them")])
def test_an_expected_failure_of_no_case_is_refused(tmp_path, line, words):
    (tmp_path / "expected.txt").write_text(line + "\n")
    status, _, err = call(command.conform, "--port", "ours", "--expect-fail",
                          str(tmp_path / "expected.txt"))
    assert status == 2 and words in err


def test_an_unknown_id_is_refused_beside_known_ones():
    for argv in (["--only", "T03", "--only", "X99"], ["--only", "X99"]):
        status, _, err = call(command.conform, "--port", "ours", *argv)
        assert status == 2 and "no case fits X99: was X09 meant?" in err
    status, _, err = call(command.vectors, "show", "T3")
    assert status == 2 and "there is no case T3: was T03 meant?" in err


def test_an_empty_file_of_answers_is_told_so_and_how_to_answer(tmp_path):
    answers = tmp_path / "answers.jsonl"
    answers.write_text("")
    status, _, err = call(command.verify, str(answers))
    assert status == 2 and "--requests FILE" in err and "npadasoft vectors export" in err
    assert call(command.vectors, "export", str(tmp_path), "--only", "T03")[0] == 0
    status, _, err = call(command.verify, str(answers))
    assert status == 2 and f"{answers} is empty: answer each line of" in err


def test_classes_that_are_right_are_shown_with_their_shape():
    def shown(*argv):
        out = call(command.vectors, "show", *argv)[1]
        return out[out.index("the classes that are right"):].splitlines()
    assert "expected.topk.index [3, 5], the classes" in call(command.vectors, "show", "A16")[1]
    assert shown("A16")[1:4] == ["[1, 0, 2, 7, 9]", "[1, 0, 2, 5, 7]", "[1, 0, 2, 4, 3]"]
    assert shown("A16", "--row", "1")[1:] == ["[1, 0, 2, 5, 7]"]
    assert shown("P07")[1] == "[0 or 2, 1 or 2]" and shown("P07", "--row", "1")[1] == "[1 or 2]"
    assert shown("A01", "--row", "4")[1] == "[2]"


def test_state_left_over_from_an_earlier_request_shows():
    class Sticky(Ours):
        calls = 0

        def forward(self, layer, input, target, want):
            found = super().forward(layer, input, target, want)
            if Sticky.calls:
                found["output"] = found["output"] + 1
            Sticky.calls += 1
            return {"output": found["output"], "loss": found["loss"]}

    result = verdict_of(Sticky())
    assert result.verdict == "fail" and "state is left over" in result.message


def test_an_expectation_holds_for_a_case_that_comes_twice():
    class Second(Ours):
        calls = 0

        def forward(self, *args):
            self.calls += 1
            if self.calls > 1:
                raise ValueError("again?")
            return super().forward(*args)

    result = verdict_of(Second(), expected_failures=[("T03", None)])
    assert result.verdict == "error" and "again?" in result.message and result.expected_fail


def test_faults_of_a_port_without_a_process_are_recorded_too():
    class Faulty(Ours):
        def run(self, request):
            raise Fault("timeout", "no answer")

        def restart(self):
            raise RuntimeError("gone")

    results = Session(Faulty(), [CASES["T01"], CASES["T02"]]).run(["float64"])
    assert [r.verdict for r in results] == ["timeout", "skipped"] and "gone" in results[1].skipped


# ------------------------------------------------------------------ the plan


def test_a_request_wants_what_is_public_and_what_the_port_shows():
    case = CASES["T03"]
    made, lacking = requests_of(
        case, "float64", PortInfo("p", ops=("forward", "predict"), trace=("tail.*.hidden",))
    )
    assert [r.op for r in made] == ["forward", "predict"] and lacking == ["log_prob", "backward"]
    assert made[0].want == ("tail.0.hidden", "tail.1.hidden", "output", "loss")
    assert "target" not in made[1].inputs and not made[0].cotangents


def test_cotangents_go_to_the_operation_they_belong_to():
    for case in CASES.values():
        for request in requests_of(case, "float64", Ours.info)[0]:
            names = set(request.cotangents)
            assert (
                names == {"log_prob"}
                if request.op == "log_prob_backward"
                else "log_prob" not in names
            )
            assert bool(names) == request.op.endswith("backward") or request.op == "hvp"


def test_a_case_is_put_only_in_a_dtype_that_holds_its_numbers():
    generic = next(case for case in CASES.values() if "Rounding" in case["flags"])
    assert representable(generic, "float32") and not representable(generic, "float16")
    assert representable(CASES["T03"], "bfloat16")


def test_cases_of_one_shape_follow_each_other_and_each_operation_comes_twice():
    cases = in_order(CASES.values())
    assert len(cases) == len(CASES) and {c["id"] for c in cases} == set(CASES)
    assert {op for case in repeated(cases) for op in wanted(case)} >= {
        "forward",
        "backward",
        "log_prob",
        "predict",
        "log_prob_backward",
    }


# ------------------------------------------------------------------ ports in this process


class Foreign(Port):
    """Weights (in, out), classes from 1, unused gradients None: the judge converts."""

    info = PortInfo(
        "foreign",
        dtypes=("float64",),
        trace=("head_column", "tail.*.relative_target", "cluster"),
        layout="in_out",
        index_base=1,
    )

    def build(self, config, params, dtype):
        mine = {name: a.T if a.ndim == 2 else a for name, a in params.items()}
        config = (
            {**config, "ignore_index": config["ignore_index"] - 1}
            if "ignore_index" in config
            else config
        )
        return Ours().build(config, mine, dtype)

    def shapes(self, config):
        return {name: shape[::-1] for name, shape in Ours().shapes(config).items()}

    def forward(self, layer, input, target, want):
        found = Ours().forward(layer, input, target - 1, want)
        return {
            k: a + 1 if k == "head_column" or k.endswith("relative_target") else a
            for k, a in found.items()
        }

    def backward(self, layer, input, target, cotangents, want):
        return self._turned(Ours().backward(layer, input, target - 1, cotangents, want))

    def log_prob(self, layer, input):
        return layer.log_prob(input)

    def log_prob_backward(self, layer, input, cotangent, want):
        return self._turned(Ours().log_prob_backward(layer, input, cotangent, want))

    def predict(self, layer, input):
        return layer.predict(input) + 1

    def topk(self, layer, input, k):
        values, index = layer.topk(input, k)
        return {"topk.log_prob": values, "topk.index": index + 1}

    @staticmethod
    def _turned(found):
        turned = {k: a.T if k.endswith("weight") else a for k, a in found.items()}
        return {k: a if a.any() or "tail" not in k else None for k, a in turned.items()}


def test_a_port_of_another_dialect_converts_nothing_and_passes():
    own = [case for case in CASES.values() if not case["id"].startswith(("B", "I", "J", "X20"))]
    results = Session(Foreign(), own).run(["float64"])
    assert {r.verdict for r in results if r.case["result"] == "valid"} == {"pass"}
    assert any("None was read as zeros" in note for r in results for note in r.notes)


def test_a_port_in_javascript_passes():
    tools("javascript")
    port = str(TESTS / "ports" / "plain_javascript.js")
    status, out, _ = call(command.conform, "--", "node", port)
    assert status == 0 and "every required case passed" in out
    assert " cases, ignore_index and reduction are not supported" in out


def test_a_port_that_has_nothing_answers_errors():
    results = Session(Port(), [CASES["T03"], CASES["S08"]]).run(["float64"])
    assert [r.verdict for r in results] == ["error", "error"]


@pytest.mark.parametrize("name", [name for name in ports.READY if name.startswith("ours-")])
def test_the_blocked_pass_is_judged_in_blocks_of_every_kind(name):
    status, out, _ = call(command.conform, "--port", name, "--quiet")
    assert status == 0 and not {"fail", "error,", "skipped", "incomplete"} & set(out.split())


def test_blocks_have_the_size_that_is_asked_for_and_only_as_long():
    from npadasoft import fused
    from npadasoft.conformance.ports.blocked import _blocks

    part = fused.SubSoftmax(None, np.zeros(9), None, np.zeros((5, 4)), None)
    with _blocks(2, 3):
        assert fused._cut(part, 4, 1)[:2] == (2, 3)
    with _blocks(None, None):
        assert fused._cut(part, 4, 10**6)[:2] == (9, 5)
    assert fused._cut(part, 4, 10**6)[:2] == (9, 5)


# ------------------------------------------------------------------ reports for machines


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """The reports on a port with faults of several kinds."""
    folder = tmp_path_factory.mktemp("reports")
    (folder / "faulty.py").write_text(
        "import numpy as np\nfrom npadasoft.conformance.ports.base import Skipped\n"
        "from npadasoft.conformance.ports.ours import Ours\n\n\nclass Faulty(Ours):\n"
        "    def predict(self, layer, input):\n        raise Skipped('later')\n\n"
        "    def log_prob(self, layer, input):\n        raise ValueError('no')\n\n"
        "    def backward(self, *args):\n        found = super().backward(*args)\n"
        "        return {k: np.full_like(a, np.nan) for k, a in found.items()}\n"
    )
    here = os.getcwd()
    os.chdir(folder)
    try:
        some = [word for id in ("T01", "T03", "S17", "G02", "E01", "P03", "X01", "F01")
                for word in ("--only", id)]
        status, out, _ = call(
            command.conform, "--port", "faulty:Faulty", "--report", "r.json", "--report", "r.xml",
            *some
        )
    finally:
        os.chdir(here)
    return (
        status,
        out,
        json.loads((folder / "r.json").read_text()),
        ElementTree.parse(folder / "r.xml"),
    )


def test_the_json_report_fits_its_schema_and_the_text(reports):
    status, out, report, _ = reports
    jsonschema = pytest.importorskip("jsonschema")
    schema = Path(conformance.__file__).parent / "schemas" / "report.schema.json"
    schema = json.loads(schema.read_text())
    jsonschema.Draft202012Validator(schema).validate(report)
    fields = schema["properties"]["cases"]["items"]["properties"]
    assert all(set(case) == set(fields) for case in report["cases"])        # none goes untold
    assert status == report["exit"] == 1 and report["verdict"] == "fail"
    assert (
        report["summary"]["required"]["float64"]["fail"]
        > 0
        < report["summary"]["required"]["float64"]["error"]
    )
    one = next(c for c in report["cases"] if c["id"] == "T01" and c["dtype"] == "float64")
    assert one["worst"] is None or one["worst"]["got"] == "nan"
    assert report["command"][:4] == ["npadasoft", "conform", "--port", "faulty:Faulty"]


def test_junit_counts_what_counts(reports):
    _, _, report, tree = reports
    suites = {suite.get("name"): suite for suite in tree.getroot()}
    counts = report["summary"]["required"]["float64"]
    required = suites["required.float64"]
    assert (
        int(required.get("failures")) == counts["fail"]
        and int(required.get("errors")) == counts["error"]
    )
    assert int(required.get("tests")) == sum(counts.values())
    assert suites["quality.float64"].get("failures") == "0"
    assert "first divergence" in required.find(".//failure").text


# ------------------------------------------------------------------ numbers


def test_the_self_test_of_numbers_finds_a_reader_with_six_digits():
    numbers = [float(v) for v in vectors_io.load_numbers()["float64"]["data"]]
    assert wrong_echoes("float64", numbers, numbers) == []
    wrong = wrong_echoes("float64", numbers, [float(f"{v:.6g}") for v in numbers])
    assert any("130.65331632653061 came back as 130.653" in text for text in wrong)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_stored_bits_pass_and_any_changed_bit_does_not(dtype):
    stored = vectors_io.load_numbers()[dtype]
    numbers = [float(v) for v in stored["data"]]
    assert wrong_echoes(dtype, numbers, stored["bits"]) == []
    for at, bits in enumerate(stored["bits"]):
        changed = f"{int(bits, 16) ^ 1:0{len(bits)}x}"
        found = stored["bits"][:at] + [changed] + stored["bits"][at + 1 :]
        assert len(wrong_echoes(dtype, numbers, found)) == (0 if np.isnan(numbers[at]) else 1)


@pytest.mark.parametrize("found", [["xyz"], ["7ff0000000000000"], ["0000000000000000"], [1.0], []])
def test_what_is_no_nan_is_no_nan(found):
    assert len(wrong_echoes("float64", [float("nan")], found)) == 1


def test_a_port_that_damages_numbers_is_told_so_first():
    body = (
        "answer = {'seq': message['seq'], 'data': [float('%.6g' % float(v)) if v == v else v "
        "for v in map(float, message['data'])]}\n"
        "        answer['data'] = [v if abs(v) < 1e400 and v == v else str(v) "
        "for v in answer['data']]"
    )
    from test_protocol import scripted

    status, out, _ = call(command.conform, "--only", "IO", "--", *scripted(body))
    assert status == 1 and "mend this first" in out and "0.3333" not in out


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_bits_that_are_written_lowest_byte_first_are_told_so_once(dtype):
    class Turned:
        def echo(self, dtype, numbers):
            bits = [hex_bits(v, dtype) for v in round_to(numbers, dtype)]
            return [[bytes.fromhex(b)[::-1].hex() for b in bits], list(numbers)]
    found = self_test(Turned(), dtype, [0.5, "nan", 0.0])
    assert found.message.startswith("read rightly, but bits are written lowest byte first,")
    assert wrong_echoes(dtype, [0.0], ["0" * (16 if dtype == "float64" else 8)]) == []


def test_a_port_without_echo_is_in_error():
    from test_protocol import scripted

    status, out, _ = call(
        command.conform, "--only", "IO", "--", *scripted("answer = {'seq': message['seq']}")
    )
    assert status == 1 and 'an answer to echo holds "bits"' in out


# ------------------------------------------------------------------ templates

INTERPRETERS = {
    "python": [sys.executable],
    "javascript": ["node"],
    "r": ["Rscript"],
    "cpp": [],
    "go": [],
    "octave": ["octave-cli", "-qf"],
}


def template(language, folder):
    """The command that runs the template, as printed."""
    status, text, _ = call(command.port_template, language)
    assert status == 0
    path = folder / command.TEMPLATES[language]
    path.write_text(text)
    if language == "octave":            # a function file, found by its name
        return [*INTERPRETERS[language], "-p", str(folder), "--eval", path.stem]
    if INTERPRETERS[language]:
        return [*INTERPRETERS[language], str(path)]
    build = {"cpp": ["g++", "-std=c++17", "-O0"], "go": ["go", "build"]}[language]
    subprocess.run([*build, "-o", str(folder / "port"), str(path)], check=True)
    return [str(folder / "port")]


@pytest.mark.parametrize("language", INTERPRETERS)
def test_a_template_speaks_the_protocol_as_it_is_printed(language, tmp_path):
    tools(language)
    report = tmp_path / "report.json"
    status, out, err = call(
        command.conform, "--report", str(report), "--", *template(language, tmp_path)
    )
    assert status == 3, out + err
    found = json.loads(report.read_text())["cases"]
    assert {c["verdict"] for c in found} == {"pass", "skipped"}
    assert {c["id"] for c in found if c["verdict"] == "pass"} >= {"IO", "S08", "E10", "E14"}
    assert "not announced by the port: forward" in out and "E01" not in out


def test_the_plain_python_port_is_the_template_with_its_mathematics_written():
    text = call(command.port_template, "python")[1]
    port = (TESTS / "ports" / "plain_python.py").read_text()
    assert port.endswith(text[text.index("# ---- shapes: written".replace("----", "-" * 62)) :])


def test_a_language_without_a_template_is_refused():
    assert call(command.port_template, "cobol")[0] == 2


# ------------------------------------------------------------------ the offline way


def answer_file(folder, argv):
    """Let a port answer requests.jsonl, line by line, as its author would."""
    lines = (folder / "requests.jsonl").read_text()
    done = subprocess.run(argv, input=lines, capture_output=True, text=True, check=True)
    (folder / "answers.jsonl").write_text(done.stdout)
    return folder / "answers.jsonl"


def test_answers_in_a_file_are_judged_as_those_of_a_process(tmp_path):
    status, out, _ = call(command.vectors, "export", str(tmp_path), "--dtype", "float64")
    assert status == 0 and "requests in" in out
    answers = answer_file(tmp_path, PLAIN)
    status, out, _ = call(command.verify, str(answers), "--report", str(tmp_path / "r.json"))
    assert status == 0 and "plain-python 1 (python)" in out and "every required case passed" in out
    direct = call(command.conform, "--quiet", "--", *PLAIN)[1]
    assert [
        line for line in out.splitlines() if line[:8] in direct and line.startswith("required")
    ] == [line for line in direct.splitlines() if line.startswith("required")]
    assert json.loads((tmp_path / "cases.json").read_text())["cases"][0]["id"]


def test_answers_that_are_missing_or_wrong_are_said_to_be(tmp_path):
    call(
        command.vectors,
        "export",
        str(tmp_path),
        "--only",
        "T01",
        "--only",
        "T02",
        "--dtype",
        "float64",
    )
    answers = answer_file(tmp_path, PLAIN)
    lines = answers.read_text().splitlines()
    answers.write_text("\n".join(lines[:2] + lines[3:]) + "\n")
    status, out, _ = call(command.verify, str(answers), "--all")
    assert status == 3 and "the file holds no answer" in out
    answers.write_text(
        "\n".join(
            [lines[0], lines[1].replace('"bits"', '"byts"').replace('"data"', '"dat"')]
            + [line.replace('"shape"', '"form"') for line in lines[2:]]
        )
    )
    status, out, _ = call(command.verify, str(answers))
    assert status == 1 and "a tensor is written" in out and "an answer to echo holds" in out
    answers.write_text(lines[0] + "\n")
    status, out, _ = call(command.verify, str(answers))
    assert status == 1 and "echo: the file holds no answer" in out


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "is empty: answer each line of"),
        ('{"protocol": 2}\n', "speaks protocol 2"),
        ("nonsense\n", "line 1: no JSON"),
        ("[]\n", "one JSON object a line"),
        (
            '{"protocol": 1, "dtypes": ["float64"], "ops": ["shapes"]}\n{"seq": 1}\n{"seq": 1}\n',
            "twice",
        ),
        (
            '{"protocol": 1, "dtypes": ["float64"], "ops": ["shapes"]}\n{"seq": "a"}\n',
            "a seq of its own",
        ),
    ],
)
def test_a_file_that_cannot_be_judged_is_exit_2(tmp_path, text, words):
    call(command.vectors, "export", str(tmp_path), "--only", "S08")
    (tmp_path / "answers.jsonl").write_text(text)
    status, _, err = call(command.verify, str(tmp_path / "answers.jsonl"))
    assert status == 2 and words in err


def test_a_dialect_is_exported_and_read_back(tmp_path):
    call(
        command.vectors,
        "export",
        str(tmp_path),
        "--only",
        "T03",
        "--layout",
        "in_out",
        "--index-base",
        "1",
    )
    sent = [json.loads(line) for line in (tmp_path / "requests.jsonl").read_text().splitlines()]
    run = next(m for m in sent if m["cmd"] == "run")
    assert (
        run["params"]["head.weight"]["shape"]
        == CASES["T03"]["params"]["head.weight"]["shape"][::-1]
    )
    assert min(run["inputs"]["target"]["data"]) == 1


# ------------------------------------------------------------ the vectors, as a person sees them


def test_the_vectors_are_listed_and_shown():
    _, out, _ = call(command.vectors, "list")
    assert len(out.splitlines()) == len(CASES) and "every cutoff boundary once" in out
    _, out, _ = call(command.vectors, "show", "T03")
    assert "params.head.weight [5, 8]" in out and "after head_log_prob" in out
    _, row, _ = call(command.vectors, "show", "T03", "--row", "2")
    assert "params" not in row and "expected.tail.0.hidden [3, 4]" in row
    assert "expected.tail.1.hidden" not in row and "grad.head.weight" not in row
    assert json.loads(call(command.vectors, "show", "T03", "--json")[1])["id"] == "T03"
    assert call(command.vectors, "show", "Z9")[0] == 2


def test_every_case_can_be_shown():
    for case in CASES.values():
        assert case["comment"] in show(case, {}) and case["comment"] in show(case, {}, row=0)


@pytest.mark.parametrize(
    "changed, check, status, words",
    [
        ([], True, 0, "up to date"),
        (["shape.json"], True, 1, "not up to date"),
        (["shape.json"], False, 0, "written"),
    ],
)
def test_regenerating_says_what_changed(monkeypatch, changed, check, status, words):
    monkeypatch.setattr(
        vectors_io, "regenerate", lambda directory, check, progress: progress("T03") or changed
    )
    found, out, _ = call(command.vectors, "regenerate", *["--check"] * check)
    assert found == status and words in out


def test_the_command_line_to_reproduce_is_quoted_for_a_shell():
    _, out, _ = call(
        command.conform, "--only", "T03", "--", sys.executable, "-c", "import sys; sys.exit(1)"
    )
    assert out == ""  # it never started, and stderr says so
    argv = [
        sys.executable,
        "-c",
        'print(\'{"protocol":1,"dtypes":["float64"],"ops":["forward"]}\')',
    ]
    _, out, _ = call(command.conform, "--only", "T03", "--", *argv)
    assert "-- " + shlex.join(argv) in out


def test_comparisons_of_nothing_agree():
    assert not compare_tensor(
        "x", np.zeros(0), {"shape": [0], "data": [], "err": []}, "float64", 1
    ).differs
    assert judge(CASES["T03"], "float64", {"forward": Answer()}).verdict == "incomplete"


def test_an_operation_that_a_port_announces_but_lacks_is_an_error():
    bare = Port()
    calls = [lambda: bare.build({}, {}, "float64"), lambda: bare.shapes({})]
    calls += [lambda: bare.forward(None, None, None, ()), lambda: bare.log_prob(None, None)]
    calls += [lambda: bare.backward(None, None, None, {}, ()), lambda: bare.predict(None, None)]
    calls += [lambda: bare.log_prob_backward(None, None, None, ())]
    calls += [lambda: bare.topk(None, None, 1)]
    for method in calls:
        with pytest.raises(NotImplementedError):
            method()


# ------------------------------------------------------------------ the conclusion of a run


def results_of(layer_port, *ids, dtypes=("float64",)):
    return Session(layer_port, [CASES[i] for i in ids]).run(dtypes)


def test_every_announced_trace_of_the_layer_is_shown():
    assert "never shown" not in conclusion(results_of(Ours(), "T03", "G02"), Ours.info.trace)


def test_a_trace_that_is_misspelt_or_forgotten_is_told():
    text = conclusion(results_of(Ours(), "T03"), ("tail.*.hiden", "tail.*.hidden", "grad.tail.*"))
    assert "announced, but never shown: tail.*.hiden, and no case that was put has such" in text
    assert "never shown: tail.*.hidden" not in text

    class Forgets(Ours):
        def forward(self, *args):
            found = super().forward(*args)
            return {name: a for name, a in found.items() if "hidden" not in name}
    text = conclusion(results_of(Forgets(), "T03"), Ours.info.trace)
    assert "announced, but never shown: tail.*.hidden\n" in text


def test_a_case_that_is_skipped_in_two_dtypes_counts_once():
    class Skips(Ours):
        def predict(self, layer, input):
            raise Skipped("no predict")

        def log_prob(self, layer, input):
            raise Skipped("no predict")
    text = conclusion(results_of(Skips(), "P03", dtypes=("float64", "float32")))
    assert "skipped by the port: 1 case, no predict" in text


def test_failures_that_are_not_required_are_named_before_the_last_line():
    class Loses(Ours):
        def forward(self, layer, input, target, want):
            found = super().forward(layer, input, target, want)
            return found | {"loss": found["loss"] * (1 + 1e-6)}
    results = results_of(Ours(), "T03") + results_of(Loses(), "X01", "X02")
    assert conclusion(results).splitlines()[-2:] == [
        "not required, and failed: 2 of tier excellence", "every required case passed"]


def test_a_weight_too_many_is_named():
    class Biased(Ours):
        def shapes(self, config):
            found = super().shapes(config)
            return found | {"head.bias": found["head.weight"][:1]}
    results = results_of(Biased(), "S08")
    mistakes.name_run(results)
    result, = results
    assert result.verdict == "fail" and "head-bias-unasked" in result.mistakes


def test_of_one_cause_the_case_that_has_a_name_is_the_example(tmp_path, monkeypatch):
    (tmp_path / "late.py").write_text(
        "from npadasoft.conformance.ports.ours import Ours\n\n\nclass Late(Ours):\n"
        "    def forward(self, layer, input, target, want):\n"
        "        found = super().forward(layer, input, target, want)\n"
        "        if layer.n_classes == 2:\n            return found | {'loss': 0.125}\n"
        "        return found | {'loss': found['loss'] * len(target)}\n")
    monkeypatch.chdir(tmp_path)
    _, out, _ = call(command.conform, "--port", "late:Late", "--only", "S01", "--only", "T0*",
                     "--dtype", "float64")
    assert "    7  `loss-is-a-sum`" in out and "\nT01 " in out and "\nS01 " not in out


def test_a_file_of_answers_shows_no_state(tmp_path):
    """What lies in a file cannot be asked once more, in another order or a fresh process."""
    call(command.vectors, "export", str(tmp_path), "--only", "T0*", "--dtype", "float64")
    answers = answer_file(tmp_path, PLAIN)
    wrong = [json.loads(line) for line in answers.read_text().splitlines()]
    for message in wrong:
        for tensor in message.get("results", {}).values():
            tensor["data"] = [x + 1 for x in tensor["data"]]
    answers.write_text("".join(json.dumps(message) + "\n" for message in wrong))
    status, out, _ = call(command.verify, str(answers))
    assert status == 1 and "state" not in out and "fresh process" not in out, out


@pytest.mark.parametrize("kept", [1, 2, 9])
def test_a_file_of_answers_that_was_cut_is_told_in_one_line(tmp_path, kept):
    only = [word for id in ("S0*", "A06", "F06") for word in ("--only", id)]
    call(command.vectors, "export", str(tmp_path), *only, "--dtype", "float64")
    answers = answer_file(tmp_path, PLAIN)
    lines = answers.read_text().splitlines()
    answers.write_text("\n".join(lines[:kept]) + "\n")
    status, out, _ = call(command.verify, str(answers))
    said = [line for line in out.splitlines() if line[:5].strip().isdigit() and line[5] == " "]
    assert status in (1, 3) and len(said) == 1, out
    assert said[0].endswith("  the file holds no answer")
    assert "skipped by the port" not in out
