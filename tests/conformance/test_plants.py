"""Mistakes planted in a port, each told by its own name in the first line of the summary.

The planted port is the layer itself, changed at its edges, or the plain Python port as a process.
"""
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from turned_port import Turned

from npadasoft.conformance import command
from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge.causes import causes
from npadasoft.conformance.judge.compare import blocks
from npadasoft.conformance.judge.outline import outline, remarkable
from npadasoft.conformance.judge.plan import in_order
from npadasoft.conformance.judge.report import describe
from npadasoft.conformance.judge.session import Session
from npadasoft.conformance.mistakes import MISTAKES, name_run
from npadasoft.conformance.mistakes.planted import Planted
from npadasoft.conformance.ports.ours import Ours
from npadasoft.conformance.wire.encoding import decode_info
from npadasoft.conformance.wire.messages import PortInfo

PLAIN = Path(__file__).parents[1] / "ports" / "plain_python.py"
SOME = ("T03", "T04", "T09", "T17", "T22", "T23", "S01", "S03", "S27", "G02", "G04", "G11", "G21",
        "G23", "P03", "P05", "E01", "E02", "A06", "A08", "F06", "F07", "N01", "N03", "N26", "X09")
EVERY = vectors_io.load()
CASES = vectors_io.select(EVERY, SOME)
SENTENCES = {name: m.sentence for name, m in MISTAKES.items()}
NO_TRACE = PortInfo("planted", dtypes=("float64",))


def summary_of(port, cases=CASES, dtypes=("float64",)):
    """The lines of causes in the report on a port, and its results."""
    session = Session(port, cases)
    results = session.run(dtypes)
    session.explain(dtypes)
    name_run(results)
    assert len(outline(results, (), "-- ./port", False, SENTENCES).splitlines()) <= 58
    return [c.text for c in causes(remarkable(results))], results


NAMED = ["boundary", "columns-descending", "loss-is-a-sum", "gradient-of-a-sum",
         "cotangent-of-loss-negated", "cotangents-not-added", "log-prob-without-clusters",
         "column-receives-the-first", "tail-overwrites-the-input-gradient",
         "output-grouped-by-cluster", "predict-is-a-column", "classes-counted-from-one", "no-shift",
         "takes-a-target-of-n-classes", "padding-counts-in-the-mean", "batch-of-one-squeezed",
         "arrays-read-by-columns", "arrays-written-by-columns", "weights-of-single-precision"]


@pytest.mark.parametrize("name", NAMED)
def test_a_mistake_is_named_by_the_first_line_and_no_other_name_is_given(name):
    lines, results = summary_of(Planted(MISTAKES[name].layer_class))
    assert lines[0] == f"`{name}`", lines
    assert {n for r in results for n in r.mistakes} == {name}


class Edge(Ours):
    """The layer, with one change to what comes in or goes out."""

    info = NO_TRACE


def changed(**methods):
    """A port of which some answers are changed: forward=lambda found, layer, *arguments: ..."""
    def method(name, change):
        def changed_method(self, *arguments):
            return change(getattr(Ours, name)(self, *arguments), *arguments)
        return changed_method
    return type("Changed", (Edge,), {n: method(n, c) for n, c in methods.items()})()


def test_one_gradient_that_is_transposed_is_told_as_one():
    def turn(found, *_):
        g = found["grad.head.weight"]
        return found | {"grad.head.weight": g.T.reshape(g.shape)}
    lines, results = summary_of(changed(backward=turn, log_prob_backward=turn))
    assert lines == ["`gradients-laid-out-by-columns (in grad.head.weight alone)`"]


def test_a_row_that_is_squeezed_in_one_answer_is_told_so():
    lines, _ = summary_of(changed(
        forward=lambda found, *_: found | {"output": np.squeeze(found["output"])}))
    assert lines == ["output: shape [] for [1]"]


