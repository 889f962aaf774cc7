"""Every index rule: which class lives where (`Cutoffs`), and which row goes where (`Routing`).

    N rows   M rows that count (all but the ignored ones)   J tails   C n_classes
    s = c_0 size of the short-list   N_i rows of tail i

The classes are cut at c_0 < ... < c_{J-1}, and c_J = C closes the last tail:

    class      0 ... s-1   |  c_0 ... c_1-1  |  ...  |  c_{J-1} ... C-1
    lives in   short-list  |  tail 0         |  ...  |  tail J-1
    column     0 ... s-1   |  s              |  ...  |  s+J-1              (of the head)
"""
import operator
import warnings
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from npadasoft.arrays import Array, array_namespace, to_host


class Cutoffs:
    """The cut of `n_classes` classes, most frequent first, into a short-list and tails.

    Parameters
    ----------
    cutoffs : iterable of int
        First class of each tail: increasing, between 1 and n_classes - 1.
    n_classes : int
        Number of classes, at least 2.

    Attributes
    ----------
    values : tuple of int
        c_0 ... c_J: the cutoffs, and `n_classes` as the last.
    shortlist_size, n_clusters, head_size : int
        s, J and s + J.

    Raises
    ------
    ValueError, TypeError
        If they are not such a cut; the message names the value.

    Examples
    --------
    >>> cut = Cutoffs([2, 5], 9)
    >>> cut.values, cut.head_size, cut.cluster_size(1)
    ((2, 5, 9), 4, 4)
    """

    def __init__(self, cutoffs, n_classes):
        n_classes = integer("n_classes", n_classes, minimum=2)
        values = _read(cutoffs)
        if not values:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        if sorted(set(values)) != values or values[0] < 1 or values[-1] > n_classes - 1:
            hint = ": n_classes itself is not a cutoff, leave it out"
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing "
                "order, where each value is between 1 and n_classes-1, but found "
                f"{values} with n_classes {n_classes}{hint if values[-1] == n_classes else ''}")
        self.values = (*values, n_classes)
        self.n_classes = n_classes
        self.shortlist_size = values[0]
        self.n_clusters = len(values)
        self.head_size = self.shortlist_size + self.n_clusters

    def __repr__(self):
        return f"Cutoffs({list(self.values[:-1])}, {self.n_classes})"

    def classes(self, i):
        """The classes of tail `i` as a slice."""
        return slice(self.values[i], self.values[i + 1])

    def cluster_size(self, i):
        """Number of classes of tail `i`."""
        return self.values[i + 1] - self.values[i]

    def column(self, i):
        """Column of the head that stands for tail `i`."""
        return self.shortlist_size + i


def integer(name, value, minimum=None):
    """`value` as a Python int; bools and floats are refused, and what is below `minimum`."""
    value = _index(value, f"{name} should be an integer, but found {value!r}")
    if minimum is not None and value < minimum:
        raise ValueError(f"{name} should be at least {minimum}, but found {value}")
    return value


def _index(value, message):
    """`value` as a Python int, if it is an integer and no bool."""
    try:
        if isinstance(value, bool) or getattr(value, "dtype", None) == bool or np.ndim(value):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{message} of type {type(value).__name__}") from None


def _read(cutoffs):
    """The cutoffs as a list of Python ints, read once."""
    try:
        if isinstance(cutoffs, (str, bytes)):
            raise TypeError
        values = list(cutoffs)
    except TypeError:
        raise TypeError("cutoffs should be a sequence of integers, "
                        f"but found {type(cutoffs).__name__}") from None
    return [_index(value, f"cutoffs should hold integers, but found {value!r}") for value in values]


