"""What is done to cotangents has its own name in a whole run, or none: no sibling's."""
from dataclasses import replace

import numpy as np
import pytest

from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge.causes import causes
from npadasoft.conformance.judge.outline import remarkable
from npadasoft.conformance.judge.session import Session
from npadasoft.conformance.mistakes import name_run
from npadasoft.conformance.mistakes.layer import Layer
from npadasoft.conformance.mistakes.planted import Planted
from npadasoft.conformance.wire.messages import PortInfo

CASES = vectors_io.select(vectors_io.load(), ["S*", "T*", "G*", "X*", "B*", "J*"])
pytestmark = pytest.mark.once


class Arrives(Planted):
    """Changes what arrives at one answer, and shows no trace."""

    info = PortInfo("planted")

    def __init__(self, place, change):
        super().__init__()
        self.place, self.change = place, change

    def run(self, request):
        changed = {n: self.change(np.atleast_1d(a)).reshape(a.shape) if n == self.place else a
                   for n, a in request.cotangents.items()}
        return super().run(replace(request, cotangents=changed))


class Column(Planted):
    """A column of the head receives something else of its classes' cotangents."""

    info = PortInfo("planted")

    def __init__(self, change):
        class Changed(Layer):
            def column_cotangent(self, g):
                return change(g)
        super().__init__(Changed)


def names_and_causes(port):
    """All names in a run, and the texts of its causes."""
    session = Session(port, CASES)
    results = session.run(("float64",))
    session.explain(("float64",))
    name_run(results)
    assert sum(r.verdict == "fail" for r in results) > 4
    return {n for r in results for n in r.mistakes}, [c.text for c in causes(remarkable(results))]


def last(g):
    return g[..., -1:] + 0 * g


def without(place):
    """A change that drops what arrives at one class."""
    def change(g):
        found = g.copy()
        found[..., place] = 0
        return found
    return change


NAMED = {
    "cotangent-of-output-negated": Arrives("output", lambda g: -g),
    "cotangent-of-output-doubled": Arrives("output", lambda g: 2 * g),
    "cotangent-of-output-is-one": Arrives("output", np.ones_like),
    "cotangent-of-output-reversed": Arrives("output", lambda g: g[::-1]),
    "cotangent-of-output-one-row-late": Arrives("output", lambda g: np.roll(g, 1)),
    "cotangent-of-output-one-row-early": Arrives("output", lambda g: np.roll(g, -1)),
    "cotangent-of-the-last-output": Arrives("output", last),
    "cotangents-of-output-summed": Arrives("output", lambda g: 0 * g + g.sum()),
    "cotangent-of-loss-negated": Arrives("loss", lambda g: -g),
    "cotangent-of-loss-doubled": Arrives("loss", lambda g: 2 * g),
    "cotangent-of-loss-not-looked-at": Arrives("loss", np.ones_like),
    "cotangents-of-log-prob-are-one": Arrives("log_prob", np.ones_like),
    "cotangents-of-log-prob-reversed": Arrives("log_prob", lambda g: g[..., ::-1]),
    "cotangents-of-log-prob-one-class-late": Arrives("log_prob", lambda g: np.roll(g, 1, -1)),
    "cotangents-of-log-prob-one-class-early": Arrives("log_prob", lambda g: np.roll(g, -1, -1)),
    "cotangents-of-log-prob-upside-down": Arrives("log_prob", lambda g: g[::-1]),
    "cotangents-of-log-prob-one-row-late": Arrives("log_prob", lambda g: np.roll(g, 1, 0)),
    "cotangents-of-log-prob-one-row-early": Arrives("log_prob", lambda g: np.roll(g, -1, 0)),
    "cotangents-of-the-first-row": Arrives("log_prob", lambda g: g[:1] + 0 * g),
    "cotangents-of-the-last-class": Arrives("log_prob", last),
    "last-class-receives-nothing": Arrives("log_prob", without(-1)),
    "gradients-negated (in log_prob_backward alone)": Arrives("log_prob", lambda g: -g),
    "gradients-doubled (in log_prob_backward alone)": Arrives("log_prob", lambda g: 2 * g),
    "column-receives-the-first": Column(lambda g: g[:, 0]),
    "column-receives-the-last": Column(lambda g: g[:, -1]),
    "column-without-the-first": Column(lambda g: g[:, 1:].sum(-1)),
    "column-without-the-last": Column(lambda g: g[:, :-1].sum(-1)),
    "column-receives-a-negative": Column(lambda g: -g.sum(-1)),
}


@pytest.mark.parametrize("name", NAMED)
def test_what_is_done_to_cotangents_is_one_line_with_its_own_name(name):
    names, lines = names_and_causes(NAMED[name])
    assert names == {name} and lines == [f"`{name}`"]


NAMELESS = {
    "column-second": Column(lambda g: g[:, min(1, g.shape[1] - 1)]),
    "column-largest": Column(lambda g: g.max(-1)),
    "column-twice": Column(lambda g: 2 * g.sum(-1)),
    "column-of-another-row": Column(lambda g: g.sum(-1)[::-1]),
    "output-absolute": Arrives("output", np.abs),
    "output-without-the-last": Arrives("output", without(-1)),
    "loss-sign": Arrives("loss", np.sign),
    "log-prob-squared": Arrives("log_prob", np.square),
    "log-prob-second-class": Arrives("log_prob", lambda g: g[..., 1:2] + 0 * g),
    "log-prob-without-the-first-class": Arrives("log_prob", without(0)),
    "log-prob-mean-of-classes": Arrives("log_prob", lambda g: 0 * g + g.mean(-1, keepdims=True)),
    "log-prob-sum-of-rows": Arrives("log_prob", lambda g: 0 * g + g.sum(0)),
    "log-prob-sum": Arrives("log_prob", lambda g: 0 * g + g.sum()),
}


@pytest.mark.parametrize("plant", NAMELESS)
def test_what_nobody_listed_gets_no_sibling_s_name(plant):
    names, _ = names_and_causes(NAMELESS[plant])
    assert not names