@pytest.mark.parametrize("change, line", [
    ({"forward": lambda found, *_: found | {"loss": np.reshape(found["loss"], (1, 1))}},
     "loss: shape [1, 1] for []"),
    ({"backward": lambda found, *_: {n: a for n, a in found.items()
                                     if "tail" not in n or np.any(a)}},
     "not answered: grad.tail.*.0.weight, grad.tail.*.1.weight (a tail without a target has "
     "gradients: zeros, or null)"),
], ids=["loss-of-shape-1-1", "unused-tails-left-out"])
def test_what_has_no_name_is_located_by_the_first_line(change, line):
    lines, results = summary_of(changed(**change))
    assert lines[0] == line and not any(r.mistakes for r in results if r.verdict == "fail")


@pytest.mark.parametrize("text, words", [
    ("%.15g", "written with 15 digits"), ("%.8g", "written with 8 digits"),
    ("%f", "written with 6 decimals")])
def test_a_writer_that_rounds_is_told_how(text, words):
    def write(found, *_):
        if isinstance(found, dict):
            return {n: write(a) for n, a in found.items()}
        return np.array([float(text % v) for v in np.ravel(found)]).reshape(np.shape(found))
    lines, results = summary_of(changed(forward=write, backward=write, log_prob=write,
                                        log_prob_backward=write))
    assert lines == [f"your numbers are {words}: float64 needs 17 significant digits"]
    assert not any(r.mistakes for r in results)


def low(a):
    """Numbers that are read one ulp too small, as they come out of some parsers."""
    short = np.array([len(repr(v)) < 12 for v in a.ravel().tolist()], bool).reshape(a.shape)
    return np.where(short, a, np.nextafter(a, 0))


@pytest.mark.parametrize("trace", [(), ("head_logits",)])
def test_numbers_read_one_ulp_low_get_no_false_name(trace):
    class Low(Edge):
        info = PortInfo("planted", dtypes=("float64",), trace=trace)

        def cast(self, array, dtype):
            return low(super().cast(array, dtype))
    lines, results = summary_of(Low(), vectors_io.select(EVERY, ["G21", "G23", "T*", "N2*", "S01"]))
    assert not any(r.mistakes for r in results)


def test_the_mean_of_no_rows_is_named_in_all_its_cases():
    def zero(found, layer, input, target, want):
        return found if np.size(target) else found | {"loss": np.zeros(())}
    cases = vectors_io.select(EVERY, ["F*", "T03", "X09"])
    lines, results = summary_of(changed(forward=zero), cases)
    assert lines == ["`mean-of-nothing-is-zero`"]
    assert [r.id for r in results if r.verdict == "fail"] == ["F06", "F07"]
    assert {n for r in results for n in r.mistakes} == {"mean-of-nothing-is-zero"}


def test_a_port_that_asks_first_whether_a_row_has_a_loss_may_forget_the_mean_elsewhere():
    def summed(found, layer, input, target, want):
        some = np.isfinite(found["loss"])           # F06, F07, A08: nan of no row, as it is due
        return found | {"loss": -found["output"].sum()} if some else found
    lines, results = summary_of(changed(forward=summed))
    assert lines == ["`loss-is-a-sum`"]
    assert {r.id for r in results if not r.differing} >= {"F06", "F07", "A08"}


def test_an_output_that_is_a_loss_there_and_back_is_one_line():
    class Losses(Edge):
        def forward(self, *arguments):
            found = super().forward(*arguments)
            return found | {"output": -found["output"]}

        def backward(self, layer, input, target, cotangents, want):
            turned = {n: -g if n == "output" else g for n, g in cotangents.items()}
            return super().backward(layer, input, target, turned, want)
    lines, _ = summary_of(Losses())
    assert lines == ["`output-is-a-loss (in backward, forward alone)`"]


# ------------------------------------------------------------------ the port's own dialect

class OneTooFar(Turned):
    def predict(self, layer, input):
        return super().predict(layer, input) + 1


def test_an_element_is_shown_in_the_port_s_layout_and_index_base_with_a_word_that_it_is():
    session = Session(OneTooFar(), vectors_io.select(EVERY, ["T03"]))
    result, = session.run(["float64"])
    text = describe(result, "-- ./port", True)
    turned = next(line for line in text.splitlines() if "(in_out, as the port has it)" in line)
    assert turned.strip().startswith("[2, 1]  got "), text
    counted = next(line for line in text.splitlines() if "(classes from 1" in line)
    sets = next(b["predict"]["sets"] for b in blocks(result.case) if "predict" in b)
    want, due_at_7 = sets[0][0] + 1, sets[7][0]
    assert counted.strip().startswith(f"[0]  got {want + 1}   want {want} (classes"), text
    assert f"row 7: {due_at_7 + 2} where {due_at_7 + 1} is due" in text


