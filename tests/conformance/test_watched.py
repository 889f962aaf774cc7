"""A known mistake is run only where it acts, and gives there what it gives when it is run whole."""
import numpy as np
import pytest

from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.mistakes import MISTAKES, watched
from npadasoft.conformance.mistakes.candidates import candidates_of, layers
from npadasoft.conformance.mistakes.known import both
from npadasoft.conformance.mistakes.layer import Layer
from npadasoft.conformance.mistakes.planted import Planted, silently

CASES = {case["id"]: case for case in vectors_io.load()}
SEVERAL = ["T03", "S27", "G02", "A09", "A13", "B01", "J01", "J07", "F07", "P13", "I08", "E01",
           "S08"]


@pytest.fixture(autouse=True)
def watched_from_the_first(monkeypatch):
    monkeypatch.setattr(watched, "FEW", 0)


def bits(answer):
    """All of an Answer, to the last bit."""
    return ({n: (a.shape, a.tobytes()) for n, a in answer.results.items()}, answer.shapes,
            answer.error)


@pytest.mark.parametrize("id", SEVERAL)
@silently
def test_what_is_left_out_of_a_run_changes_no_bit_of_its_answer(id):
    there = candidates_of(dict(CASES[id]), "float64")
    found = [(name, there.answers(c), c) for name, c in [*layers(), ("right", Layer)]]
    for name, answers, layer_class in found:
        for op, request in there.requests.items():
            assert bits(answers[op]) == bits(Planted(layer_class).ask(request)), (name, op)


def test_a_mistake_that_does_not_act_on_a_case_is_not_run(monkeypatch):
    asked, ask, cases = [], Planted.ask, [dict(CASES[id]) for id in ("S01", "G02", "P13", "E01")]
    there = [candidates_of(case, "float64") for case in cases]
    monkeypatch.setattr(Planted, "ask", lambda self, r: asked.append(r.op) or ask(self, r))
    taken = 0
    for candidates in there:
        for _, layer_class in layers():
            candidates.answers(layer_class)
            taken += sum(candidates.touches(layer_class, op) for op in candidates.requests)
    assert 0 < len(asked) < taken / 2, (len(asked), taken)


def test_a_mistake_behind_the_forward_pass_takes_that_of_the_right_layer(monkeypatch):
    there = candidates_of(dict(CASES["T03"]), "float64")
    there.answers(MISTAKES["boundary"].layer_class)             # now all is watched
    passes, through = [], Layer.through
    monkeypatch.setattr(Layer, "through", lambda self, f: passes.append(1) or through(self, f))
    there.answers(MISTAKES["loss-is-a-sum"].layer_class)
    assert not passes
    there.answers(MISTAKES["column-off-by-one"].layer_class)
    assert len(passes) == 2


class Counts(Layer):
    """Is right where it looks, and wrong elsewhere by what it has seen there."""

    seen = 0

    def cluster(self, y):
        self.seen = len(y)
        return super().cluster(y)

    def reduce(self, output, f):
        return super().reduce(output, f) + self.seen


class Writes(Layer):
    """Is right, but for what it leaves in an array that is not its own."""

    def tail_log_softmax(self, z, x, i):
        found = super().tail_log_softmax(z, x, i)
        z *= 2
        return found


@pytest.mark.parametrize("layer_class", [
    Counts, Writes, both(MISTAKES["boundary"], MISTAKES["loss-is-a-sum"])])
@silently
def test_what_a_step_leaves_behind_is_not_lost(layer_class):
    there = candidates_of(dict(CASES["T03"]), "float64")
    for op, request in there.requests.items():
        mine = there.answers(layer_class)[op]
        assert bits(mine) == bits(Planted(layer_class).ask(request)), op
    loss = there.answers(Counts)["forward"].results["loss"]
    assert loss == there.right["forward"]["loss"] + len(CASES["T03"]["inputs"]["target"]["data"])


@silently
def test_what_was_watched_cannot_be_written_over():
    seen = watched.Watched(candidates_of(CASES["T03"], "float64").requests["forward"])
    seen.answer_of(Counts)
    before = [np.array(a) for _, _, a in seen._calls if isinstance(a, np.ndarray)]
    for layer_class in (Writes, Counts, *(c for _, c in layers())):
        seen.answer_of(layer_class)
    after = [a for _, _, a in seen._calls if isinstance(a, np.ndarray)]
    assert len(after) > 20 and all(map(np.array_equal, before, after))


def test_where_few_mistakes_are_asked_for_the_layer_is_not_watched(monkeypatch):
    monkeypatch.setattr(watched, "FEW", 1)
    seen = watched.Watched(candidates_of(CASES["T03"], "float64").requests["forward"])
    for name, is_watched in (("boundary", False), ("column-off-by-one", True)):
        request, layer_class = seen.request, MISTAKES[name].layer_class
        assert bits(seen.answer_of(layer_class)) == bits(Planted(layer_class).run(request))
        assert bool(seen._calls) == is_watched
