"""The known mistakes judge the suite: each is caught, located at its origin, and named."""
from types import SimpleNamespace

import numpy as np
import pytest

from npadasoft import AdaptiveLogSoftmaxWithLoss
from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge.plan import is_public
from npadasoft.conformance.judge.report import describe
from npadasoft.conformance.judge.session import Session
from npadasoft.conformance.judge.verdict import tensors
from npadasoft.conformance.mistakes import MISTAKES, diagnose, name_run, score
from npadasoft.conformance.mistakes.candidates import PAIRS, contents, requests
from npadasoft.conformance.mistakes.diagnosis import same
from npadasoft.conformance.mistakes.known import Mistake, both, known
from npadasoft.conformance.mistakes.layer import Layer
from npadasoft.conformance.mistakes.planted import TRACE, Planted
from npadasoft.conformance.mistakes.score import (Caught, caught_first, examine, located, ordered,
                                                  public, results_of, search, text)
from npadasoft.conformance.mistakes.untold import ALIKE, UNTOLD
from npadasoft.conformance.ports.ours import Ours
from npadasoft.conformance.wire.messages import Answer, matches

CASES = {case["id"]: case for case in vectors_io.load()}
ORDERED = ordered(CASES.values())
pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def found():
    return {name: examine(mistake, ORDERED) for name, mistake in MISTAKES.items()}


def test_the_layer_in_steps_is_right_on_every_case():
    results = Session(Planted(), CASES.values()).run(("float64", "float32"))
    assert [(r.id, r.dtype, r.verdict) for r in results if r.verdict != "pass"] == []


def test_there_are_at_least_sixty_mistakes_each_with_a_sentence_that_goes_on():
    assert len(MISTAKES) >= 60
    for name, mistake in MISTAKES.items():
        assert mistake.name == name and mistake.sentence and not mistake.sentence.endswith(".")
        assert mistake.sentence[0].islower() or mistake.sentence[0] in "1z" or \
            mistake.sentence.split()[0] in ("ReLU",)
        assert mistake.link is None or mistake.link.startswith("https://")


def test_every_mistake_is_caught(found):
    assert [name for name, c in found.items() if c.result is None] == []


def test_a_mistake_is_caught_by_a_required_case_unless_it_shows_only_elsewhere(found):
    elsewhere = {name for name, c in found.items() if c.result and c.result.tier != "required"}
    for name in elsewhere:
        required = [c for c in ORDERED if c["tier"] == "required"]
        assert not list(results_of(MISTAKES[name], required, ("float64",))), name


def test_every_mistake_that_has_an_origin_is_located_at_it(found):
    judged = {name: c.located for name, c in found.items() if c.located is not None}
    assert len(judged) >= 270 and [name for name, there in judged.items() if not there] == []


def test_every_mistake_that_shows_numbers_is_named_from_public_outputs_alone(found):
    shown = {name: c.named for name, c in found.items() if c.shows_numbers}
    assert len(shown) >= 380 and [name for name, named in shown.items() if not named] == []


def test_no_mistake_has_a_false_name_in_the_score(found):
    assert {name: c.false for name, c in found.items() if c.false} == {}


def test_the_score_says_so_in_a_few_lines(found):
    lines = text(list(found.values()))
    assert lines.startswith(f"known mistakes: {len(MISTAKES)} planted, ")
    assert "NOT CAUGHT" not in lines
    lost = Caught(MISTAKES["boundary"])
    assert "NOT CAUGHT: boundary" in text([lost])
    wrong = Caught(MISTAKES["boundary"], SimpleNamespace(tier="required", id="T03",
                                                         origins=["loss"]), True, False, ("x",))
    assert "not located: boundary (T03: loss)" in text([wrong])
    assert "not named: boundary (T03: x)" in text([wrong])
    assert "by a false name: 1" in text([wrong])
    assert "FALSE NAME: boundary (T03: x)" in text([wrong])


def test_the_command_prints_the_score(monkeypatch, found):
    import sys
    module = sys.modules["npadasoft.conformance.mistakes.score"]
    monkeypatch.setattr(module, "examine", lambda mistake, cases: found[mistake.name])
    lines, all_caught = score()
    assert all_caught and f"{len(MISTAKES)} planted" in lines


def test_where_a_mistake_is_looked_for_first_changes_nothing_but_the_time():
    assert set(caught_first()) < set(MISTAKES)
    for name in ("predict-of-one-byte", "boundary", "hidden-size-floored-repeatedly"):
        a, b = examine(MISTAKES[name], ORDERED), search(MISTAKES[name], ORDERED)
        assert (a.result.id, a.names, a.located) == (b.result.id, b.names, b.located)