def hidden_sizes(in_features, div_value, cutoffs, tail_bias=False):
    """Width of each tail's projection: int(in_features // div_value ** (i + 1)) in floats.

    Floor division and not the floor of a quotient: 1024 // 1.6 is 639, while 1024 / 1.6 rounds up
    to 640.

    Parameters
    ----------
    in_features : int
    div_value : float
        As checked by `divisor`.
    cutoffs : Cutoffs
    tail_bias : bool
        For the words of the warning.

    Returns
    -------
    tuple of int
        One a tail.  A size of 0 is legal and warned of: its classes share the probability
        equally.

    Raises
    ------
    ValueError
        If a power or a quotient is too large for a float.
    """
    sizes = []
    for i in range(cutoffs.n_clusters):
        try:
            size = int(in_features // div_value ** (i + 1))
        except (OverflowError, ZeroDivisionError, ValueError):  # inf, 0 or nan
            raise ValueError(f"hidden size of tail {i} is not finite: "
                             f"{in_features} // {div_value}**{i + 1}") from None
        if size == 0:
            warnings.warn(f"tail {i} has hidden size 0: its {cutoffs.cluster_size(i)} classes "
                          f"share its probability equally{' but for their biases' * tail_bias}",
                          stacklevel=3)
        sizes.append(size)
    return tuple(sizes)


def divisor(div_value):
    """`div_value` as a positive float."""
    if isinstance(div_value, (bool, np.bool_)) or not isinstance(div_value, Real):
        raise TypeError(f"div_value should be a real number, but found {div_value!r} "
                        f"of type {type(div_value).__name__}")
    try:
        div_value = float(div_value)
    except OverflowError:
        raise ValueError(f"div_value should be a finite number, but found {div_value}") from None
    if div_value == 0:
        raise ValueError("div_value should not be equal to 0")
    if not div_value > 0:
        raise ValueError(f"div_value should be a positive number, but found {div_value}")
    return div_value


@dataclass(frozen=True, eq=False)
class Routing:
    """Which row goes where.  A row belongs to the short-list or to one tail: no index repeats.

    Row indices are places in the batch; `kept` is `slice(None)` if no row is ignored.
    """

    tail: Array                     # (N,) i for tail i, -1 for the short-list, -2 if ignored
    kept: Any                       # (M,) the rows that count, in batch order
    n_kept: int
    head_column: Array              # (M,) column of the head that the row's target uses
    rows: tuple[Array, ...]         # (N_i,) of each tail: its rows, in batch order
    relative_target: tuple[Array, ...]      # (N_i,) of each tail: places of its targets there
    shortlist: Array | None = None  # the rows whose target is in the short-list


def route(target, cutoffs, ignore_index=None, name="Target"):
    """Send each row to where its target lives.

    A target equal to a cutoff c_i is the first class of tail i.  One transfer from the device:
    lowest and highest target and the number of rows of each tail travel together.

    Parameters
    ----------
    target : (N,) integer array
    cutoffs : Cutoffs
    ignore_index : int, optional
        Rows with this target do not count, whatever its value.
    name : str
        For the words of the refusal.

    Returns
    -------
    Routing

    Raises
    ------
    ValueError
        If a target that counts is not a class: [0, n_classes).
    """
    xp = array_namespace(target)
    y, kept = _plain_targets(target, ignore_index, xp)
    first = xp.asarray(cutoffs.values[:-1], dtype=xp.int64)                 # (J,)
    tail = xp.searchsorted(first, y, side="right") - 1                      # (N,)
    if kept is not None:
        tail = xp.where(kept, tail, -2)
    ends = [y.min(), y.max()] if y.size else []
    order, edges, ends = group(tail + 1, cutoffs.n_clusters + 1, ends)      # short-list first
    if ends and not 0 <= ends[0] <= ends[1] < cutoffs.n_classes:
        raise ValueError(name + _out_of_range(target, cutoffs.n_classes, ignore_index))
    column = xp.where(tail < 0, y, tail + cutoffs.shortlist_size)
    n_kept = edges[-1] - edges[0]
    counted = slice(None) if edges[0] == 0 else xp.sort(order[edges[0]:])
    rows = tuple(order[edges[i + 1]:edges[i + 2]] for i in range(cutoffs.n_clusters))
    relative = tuple(y[r] - c for r, c in zip(rows, cutoffs.values))
    return Routing(tail, counted, n_kept, column[counted], rows, relative,
                   order[edges[0]:edges[1]])


def group(key, n_groups, extra=()):
    """Rows sorted by `key`, an integer in [-1, n_groups); a key of -1 means no group.

    Returns
    -------
    order : (N,) array
        Row numbers, by key and then by row: group g is order[edges[g]:edges[g + 1]].
    edges : list of n_groups + 1 ints
    extra : list
        The values of `extra` (0-d integer arrays), which came along: all in one transfer from the
        device.
    """
    xp = array_namespace(key)
    order = xp.argsort(key, kind="stable")                                  # (N,)
    edges = xp.searchsorted(key[order], xp.arange(n_groups + 1), side="left")
    host = to_host(xp.concatenate([edges, xp.stack(list(extra))]) if extra else edges)
    return order, host[:n_groups + 1], host[n_groups + 1:]


def _plain_targets(target, ignore_index, xp):
    """Targets as int64, ignored ones as 0, and the mask of those that count (None for all)."""
    limits = np.iinfo(target.dtype)
    y = target.astype(xp.int64)         # a uint64 that wraps is negative: no class either way
    if ignore_index is None or not limits.min <= ignore_index <= limits.max:
        return y, None
    kept = target != ignore_index                                           # (N,)
    return xp.where(kept, y, 0), kept


def _out_of_range(target, n_classes, ignore_index):
    """The message for targets that are no classes, with the range that was found."""
    found = [v for v in to_host(target.ravel()) if v != ignore_index]
    return (f" values should be in [0, {n_classes - 1}], "
            f"but values in range [{min(found)}, {max(found)}] were found.")