@pytest.mark.parametrize("announced, words", [
    ({"layout": "in_out"}, ["layout in_out", "written for out_in", "--layout in_out"]),
    ({"index_base": 1}, ["index_base 1", "written for 0", "--index-base 1"]),
    ({"layout": {"head.weight": "in_out", "*": "out_in"}}, ["announce that for all weights"])],
    ids=["layout", "index-base", "a-layout-per-tensor"])
def test_answers_in_another_dialect_are_refused(tmp_path, capfd, announced, words):
    assert command.vectors(["export", str(tmp_path), "--only", "S08"]) == 0
    start = {"protocol": 1, "dtypes": ["float64"], "ops": ["shapes"], **announced}
    (tmp_path / "answers.jsonl").write_text(json.dumps(start) + "\n")
    capfd.readouterr()
    assert command.verify([str(tmp_path / "answers.jsonl")]) == 2
    error = capfd.readouterr().err
    assert all(word in error for word in words) and "export them again with" in error


# ------------------------------------------------------------------ state

class First(Planted):
    """Keeps the first value that it meets in one place."""

    def __init__(self, place):
        super().__init__()
        self.place = place

    def keep(self, group, name, value):
        if f"{group}.{name}" != self.place:
            return value
        there = self.memory.get(name, value)
        same = np.shape(there) == np.shape(value)
        self.memory[name] = there if same else value
        return self.memory[name]

    def run(self, request):
        groups = {g: {n: self.keep(g, n, v) for n, v in getattr(request, g).items()}
                  for g in ("config", "params", "inputs", "cotangents")}
        return super().run(replace(request, **groups))


PLACES = ["params.head.weight", "params.head.bias", "params.tail.0.0.weight",
          "params.tail.0.1.weight", "params.tail.1.0.weight", "params.tail.1.1.weight",
          "config.n_classes", "config.cutoffs", "config.in_features", "config.div_value",
          "config.head_bias", "config.ignore_index", "config.reduction", "inputs.input",
          "inputs.target", "inputs.k", "cotangents.output", "cotangents.loss",
          "cotangents.log_prob"]


@pytest.mark.parametrize("place", PLACES)
def test_what_is_kept_from_an_earlier_request_in_one_place_shows(place):
    port, optional = First(place), place in ("config.ignore_index", "config.reduction", "inputs.k")
    cases = (c for c in in_order(EVERY) if optional or c["tier"] == "required")
    assert any(r.verdict in ("fail", "error") for case in cases
               for r in Session(port, [case]).run(["float64"])), place


def test_state_is_told_and_the_line_that_reproduces_it_does():
    port = First("params.tail.0.1.weight")
    lines, results = summary_of(port)
    assert lines[0].startswith("state is left over from an earlier request"), lines
    told = next(r for r in results if r.state and r.repeat)
    ids, dtypes = told.repeat
    again = Session(First(port.place), vectors_io.select(CASES, ids)).run(dtypes)
    assert any(r.id == told.id and r.verdict in ("fail", "error") for r in again)


class OfItsShape(Planted):
    """Keeps, of every shape, the first bias that it meets."""

    def run(self, request):
        kept = {n: self.memory.setdefault(a.shape, a) if n == "head.bias" else a
                for n, a in request.params.items()}
        return super().run(replace(request, params=kept))


def test_the_line_that_reproduces_a_state_names_the_case_with_the_same_weights():
    """It is neither one of the first nor just before."""
    ids = ("S04", "S07", "S09", "S17", "S18", "S19", "S02", "T17", "S21")
    session = Session(OfItsShape(), vectors_io.select(EVERY, ids))
    results = session.run(("float64",))
    session.explain(("float64",))
    told = next(r for r in results if r.state)
    asked = [r.id for r in results]
    assert told.repeat == (("S17", "S21"), ("float64",))
    assert 2 < asked.index("S17") < asked.index("S21") - 3
    text = describe(told, "-- ./port")
    assert "reproduce: npadasoft conform --only S17 --only S21 --dtype float64 -- ./port" in text