@pytest.mark.figures
def test_every_mistake_is_caught_first_where_the_list_has_it():
    """Where it fails: write what is printed into `mistakes/caught.json`."""
    found = {name: search(mistake, ORDERED).result for name, mistake in MISTAKES.items()
             if not mistake.state}
    first = next(iter(ORDERED))["id"]
    listed = {name: [r.id, r.dtype] for name, r in found.items()}
    wrong = {name: where for name, where in listed.items()
             if caught_first().get(name, [first, "float64"])[:2] != where}
    assert wrong == {}


# ------------------------------------------------------------------ what a mistake is

def test_two_mistakes_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two mistakes called boundary"):
        known("again")(type("boundary", (Layer,), {}))


def test_what_cannot_be_told_apart_is_listed_with_a_reason():
    assert len(UNTOLD) >= 5 and all(UNTOLD.values())
    assert set(ALIKE) <= set(MISTAKES)


def test_pairs_are_of_known_mistakes_and_differ_from_each_of_the_two():
    assert len(PAIRS) >= 12
    for names in PAIRS:
        steps = [set(vars(MISTAKES[n].layer_class)) - {"__module__", "__doc__"} for n in names]
        assert len({frozenset(s) for s in steps}) == 2, names


# ------------------------------------------------------------------ diagnosis

def answers_of(case, dtype, layer_class, port=None):
    """Name -> array that a layer gives on a case; None where it refuses."""
    port, found = port or Planted(layer_class), {}
    for request in requests(case, dtype):
        answer = contents(port.run(request))
        if answer is None:
            return None
        found |= answer
    return found


def of_public(case, dtype, layer_class):
    found = answers_of(CASES[case], dtype, layer_class)
    return {name: a for name, a in found.items() if is_public(name)}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["boundary", "columns-descending", "loss-is-a-sum",
                                  "no-cluster-term", "input-gradient-not-scattered"])
def test_a_mistake_is_named_in_either_dtype(name, dtype):
    answers = of_public("T04", dtype, MISTAKES[name].layer_class)
    assert diagnose(CASES["T04"], dtype, answers) == [name]


def test_a_port_that_shows_its_loss_alone_is_still_told_what_it_does():
    for name in ("columns-descending", "loss-is-a-sum", "tail-losses-averaged-apart"):
        answers = of_public("T09", "float64", MISTAKES[name].layer_class)
        names = diagnose(CASES["T09"], "float64", {"loss": answers["loss"]})
        assert name in names[:4], (name, names)


def test_wrong_hidden_sizes_are_named_from_the_shapes():
    answers = answers_of(CASES["S08"], "float64",
                         MISTAKES["hidden-size-of-a-quotient"].layer_class)
    assert diagnose(CASES["S08"], "float64", answers)[0] == "hidden-size-of-a-quotient"


@pytest.mark.parametrize("names", PAIRS, ids=" + ".join)
def test_a_pair_is_named_where_no_single_mistake_is_enough(names):
    layer = both(*(MISTAKES[n] for n in names))
    named = []
    for id in ("T09", "S19", "A11", "G02"):
        answers = answers_of(CASES[id], "float64", layer)
        named += diagnose(CASES[id], "float64", public_of(answers)) if answers else []
    assert " + ".join(names) in named


def public_of(answers):
    return {name: a for name, a in answers.items() if is_public(name)}


def test_a_right_answer_and_a_wrong_one_that_is_nobodys_have_no_name():
    right = of_public("T09", "float64", Layer)
    assert diagnose(CASES["T09"], "float64", right) == []
    right["loss"] = right["loss"] + 0.3125
    assert diagnose(CASES["T09"], "float64", right) == []


def test_an_answer_of_another_shape_is_no_mistakes_answer():
    case = CASES["T09"]
    assert not same(case, "float64", {"loss": np.zeros(3)}, {"loss": np.zeros(())})
    assert not same(case, "float64", {}, {"loss": np.zeros(())})


def test_a_row_that_was_accepted_is_named():
    answers = answers_of(CASES["E01"], "float64", MISTAKES["negative-targets-wrap"].layer_class)
    assert diagnose(CASES["E01"], "float64", answers) == ["negative-targets-wrap"]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_narrow_port_is_named_too(dtype):
    from npadasoft.conformance.judge.numbers import round_to
    layer = MISTAKES["columns-descending"].layer_class
    answers = {n: round_to(a, dtype) for n, a in of_public("T09", "float32", layer).items()}
    assert "columns-descending" in diagnose(CASES["T09"], dtype, answers)


@pytest.mark.parametrize("name", ["gradients-accumulate", "unused-tail-keeps-its-gradients",
                                  "weights-cached-for-evaluation"])
