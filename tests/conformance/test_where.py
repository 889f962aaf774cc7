"""A mistake that a port makes in some cases alone, as those of one reduction, is named there."""
import pytest

import whole_run
from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.mistakes import MISTAKES
from npadasoft.conformance.mistakes.layer import Layer
from npadasoft.conformance.mistakes.planted import Planted
from npadasoft.conformance.mistakes.slips import WHERE

CASES = vectors_io.load()


def lines_of(name, where, ops=None):
    """The lines of causes of a port that has a mistake where something is so."""
    class Port(Planted):
        def ask(self, request):
            case = {"config": request.config, "inputs": {
                n: {"shape": a.shape} for n, a in request.inputs.items()}}
            wrong = WHERE[where](case) and (ops is None or request.op in ops)
            return Planted(MISTAKES[name].layer_class if wrong else Layer).ask(request)
    _, found = whole_run.run(Port(), CASES)
    return [c.text for c in found]


@pytest.mark.parametrize("name, where", [
    ("loss-not-negated", "reduction is mean"), ("loss-not-negated", "reduction is none"),
    ("loss-not-negated", "reduction is mean or none"), ("reduction-ignored", "reduction is sum"),
    ("gradient-of-the-mean-always", "reduction is sum"), ("boundary", "ignore_index is given"),
    ("boundary", "tails have biases"), ("loss-over-rows-less-one", "reduction is mean"),
    ("output-grouped-by-cluster", "rows have several axes"),
    ("projection-not-transposed-on-the-way-back", "div_value is 1")])
def test_a_mistake_in_cases_of_one_kind_is_named_with_what_they_have_in_common(name, where):
    assert lines_of(name, where) == [f"`{name} (where {where} alone)`"]


def test_operations_are_told_where_others_are_right_in_these_cases():
    assert lines_of("boundary", "tails have biases", ["backward"]) == [
        "`boundary (in backward where tails have biases alone)`"]
