"""What a shape is to the one that is due, said in one way whatever the sizes are."""
import math
import re

from npadasoft.conformance.judge.plan import is_public

HABITS = {      # of a whole port: the shapes of whatever shows it; of two that fit the first
    "two axes at least, [n, 1] for [n] and [1, 1] for []":
        lambda want: want + [1] * (2 - len(want)),
    "one axis too many, of length 1 at the end": lambda want: [*want, 1],
    "one axis too many, of length 1 at the front": lambda want: [1, *want],
    "no axis of length 1, [] for [1] and [3] for [1, 3]": lambda want: [n for n in want if n != 1],
    "one axis alone, [6] for [2, 3]": lambda want: [math.prod(want)],
}


def shapes_of(comparison):
    """(got, want), lists of int, of a `Comparison` of which the shape is wrong; else None."""
    found = re.fullmatch(r"got shape \[(.*)\], want \[(.*)\]", comparison.message or "")
    return found and tuple([int(n) for n in text.split(",") if n.strip()]
                           for text in found.groups())


def habits_of(got, want):
    """Texts of the habits that make `got` of `want`.

    Examples
    --------
    >>> habits_of([3], [1, 3]), habits_of([2], [3])
    (['no axis of length 1, [] for [1] and [3] for [1, 3]', 'one axis alone, [6] for [2, 3]'], [])
    """
    return [text for text, habit in HABITS.items() if habit(want) == got != want]


def form_of(case, name, got, want):
    """What the shape of tensor `name` is to the one that is due, in words."""
    return _rows_form(case, name, got, want) or shape_form(got, want)


def shape_form(got, want):
    """What one shape is to another: an axis too many, too few, the axes exchanged, nothing in it.

    Examples
    --------
    >>> shape_form([5, 1], [5]), shape_form([1, 1], []), shape_form([], [1])
    ('shape [n, 1] for [n]', 'shape [1, 1] for []', 'shape [] for [1]')
    >>> shape_form([4, 3], [3, 4]), shape_form([7], [5]), shape_form([0, 0], [3, 4])
    ('shape [m, n] for [n, m]', 'shape [7] for [5]', 'empty, of shape [0, 0]')
    >>> shape_form([3], [1, 3]), shape_form([], [1]), shape_form([6], [3, 2])
    ('shape [n] for [1, n]', 'shape [] for [1]', 'shape [n m] for [n, m]')
    """
    if 0 in got and 0 not in want:
        return f"empty, of shape {got}"
    if got == [n for n in want if n != 1] != want:
        free_letters = iter("nmkl")
        named = ["1" if n == 1 else next(free_letters) for n in want]
        return f"shape [{', '.join(n for n in named if n != '1')}] for [{', '.join(named)}]"
    if got == [math.prod(want)] and len(want) > 1:
        axes = "nmkl"[:len(want)]
        return f"shape [{' '.join(axes)}] for [{', '.join(axes)}]"
    if len(got) > len(want) or sorted(got) == sorted(want):
        letters = dict(zip("nmkl", want))
        named, free = [], list(letters.items())
        for size in got:
            letter = next((pair for pair in free if pair[1] == size), None)
            if letter is not None:
                free.remove(letter)
            named.append(letter[0] if letter else str(size))
        if not free:
            return f"shape [{', '.join(named)}] for [{', '.join(letters)}]"
    return f"shape {got} for {want}"


def _rows_form(case, name, got, want):
    """Which rows a trace tensor has in place of those that are due, where it is that; or None."""
    target = case.get("inputs", {}).get("target")
    if target is None or is_public(name) or not want:
        return None
    if got == target["shape"] + want[1:] and len(got) != len(want):
        return "the axes of the batch, due is one axis for all rows"
    rows, ignored = len(target["data"]), target["data"].count(case["config"].get("ignore_index"))
    if got[:1] not in ([rows], [rows - ignored]) or got[1:] != want[1:]:
        return None
    due = "whose targets are in its tail" if "tail." in name else "that are not ignored"
    return f"all rows, due are those {due}"