# ------------------------------------------------------------------ processes

def process(tmp_path, capfd, *edits, options=("--only", "T03", "--only", "T04", "--only", "IO")):
    """(status, stdout, stderr) of the judge on the plain Python port with some lines changed."""
    text = PLAIN.read_text()
    for before, after in edits:
        assert before in text
        text = text.replace(before, after)
    path = tmp_path / "port.py"
    path.write_text(text)
    status = command.conform([*options, "--dtype", "float64", "--", sys.executable, str(path)])
    return (status, *capfd.readouterr())


READS = "return float(value)                     #"
PREDICTS = '{"predict": predict(config, params, x)}'
PARAMS = 'params = {name: rows_of(t, len(t["shape"])) for name, t in message["params"].items()}'
KEEPS = PARAMS.replace("= {", "= KEPT or {") + "\n    KEPT.update(params)"
WRONG = {
    "base-1-answered-but-0-announced": (
        [(PREDICTS, '{"predict": [k + 1 for k in predict(config, params, x)]}')],
        "`predict-from-one`"),
    "state-kept-from-the-first-request": (
        [(PARAMS, KEEPS), ("class Refused", "KEPT = {}\n\n\nclass Refused")],
        "state is left over from an earlier request"),
    "numbers-read-one-ulp-low": (
        [(READS, "return math.nextafter(float(value), 0.0) if len(str(value)) > 11 "
                 "else float(value)  #")],
        "read wrongly: 0.30000000000000004 has the bits 3fd3333333333334 in float64, "
        "the port has 3fd3333333333333"),
    "numbers-read-as-float32": (
        [(READS, 'value = float(value)\n    return value if abs(value) > 1e38 else '
                 'struct.unpack("f", struct.pack("f", value))[0]  #')],
        "read wrongly: 0.1 has the bits 3fb999999999999a in float64, "
        "the port has 3fb99999a0000000"),
    "seq-missing": ([('{"seq": message.get("seq"), ', "{")], "wrong seq: got null, want 0"),
    "mean-of-an-empty-batch-is-0": ([("if output else math.nan", "if output else 0.0")],
                                    "`mean-of-nothing-is-zero`"),
    "mean-forgotten-where-there-are-rows": ([("-sum(output) / len(output)", "-sum(output)")],
                                            "`loss-is-a-sum`"),
    "targets-clamped": (
        [("    bad = [y", '    target[:] = [min(max(y, 0), config["n_classes"] - 1) '
                          "for y in target]\n    bad = [y")],
        "`takes-a-target-of-n-classes`"),
    "head-term-dropped": ([("value = log_p[column]\n",
                            "value = 0.0 if cluster else log_p[column]\n")],
                          "`no-cluster-term (in forward alone)`"),
}
FEW = [option for id in ("T03", "T04", "S01", "F07", "E01", "E02", "G21", "N26", "IO")
       for option in ("--only", id)]


@pytest.mark.parametrize("plant", WRONG)
def test_a_port_planted_as_a_process_is_told_by_the_first_line(tmp_path, capfd, plant):
    edits, line = WRONG[plant]
    _, out, _ = process(tmp_path, capfd, *edits, options=FEW)
    causes = [text.split(None, 1)[1] for text in out.splitlines()
              if text[:5].strip().isdigit() and text[5:7] == "  "]
    assert causes[0].startswith(line), out
    own = line if line[0] == "`" else None
    assert all(own and text.startswith(own) for text in causes if text[0] == "`"), out
    if plant.startswith("state"):
        again = out.partition("reproduce: npadasoft conform ")[2].splitlines()[0].split(" --dtype")
        _, out, _ = process(tmp_path, capfd, *edits, options=again[0].split())
        assert "NOT conformant" in out, again[0]


WRITES = "return value if math.isfinite(value) else str(value)"
LINE = "print(json.dumps(reply, allow_nan=False), flush=True)"


@pytest.mark.parametrize("word, due", [("NaN", "nan"), ("Inf", "inf"), ("-nan", "nan"),
                                       ("-Inf", "-inf"), ("inf", "inf"), ("+INFINITY", "inf")])
