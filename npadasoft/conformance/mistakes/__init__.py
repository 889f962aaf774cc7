"""Every way we know to port the layer wrongly, and which of them a port's numbers speak of.

    layer.py          the layer in steps, each of which a mistake can replace (formulas.py)
    planted.py        a layer, right or wrong, as a port in this process
    construction.py routing.py forward.py softmax.py backward.py answers.py   mistakes, by stage
    labels.py factors.py      labels off by one or smoothed; signs and factors
    cotangents.py     what arrives at output, the loss and log_prob
    layouts.py        numbers read and written column by column
    dialects.py       any array by columns, turned, or counted from another class
    tangents.py input.py      of jvp and hvp, and of the adaptive input
    steps_*.py        their steps, and those of the head alone
    padding.py        what counts as padding
    kept.py           what an earlier call leaves
    shipped.py        what other projects released
    unseen.py unseen_backward.py      those of a reviewer who has not seen the cases
    watched.py        what the right layer does on a case, and which mistakes change it
    candidates.py     what each of them gives on a case
    diagnosis.py      the mistake that gives a port's numbers
    naming.py         the mistakes that explain a whole run
    denied.py         the mistakes that a right answer denies
    narrow.py         a mistake in few tensors alone
    slips.py          one name for one slip in several operations, and in layer and head
    replay.py         mistakes of state, which show in the order of a run
    score.py          the suite's own test: is each caught, located, named?
"""
from npadasoft.conformance.mistakes import (answers, backward, construction, cotangents,
                                            factors, forward, input, kept, labels, layouts,
                                            padding, routing, shipped, softmax, tangents, unseen,
                                            unseen_backward)
from npadasoft.conformance.mistakes.diagnosis import diagnose
from npadasoft.conformance.mistakes.known import MISTAKES
from npadasoft.conformance.mistakes.naming import name_run
from npadasoft.conformance.mistakes.score import score

__all__ = ["MISTAKES", "diagnose", "name_run", "score", "answers", "backward", "construction",
           "cotangents", "factors", "forward", "input", "kept", "labels", "layouts", "padding",
           "routing", "shipped", "softmax", "tangents", "unseen", "unseen_backward"]
