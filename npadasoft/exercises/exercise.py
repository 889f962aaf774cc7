"""What an exercise is, and how its answers are taken apart and compared."""
from dataclasses import dataclass
from typing import Any, Callable, NamedTuple

import numpy as np


class Case(NamedTuple):
    """One call, and what is right for it."""

    function: str                   # its name
    arguments: dict                 # by name
    names: tuple[str, ...]          # of the parts of the answer
    want: Any                       # one part, or a tuple of several: arrays, lists, dicts of them
    bound: Any = 0.0                # what rounding may do: a tree like `want`, or one number for it
    memory: int | None = None       # bytes that a call may take beside its answer


class Mistake(NamedTuple):
    """A wrong answer that is known: functions that give it, and the hint."""

    hint: str
    functions: dict                 # name -> the wrong one


@dataclass(frozen=True)
class Exercise:
    """One file of the reader's folder.

    `check` is (functions) -> a report of gradcheck, for the exercises with a gradient.
    """

    name: str                       # of the file and of its stub: "e01_locate"
    ours: dict                      # function -> ours, of the same signature
    shown: tuple                    # the functions of the package that `solution` prints
    cases: Callable                 # () -> list of Case
    mistakes: dict                  # name -> Mistake
    hints: tuple[str, ...]          # from vague to plain
    uses: tuple[str, ...] = ()      # names of earlier exercises
    check: Any = None


class Wrong(NamedTuple):
    """An element that is not right, in words."""

    text: str


def leaves(tree, name):
    """Yield (name, leaf) of arrays in tuples, lists and dicts."""
    if isinstance(tree, dict):
        for key, part in tree.items():
            yield from leaves(part, f'{name}["{key}"]')
    elif isinstance(tree, (tuple, list)):
        for i, part in enumerate(tree):
            yield from leaves(part, f"{name}[{i}]")
    else:
        yield name, tree


def compare(case, got):
    """The first `Wrong` of an answer, None if it is right."""
    parts, bounds = (case.want,), (case.bound,)
    if len(case.names) > 1:
        parts = case.want
        bounds = case.bound if isinstance(case.bound, tuple) else (case.bound,) * len(parts)
        if not isinstance(got, (tuple, list)) or len(got) != len(parts):
            return Wrong(f"should answer {len(parts)} things, {', '.join(case.names)}, "
                         f"but answers {_kind(got)}")
    else:
        got = (got,)
    for name, want, found, bound in zip(case.names, parts, got, bounds):
        wrong = _differ(name, want, found, bound)
        if wrong:
            return wrong
    return None


def _differ(name, want, got, bound):
    if isinstance(want, dict):
        if not isinstance(got, dict) or got.keys() != want.keys():
            keys = f"the keys {', '.join(map(str, got))}" if isinstance(got, dict) else _kind(got)
            return Wrong(f"{name} should be a dict with the keys {', '.join(want)}, "
                         f"but has {keys}")
        pairs = [(f'{name}["{key}"]', want[key], got[key],
                  bound[key] if isinstance(bound, dict) else bound) for key in want]
    elif isinstance(want, list):
        if not isinstance(got, (list, tuple)) or len(got) != len(want):
            return Wrong(f"{name} should be a list of {len(want)}, but is {_kind(got)}")
        pairs = [(f"{name}[{i}]", want[i], got[i], bound) for i in range(len(want))]
    else:
        return _leaf_differs(name, want, got, bound)
    return next(filter(None, (_differ(*pair) for pair in pairs)), None)


def _leaf_differs(name, want, got, bound):
    """The first wrong element of an array or a number; of None, that it is not None."""
    if want is None or got is None:
        return None if got is want else Wrong(f"{name}: got {_kind(got)}, want {_kind(want)}")
    answer = got
    try:
        got = np.asarray(answer)
    except ValueError:
        got = np.asarray(None)
    want = np.asarray(want)
    if got.dtype.kind not in "biuf":
        return Wrong(f"{name} should hold numbers, but is {_kind(answer)}")
    if got.shape != want.shape:
        return Wrong(f"{name} should have shape {want.shape}, but has {got.shape}")
    if want.dtype.kind == "i" and got.dtype.kind not in "iu":
        return Wrong(f"{name} should hold integers, but is of dtype {got.dtype}")
    with np.errstate(all="ignore"):
        right = (got == want) | (abs(got - want) <= bound) | (np.isnan(got) & np.isnan(want))
    if right.all():
        return None
    at = tuple(map(int, np.argwhere(~right)[0]))
    place = str(list(at)) if at else ""
    return Wrong(f"{name}{place}: got {got[at].item()!r}, want {want[at].item()!r}")


def _kind(value):
    if value is None:
        return "None"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    return repr(value) if isinstance(value, (int, float)) else f"a {type(value).__name__}"


def same(case, got, other):
    """Whether an answer is `other`, a known wrong one: as near as rounding brings two of one kind.

    This says which mistake it is, never whether it is one; so a part in 2^-40 is near enough.
    """
    near = [leaf for _, leaf in leaves(other, "")]
    if any(leaf is None for leaf in near):
        return compare(case._replace(want=other, bound=0.0), got) is None
    return compare(case._replace(want=other, bound=_near(other)), got) is None


def _near(tree):
    if isinstance(tree, dict):
        return {key: _near(part) for key, part in tree.items()}
    if isinstance(tree, tuple):
        return tuple(map(_near, tree))
    if isinstance(tree, list):
        finite = [abs(np.asarray(leaf)).max(initial=0) for _, leaf in leaves(tree, "")]
        return 2.0**-40 * max(finite, default=0.0)
    size = abs(np.asarray(tree))
    return np.where(np.isfinite(size), 2.0**-40 * size, 0)