def test_a_bare_word_for_a_number_is_told_what_to_write(tmp_path, capfd, word, due):
    edit = f"print(json.dumps(reply).replace('-1.', '{word}, -1.', 1), flush=True)"
    status, out, _ = process(tmp_path, capfd, (LINE, edit), options=("--only", "T03"))
    assert status == 1 and f'the bare word {word} is no JSON: write the string "{due}"' in out


def test_names_that_are_misspelt_are_told_beside_those_that_lack_in_one_line(tmp_path, capfd):
    status, out, _ = process(tmp_path, capfd, (
        '{"results": {name: tensor(', '{"results": {name.replace("grad.", "grad_"): tensor('),
        options=("--only", "T0*", "--only", "S0*", "--only", "N09", "--only", "T19"))
    lines = [line for line in out.splitlines() if line[5:7] == "  " and line[:5].strip().isdigit()]
    assert status == 3 and [line.split(None, 1)[1] for line in lines] == [
        "not answered: grad.* (answered instead: grad_input, ...)"]
    assert "(answered instead: grad_input, grad_head.weight, " in " ".join(out.split())


@pytest.mark.parametrize("name", ["*", "head.weights", "tail.0.weight", "tail.*.2.weight"])
def test_a_layout_of_no_weight_is_refused(tmp_path, capfd, name):
    status, _, err = process(tmp_path, capfd, (
        '"layout": "out_in"', f'"layout": {{"{name}": "in_out"}}'))
    assert status == 2 and f"layout: {name} is the name of no weight: they are head.weight" in err


@pytest.mark.parametrize("name", ["head.weight", "tail.*.0.weight", "tail.3.1.weight", "*.weight",
                                  "tail.*.*.weight", "*.*.*.weight"])
def test_a_layout_of_a_weight_is_taken(name):
    start = {"protocol": 1, "dtypes": ["float64"], "ops": ["shapes"], "layout": {name: "in_out"}}
    assert decode_info(start).layout == {name: "in_out"}


def test_an_operation_that_is_misspelt_is_told(tmp_path, capfd):
    edit = ('OPS = ["shapes", "forward"', 'OPS = ["shapes", "forwards"')
    _, out, _ = process(tmp_path, capfd, edit)
    assert out.splitlines()[0].endswith("unknown here: forwards (was forward meant?)")
    _, out, _ = process(tmp_path, capfd)
    assert "unknown here" not in out


def test_a_greeting_is_told_where_it_belongs(tmp_path, capfd):
    status, _, err = process(tmp_path, capfd, ("    for line in sys.stdin:",
                                               "    print('GNU Octave', flush=True)\n"
                                               "    for line in sys.stdin:"))
    assert status == 2
    assert "stdout is for answers: write the rest to stderr" in " ".join(err.split())


def test_a_port_that_is_given_up_is_told_so_in_a_few_lines(tmp_path, capfd):
    status, out, _ = process(tmp_path, capfd, ('{"seq": message.get("seq"), ', "{"), options=())
    lines = out.strip().splitlines()
    assert status == 1 and len(lines) <= 8 and "wrong seq: got null" in out
    assert "The port was given up, 10 faults in a row" in out and "CRASHED" not in out


def test_echo_judges_the_writer_too(tmp_path, capfd):
    status, out, _ = process(tmp_path, capfd, (
        WRITES, "return str(value) if not math.isfinite(value) else float('%.15g' % value) "
                "if abs(value) < 1e300 else value"))
    assert status == 1 and "read rightly, and written wrongly" in out
    assert "your numbers are written with 15 digits" in out


def test_a_long_request_that_ends_a_port_is_told_its_length(tmp_path, capfd):
    status, out, _ = process(tmp_path, capfd, (
        "message = json.loads(line)", "len(line) < 65536 or sys.exit(0); message = json.loads(line)"
    ), options=("--only", "N23"))
    assert status == 1 and "the request is a line of " in out and "lines of that length" in out


def test_a_port_that_does_not_flush_is_told_what_is_waited_for(tmp_path, capfd):
    status, _, err = process(tmp_path, capfd, (LINE, "pass"),
                             options=("--timeout", "6"))
    assert status == 2 and err.count("Is stdout flushed after every line?") == 1