def test_what_an_earlier_request_left_is_named_in_all_cases_and_by_no_other_name(name):
    cases = [c for c in ORDERED if c["tier"] == "required" and "State" in c["flags"]]
    results = Session(Planted(MISTAKES[name].layer_class), cases).run(("float64",))
    name_run(results)
    failing = [r for r in results if r.verdict == "fail"]
    assert failing and {tuple(r.mistakes) for r in failing} == {(name,)}


# ------------------------------------------------------------------ other code, same mistakes

class Descending(AdaptiveLogSoftmaxWithLoss):
    """The layer of this package, wrong in two of its own places."""

    def _reduce(self, output, n_kept):
        return super()._reduce(output, n_kept) * max(n_kept, 1)


def test_the_layer_itself_with_a_mistake_is_located_and_named():
    port = Ours()
    port.layer_class = Descending
    case = CASES["T09"]
    results = Session(port, [case]).run(["float32"])
    name_run(results)
    result = results[0]
    assert result.origins == ["loss"] and result.mistakes == ["loss-is-a-sum"]
    assert "`loss-is-a-sum`" in describe(result, "", mistakes={
        n: m.sentence for n, m in MISTAKES.items()})


def test_torchs_layer_with_its_clusters_reversed_is_named():
    torch = pytest.importorskip("torch")
    case = CASES["S27"]
    config = case["config"]
    layer = torch.nn.AdaptiveLogSoftmaxWithLoss(**config, dtype=torch.float64)
    params = {n: torch.tensor(t["data"], dtype=torch.float64).reshape(t["shape"])
              for n, t in case["params"].items()}
    s = config["cutoffs"][0]
    for name in ("head.weight", "head.bias"):
        params[name] = torch.cat([params[name][:s], params[name][s:].flip(0)])
    layer.load_state_dict(params)
    inputs = {n: torch.tensor(t["data"]) for n, t in case["inputs"].items()}
    x = inputs["input"].reshape(case["inputs"]["input"]["shape"]).double()
    with torch.no_grad():
        output, loss = layer(x, inputs["target"].long())
        answers = {"output": output.numpy(), "loss": loss.numpy(),
                   "log_prob": layer.log_prob(x).numpy()}
    assert diagnose(case, "float64", answers) == ["columns-descending"]


def test_an_origin_that_is_not_the_mistakes_own_is_not_counted():
    mistake = Mistake("x", "y", Layer, ("loss",))
    assert located(mistake, SimpleNamespace(origins=["loss"]))
    assert not located(mistake, SimpleNamespace(origins=["loss", "cluster"]))
    assert located(Mistake("x", "y", Layer, ()), SimpleNamespace(origins=["loss"])) is None


def test_public_outputs_hold_no_trace():
    answers = {"forward": Answer({"loss": np.zeros(()), "cluster": np.zeros(3)}),
               "shapes": Answer(shapes={"head.weight": (2, 3)})}
    assert set(public(answers)) == {"loss", "head.weight"}
    assert all(not is_public(name) for name in TRACE if matches(name, name))


@pytest.mark.figures
def test_the_table_of_mistakes(capsys):
    """Every mistake on every case that it fails, not on the first alone; and located where the case
    asks for a tensor with which it begins: derivatives along a direction have no trace."""
    right = wrong = named = alone = shown = 0
    for mistake in MISTAKES.values():
        for case, dtype, answers, result in results_of(mistake, ORDERED, ("float64",)):
            begins = any(matches(pattern, name) for pattern in mistake.origin
                         for name in tensors(answers))
            place = located(mistake, result) if begins else None
            right, wrong = right + (place is True), wrong + (place is False)
            seen = public(answers)
            if seen and not mistake.state:
                names = diagnose(case, dtype, seen)
                shown, named = shown + 1, named + (mistake.name in names)
                alone += names == [mistake.name]
                if place is False or mistake.name not in names:
                    with capsys.disabled():
                        print(f"{mistake.name:<45}{case['id']:<5}{result.origins} {names[:4]}")
    with capsys.disabled():
        print(f"{len(MISTAKES)} mistakes, {right + wrong} failures with an origin: {right} located "
              f"at it\n{shown} failures that show numbers: {named} named, {alone} alone")
    assert right >= 0.99 * (right + wrong) and named >= 0.99 * shown


def test_a_mistake_of_the_list_that_no_case_catches_any_more_is_said_to_be_lost():
    name = next(name for name, where in caught_first().items()
                if len(where) > 2 and not MISTAKES[name].state)
    few = vectors_io.select(vectors_io.load(), only=[caught_first()[name][0], "S01"])
    assert examine(Mistake(name, "changes nothing", Layer, ()), few).result is None
