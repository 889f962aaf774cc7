"""Random programs: no gross error of an element passes, right gradients are not accused.

The truth is reverse mode in longdouble.  An element counts as known if float64 agrees with it to
1e-6 and its gradient in its own dtype to 1e-3; as wrong if it is off by more than 1 % of itself.  A
tensor is spoilt if its own precision has no gradient of it within 1 %: overflow of float16, say.
"""
from collections import Counter

import numpy as np
import programs
import pytest

from npadasoft import gradcheck

pytestmark = pytest.mark.once

FACTORS = {"sign": -1.0, "factor 2": 2.0, "zero": 0.0, "5 %": 1.05, "a thousandth": 1.001}
SHARE = 100             # of the figure's programs, one of so many runs with the other tests


def known(program):
    """By path: elements with a gradient that this precision can have, and the truth."""
    truth = program.truth(program.params)
    double = program.gradient({p: x.astype(np.float64) for p, x in program.params.items()})
    own = program.gradient(program.params)
    found = {}
    for path, t in truth.items():
        size = np.abs(t)
        close = np.abs(double[path] - t) <= 1e-6 * size
        found[path] = close & (np.abs(own[path].astype(t.dtype) - t) <= 1e-3 * size), t
    return found


def planted(rng, program):
    """(path, index, factor): one mistake, at the largest, the smallest or any element."""
    path = str(rng.choice(list(program.params)))
    size = np.abs(program.gradient(program.params)[path].astype(float)).ravel()
    nonzero = np.flatnonzero(size)
    if not len(nonzero):
        return None
    where = rng.integers(3)
    index = (nonzero[np.argmax(size[nonzero])], nonzero[np.argmin(size[nonzero])],
             rng.choice(nonzero))[where]
    return path, int(index), FACTORS[str(rng.choice(list(FACTORS)))]


def mistaken(program, mistake):
    def grads(p):
        found = program.gradient(p)
        path, index, factor = mistake
        g = found[path].copy()
        g.reshape(-1)[index:index + 1] *= g.dtype.type(factor)
        found[path] = g
        return found
    return grads


def run(seed, wild):
    """Rows (kind, verdict, what broke) of the checks of one program: one right, three wrong."""
    with np.errstate(all="ignore"):
        program = programs.draw(seed, wild)
        value, facts = program.f(program.params), known(program)
    if not np.isfinite(float(value)) or not all(np.isfinite(t.astype(float)).all()
                                                for _, t in facts.values()):
        return
    rng = np.random.default_rng([seed, 7])
    with np.errstate(all="ignore"):
        mistakes = [None] + [planted(rng, program) for _ in range(3)]
    for mistake in mistakes:
        grads = program.gradient if mistake is None else mistaken(program, mistake)
        with np.errstate(all="ignore"):
            own = grads(program.params)
            report = gradcheck.check(program.f, program.params, grads, seed=seed)
        for tensor in report.tensors:
            yield judged(tensor, own[tensor.path], facts[tensor.path], mistake)


def judged(tensor, own, fact, mistake):
    sure, truth = fact
    off = np.where(sure, np.abs(own.astype(truth.dtype) - truth), 0)
    gross = bool((off > 0.01 * np.abs(truth)).any())
    here = mistake is not None and mistake[0] == tensor.path
    spoilt = (~(np.abs(own.astype(truth.dtype) - truth) <= 0.01 * np.abs(truth))).any()
    kind = ("wrong" if gross else "slight" if here else "spoilt" if spoilt else "right")
    broke = ""
    if tensor.verdict == "PASS" and float(off.max(initial=0)) > (tensor.would_catch or np.inf):
        broke = "would_catch"
    return kind, tensor.verdict, broke


def table(seeds, wild):
    """Counts of verdicts by kind; the seeds of what should not be."""
    counts, shame = Counter(), []
    for seed in seeds:
        for kind, verdict, broke in run(seed, wild):
            counts[kind, verdict] += 1
            if broke or (kind, verdict) in (("wrong", "PASS"), ("right", "FAIL")):
                shame.append((seed, kind, verdict, broke))
    return counts, shame


def test_the_programs_are_made_of_at_least_forty_operations():
    assert programs.operations() >= 40


@pytest.mark.parametrize("wild", [False, True], ids=["tame", "wild"])
def test_a_hundredth_of_the_random_programs(wild):
    _, shame = table(range(0, 600, SHARE), wild)
    assert not shame


def show(name, counts, shame):
    print(f"\n{name}")
    for kind in ("right", "wrong", "slight", "spoilt"):
        row = {v: n for (k, v), n in sorted(counts.items()) if k == kind}
        print(f"  {kind:6} {sum(row.values()):5} tensors: "
              + ", ".join(f"{n} {v}" for v, n in row.items()))
    print(f"  what should not be: {shame or 'nothing'}", flush=True)


@pytest.mark.figures
@pytest.mark.parametrize("name, one_in", [("tame", 2000), ("wild", 200)], ids=["tame", "wild"])
def test_figure_of_random_programs(name, one_in):
    counts, shame = table(range(600), name == "wild")
    show(name, counts, shame)
    right = sum(n for (kind, _), n in counts.items() if kind == "right")
    print(f"  right and INCONCLUSIVE: {100 * counts['right', 'INCONCLUSIVE'] / right:.2f} %")
    assert not counts["wrong", "PASS"] and not any(broke for *_, broke in shame)
    assert counts["right", "FAIL"] <= max(1, right / one_in)
    assert name == "wild" or counts["right", "INCONCLUSIVE"] <= 0.04 * right
