"""Two numbers that have to be equal, and what is said of them in a report.

    value      what grads computes itself      = f
    out        grads into a filled array       = grads, added to what was there or in its place
    curl, curvature, hvp: see `second_order`;   <J v, u> = <v, J'u>: see `dot_test`
"""
import math

import numpy as np

from npadasoft.gradcheck import tree
from npadasoft.gradcheck.derivative import EPS
from npadasoft.gradcheck.errors import GradcheckUsage

FAIL_RATIO = 4.0
BLUNT = 1e-3
OUT = ("add", "write")


def compare(first, second, name, other, size=0.0):
    """An entry for two numbers, each as (value, error, scale)."""
    difference, tolerance = abs(first[0] - second[0]), first[1] + second[1]
    return {"verdict": verdict(difference, tolerance, max(first[2], second[2], size),
                               first[0] == second[0] == 0),
            "values": [first[0], second[0]], "difference": difference, "tolerance": tolerance,
            "text": f"{name} = {first[0]:.9g}, {other} = {second[0]:.9g}, difference "
                    f"{difference:.2g}, allowed {tolerance:.2g}"}


def verdict(difference, tolerance, scale, zero):
    """PASS, FAIL or why neither."""
    if not math.isfinite(difference):
        return "NONFINITE"
    if difference > FAIL_RATIO * tolerance:
        return "FAIL"
    if difference > tolerance or (tolerance > BLUNT * scale and not zero):
        return "INCONCLUSIVE"
    return "VACUOUS" if zero else "PASS"


# -------------------------------------------------------------------- what grads says besides

class Answers:
    """grads that says more than gradients, as one that does not; what else it said is kept.

    `value`: it answers (value of f, gradients).  `out`: it takes a tree of arrays as `out=`, and
    "add"s its gradients to what is there or "write"s over it.
    """

    def __init__(self, grads, value, out):
        self.grads, self.value, self.out = grads, value, out
        self.values: list = []

    def __call__(self, params, *cotangent):
        return self._asked(params, cotangent, self._filled(params, lambda path, leaf: 0.0))

    def _filled(self, params, number):
        if self.out is None:
            return None
        return tree.rebuild(params, {path: np.asarray(leaf) * 0 + number(path, np.asarray(leaf))
                                     for path, leaf in tree.ends(params).items()
                                     if tree.is_leaf(path, leaf)})

    def _asked(self, params, cotangent, out):
        found = self.grads(params, *cotangent, **({} if out is None else {"out": out}))
        if self.value:
            if not (isinstance(found, tuple) and len(found) == 2):
                raise GradcheckUsage("value=True: expected grads to answer (value, gradients), got "
                                     f"{type(found).__name__}")
            self.values.append(found[0])
            found = found[1]
        return found if out is None else out

    def twice(self, params, cotangent, seed):
        """(gradients into zeros, what was there, gradients into that), each by path."""
        rng = np.random.default_rng([seed, 0x6f7574])
        clean = self(params, *cotangent)
        size = {path: float(np.abs(end).max(initial=0.0)) or 1.0
                for path, end in tree.ends(clean).items() if isinstance(end, np.ndarray)}
        start = self._filled(params, lambda path, leaf: (
            size[path] * rng.normal(size=leaf.shape)).astype(leaf.dtype))
        before = {path: np.array(end) for path, end in tree.ends(start).items()}
        after = tree.ends(self._asked(params, cotangent, start))
        return tree.ends(clean), before, after


def of_value(own, f, sigma, eps):
    """What grads computes itself against f; its precision has an `eps`."""
    room = 16 * eps / EPS * max(sigma, EPS / 2 * abs(f))
    return {"name": "value", **compare((own, room, abs(own)), (f, 0.0, abs(f)), "grads' own", "f")}


def of_out(mode, clean, before, after, paths):
    """What stands in arrays that were not zero, against what stands in those that were."""
    entries = []
    for path in paths:
        g, start = np.asarray(clean[path], float), before[path].astype(float)
        expected = start + g if mode == "add" else g
        room = 4 * np.finfo(before[path].dtype).eps * (np.abs(start) + np.abs(g)) + 4e-323
        ratio = np.abs(np.asarray(after[path], float) - expected) / room
        if not ratio.size:
            continue
        i = int(np.argmax(ratio))
        index = [int(k) for k in np.unravel_index(i, g.shape)]
        entries.append((float(ratio.flat[i]), compare(
            (float(np.asarray(after[path]).flat[i]), float(room.flat[i]), math.inf),
            (float(expected.flat[i]), 0.0, math.inf), f"{path}{index}",
            "what was there + gradient" if mode == "add" else "gradient")))
    found = max(entries, key=lambda one: one[0], default=(0.0, compare(
        (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), "nothing", "nothing")))[1]
    return {"name": f'out, "{mode}"', **found}
