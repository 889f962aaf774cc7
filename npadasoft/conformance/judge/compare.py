"""One rule by which every answer is compared, and where a divergence comes from.

A number passes when

    |got - want| <= 1.01 · err · u + ulp(want) / 2 + tiny

`err` is stored beside the number: a bound, in units of the unit roundoff u of the port's dtype,
within which any sane evaluation lies.  ulp(want) is that of the stored double, tiny the smallest
subnormal times the number of terms.  Where all that a tensor is made of is exact in the dtype
(`exact_bits`), numbers are compared as equal: there a difference is a bug, never rounding.

A tensor that differs while all it is computed from (`after`) agrees is an *origin*.
"""
import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from npadasoft.conformance.judge.numbers import precision, round_to, tiny, ulp64, unit


@dataclass(frozen=True)
class Worst:
    """The element of a tensor that is farthest off, in multiples of what is allowed."""

    tensor: str
    index: tuple[int, ...]
    got: Any
    want: Any
    bound: float = 0.0
    ratio: float | None = None          # |got - want| / bound; None where numbers must be equal
    ulps: float | None = None           # |got - want| in ulp of the port's dtype


@dataclass(frozen=True)
class Comparison:
    """One tensor of an answer against the stored one."""

    tensor: str
    differs: bool
    n_differing: int = 0
    ratio: float | None = None          # largest |got - want| / bound over all elements
    worst: Worst | None = None
    message: str | None = None          # what is wrong, where no element can be shown


class Key:
    """Objects, hashed by which they are: to keep what is computed from a case, which is a dict."""

    def __init__(self, *objects):
        self.objects, self._ids = objects, tuple(map(id, objects))

    def __hash__(self):
        return hash(self._ids)

    def __eq__(self, other):
        return self._ids == other._ids


def values(tensor):
    """The float64 array of a stored tensor; "nan" and "inf" are strings there.

    Of a tensor with `at` only these flat places are stored: a flat array.
    """
    flat = np.array(tensor["data"], dtype=np.float64)
    return flat if "at" in tensor else flat.reshape(tensor["shape"])


def terms(case):
    """No number of a case is a sum of more terms: D + K + max(O_i + H_i) + N."""
    config, inputs = case["config"], case["inputs"]
    if "index" in inputs:                           # of an input: D + max H_b + N
        shapes = [t["shape"] for t in case["params"].values()]
        return config["in_features"] + max(s[1] for s in shapes) + len(inputs["index"]["data"])
    shape = inputs["input"]["shape"]
    edges = [*config["cutoffs"], config["n_classes"]]
    widest = max((b - a for a, b in zip(edges, edges[1:])), default=0)
    hidden = max((t["shape"][0] for name, t in case["params"].items()
                  if name.endswith(".0.weight")), default=0)
    rows = int(np.prod(shape[:-1], dtype=np.int64))
    return shape[-1] + edges[0] + len(edges) - 1 + widest + hidden + rows


def bounds(block, want, dtype, n_terms):
    """What |got - want| may be, elementwise; zeros where numbers must be equal."""
    exact = block.get("exact_bits")
    relative = "err_sharp" in block
    err = block.get("err_sharp" if relative else "err")
    if err is None or exact is not None and exact <= precision(dtype):
        return np.zeros(want.shape)
    err = np.array(err, dtype=np.float64).reshape(want.shape)
    with np.errstate(invalid="ignore"):
        scale = np.abs(want) if relative else 1.0
        bound = 1.01 * unit(dtype) * err * scale + ulp64(want) / 2
    return bound + tiny(dtype) * n_terms


def compare_tensor(name, got, block, dtype, n_terms, any_non_finite=False):
    """Hold the array `got` against the stored `block`.

    Parameters
    ----------
    name : str
    got : float64 array
    block : mapping
        `shape`, `data` and `err`, `err_sharp` or neither; or `sets`, the classes that `predict`
        may name.
    dtype : str
        In which the port computed.
    n_terms : int
        See `terms`.
    any_non_finite : bool
        Whether nan may be answered by any number that is not finite.

    Returns
    -------
    Comparison
    """
    got, shape = np.asarray(got, dtype=np.float64), tuple(block["shape"])
    if got.shape != shape:
        return Comparison(name, True, message=f"got shape {list(got.shape)}, want {list(shape)}")
    if "sets" in block:
        return _compare_sets(name, got, block["sets"])
    due = stored(block, dtype, n_terms)
    got = round_to(got.ravel()[block["at"]] if "at" in block else got, dtype)
    if not due.want.size:
        return Comparison(name, False)
    wrong, ratio = judged_elements(got, due, any_non_finite)
    n_wrong = int(np.count_nonzero(wrong))
    worst = _worst(name, got, due, np.where(wrong, ratio, -1.0) if n_wrong else ratio, dtype)
    if "at" in block:
        worst = replace(worst, index=_unravel(block["at"][worst.index[0]], shape))
    judged = ratio[due.bounded & np.isfinite(ratio)]
    return Comparison(name, n_wrong > 0, n_wrong, float(judged.max()) if judged.size else None,
                      worst)


def stored(block, dtype, n_terms):
    """The `Due` of a block, computed once."""
    return _stored(Key(block, block["data"]), dtype, n_terms)


class Due(NamedTuple):
    """The numbers of a tensor and their bounds."""

    want: np.ndarray
    bound: np.ndarray
    target: np.ndarray      # want in the dtype: what is beyond its range is inf
    bounded: np.ndarray     # where the bound is not 0
    finite: bool            # whether every target is

    def widened(self, more):
        """With wider bounds."""
        return self._replace(bound=self.bound + more, bounded=self.bound + more > 0)


@lru_cache(maxsize=2**14)
def _stored(key, dtype, n_terms):
    block = key.objects[0]
    want = values(block)
    bound, target = bounds(block, want, dtype, n_terms), round_to(want, dtype)
    return Due(want, bound, target, bound > 0, bool(np.isfinite(target).all()))


def judged_elements(got, due, any_non_finite):
    """Which elements are wrong, and |got - want| / bound where both are finite."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        gap, same = np.abs(got - due.want), got == due.target
        if due.finite and np.isfinite(got).all():
            ratio = np.where(due.bounded, gap / due.bound, np.where(gap > 0, np.inf, 0.0))
            return ~(same | (gap <= due.bound)), ratio
        finite = np.isfinite(got) & np.isfinite(due.target)
        same |= np.isnan(got) & np.isnan(due.target)
        if any_non_finite:
            same |= np.isnan(due.target) & ~np.isfinite(got)
        gap = np.where(finite, gap, 0.0)
        within = finite & (gap <= due.bound)
        ratio = np.where(due.bounded, gap / due.bound, np.where(gap > 0, np.inf, 0.0))
    return ~(same | within), np.where(finite, ratio, np.where(same, 0.0, np.inf))


def judged_anew(case, name, got, due_of):
    """`judged_elements` of a tensor by other bounds; None where it has no numbers of that shape.

    Parameters
    ----------
    case : mapping
    name : str
    got : float64 array
    due_of : callable
        Stored block -> Due.
    """
    block: dict = next((b[name] for b in blocks(case) if name in b), {})
    if "data" not in block or got.shape != tuple(block["shape"]):
        return None
    mine = got.ravel()[block["at"]] if "at" in block else got
    return judged_elements(mine, due_of(block), "NonFinite" in case.get("flags", ()))


def _worst(name, got, due, ranked, dtype):
    """The element that is ranked highest: the worst wrong one, or of all if none is wrong."""
    want, bound, index = due.want, due.bound, _unravel(int(ranked.argmax()), ranked.shape)
    g, w, b = float(got[index]), float(want[index]), float(bound[index])
    numeric = math.isfinite(g) and math.isfinite(w)
    step = max(abs(w) * 2 * unit(dtype), tiny(dtype))
    return Worst(name, index, g, w, b, float(ranked[index]) if b > 0 and numeric else None,
                 abs(g - w) / step if numeric else None)


def _unravel(place, shape):
    """`np.unravel_index`, of one place: in Python ints, which is faster for one."""
    index = []
    for n in reversed(shape):
        place, i = divmod(place, n)
        index.append(i)
    return tuple(reversed(index))


def _compare_sets(name, got, sets):
    """A class for each row, out of the set of those that may be best."""
    flat = got.ravel()
    wrong = [i for i, allowed in enumerate(sets) if flat[i] not in allowed]
    if not wrong:
        return Comparison(name, False)
    i = wrong[0]
    return Comparison(name, True, len(wrong),
                      worst=Worst(name, _unravel(i, got.shape), float(flat[i]),
                                  sets[i][0] if len(sets[i]) == 1 else sets[i]))


def compare(case, dtype, got):
    """Hold all that a port answered on a case against what is stored.

    Parameters
    ----------
    case : mapping
        A case with tensors (`result` is valid or acceptable).
    dtype : str
    got : mapping
        Tensor name -> float64 array.

    Returns
    -------
    dict
        Tensor name -> Comparison, for what was both stored and answered, in stored order.  Of
        several acceptable answers the one that fits best is taken.
    """
    n_terms, loose = terms(case), "NonFinite" in case.get("flags", ())
    candidates = [
        {name: compare_tensor(name, got[name], block, dtype, n_terms, loose)
         for name, block in expected.items() if name in got}
        for expected in blocks(case)]
    return min(candidates, key=lambda found: sum(c.differs for c in found.values()))


def blocks(case):
    """The sets of tensors that are right: one, or several of which any will do."""
    expected = case["expected"]
    return expected["any_of"] if "any_of" in expected else [expected]


def origins(expected, differing, answered):
    """The tensors with which a divergence begins.

    Parameters
    ----------
    expected : mapping
        Stored tensors, each with `after`, the names of what it is computed from.
    differing, answered : collections of str
        Names of the tensors that differ, and of all that the port answered.

    Returns
    -------
    list of str
        Every tensor that differs while all it is computed from agrees.  A tensor that was not
        answered is replaced by what *it* is computed from.

    Examples
    --------
    >>> stored = {"a": {"after": ["input"]}, "b": {"after": ["a"]}, "c": {"after": ["b"]}}
    >>> origins(stored, {"b", "c"}, {"a", "b", "c"}), origins(stored, {"c"}, {"c"})
    (['b'], ['c'])
    """
    return [name for name in expected if name in differing
            and not set(ancestors(expected, name, answered)) & set(differing)]


def ancestors(expected, name, answered):
    """What `name` is computed from, as far as it was answered: tensors, and inputs."""
    found, todo, seen = [], list(expected[name].get("after", ())), set()
    while todo:
        parent = todo.pop(0)
        if parent in seen:
            continue
        seen.add(parent)
        if parent in answered or parent not in expected:
            found.append(parent)
        else:
            todo += expected[parent].get("after", ())
    return found
