"""Why cases fail: one cause, one line, with the number of cases that it explains.

A cause is, in this order, a known mistake; a tensor of the wrong shape; an error, a fault or a
refusal with its message; or the tensors with which a divergence begins.  Numbers that are read
wrongly come first, however few cases show it: what follows may be wrong for no other reason.
"""
import re
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from npadasoft.conformance.judge.plan import by_operation, is_public
from npadasoft.conformance.wire.messages import LINEAR, OPS
from npadasoft.conformance.wire.strict_json import IN_LINE, printable

LEFT_OVER = "state is left over from an earlier request"
CHANCE = ("answers differ from run to run: the same requests in the same order, asked of two fresh "
          "processes, gave other numbers")
TEXT = f"{LEFT_OVER}: it passes when it is asked in a fresh process"
MOST = 2        # other forms that are told of a cause
LONGEST = 240   # characters of a message, in the summary
KINDS = ("reading", "rounding", "constant", "mistake", "chance", "state", "shape", "message",
         "divergence")


@dataclass
class Cause:
    """What some cases have in common."""

    kind: str                       # of KINDS
    text: str
    results: list = field(default_factory=list)
    others: list = field(default_factory=list)      # (how, Cause) that it has taken in

    @property
    def n_cases(self):
        """Cases, each counted once whatever its dtypes."""
        return len({r.id for r in self.results})

    @property
    def shown(self):
        """The text with the numbers of its example, where they differ from case to case."""
        message = _message(example(self)) if self.kind == "message" else None
        if not message or "not answered: " in message:      # of names, all that some case lacks
            return self.text
        op, _, rest = message.partition(" ")
        return printable(message if self.text.startswith(op) else rest, LONGEST)

    @property
    def alike(self):
        """Of the cases that have not its own form: how many, and which form they have."""
        parts = []
        alone = len({r.id for r in self.results if r.fresh})
        if self.kind == "state" and 0 < alone < self.n_cases:
            parts.append(f"{alone} of them w{'ere' if alone > 1 else 'as'} tried")
        for how in dict.fromkeys(how for how, _ in self.others):
            mine = [cause for other, cause in self.others if other == how]
            ids = {r.id for cause in mine for r in cause.results}
            texts = [cause.shown for cause in mine[:MOST]] + ["..."] * (len(mine) > MOST)
            parts.append(f"{len(ids)} of them {how}: {'; '.join(texts)}")
        return f" ({'; '.join(parts)})" if parts else ""

    def take(self, other, how):
        """Take in another cause, which is none of its own."""
        self.others.append((how, other))
        self.results += other.results


def causes(results):
    """The causes of what goes wrong, first the one that explains most.

    Parameters
    ----------
    results : sequence of Result
        Those that a person should look at.

    Returns
    -------
    list of Cause
        Each result stands in one, or in several where its operations have several.
    """
    found: dict = {}
    for result in results:
        for key in _keys(result):
            found.setdefault(key, Cause(*key)).results.append(result)
    found = _whatever_was_asked(_in_any_dtype(list(found.values())))
    return sorted(_begun_alike(_axis_too_many(found)),
                  key=lambda c: (all(r.id != "IO" or r.verdict != "fail" for r in c.results),
                                 -c.n_cases, KINDS.index(c.kind)))


def _in_any_dtype(found):
    """One cause of numbers that are written in one way, whatever each dtype needs."""
    forms: dict = {}
    for cause in found:
        how, _, needs = cause.text.partition(": ")
        key = (cause.kind, how if cause.kind == "rounding" else cause.text)
        forms.setdefault(key, {}).setdefault(needs, cause)
    return [Cause(kind, f"{how}: {', '.join(group)}" if kind == "rounding" else how,
                  [r for cause in group.values() for r in cause.results])
            for (kind, how), group in forms.items()]


def _whatever_was_asked(found):
    """One cause of a message that several operations give: without the operation."""
    forms: dict = {}
    for cause in found:
        op, _, rest = cause.text.partition(" ")
        apart = cause.kind != "message" or op.rstrip(":") not in ("echo", *OPS, *LINEAR)
        forms.setdefault((cause.kind, cause.text if apart else rest), []).append(cause)
    return [group[0] if len(group) == 1 else
            Cause(kind, text, [r for cause in group for r in cause.results])
            for (kind, text), group in forms.items()]


def _axis_too_many(found):
    """One cause of an axis of 1 at the end, however many axes are before it: the usual form."""
    forms: dict = {}
    for cause in found:
        shapes = re.fullmatch(r"(.*): shape \[(.*)\] for \[(.*)\]", cause.text)
        key = cause.text
        if shapes and f"{shapes[3]}, 1".removeprefix(", ") == shapes[2]:
            key = shapes[1]                 # the tensor
        forms.setdefault((cause.kind, key), []).append(cause)
    return [Cause(group[0].kind, max(group, key=lambda c: c.n_cases).text,
                  [r for cause in group for r in cause.results]) for group in forms.values()]


def _begun_alike(found):
    """A mistake that explains some cases, and cases without a name that are not another cause.

    They are of its form, where all that the mistake explains is of one form and no other mistake's
    cases are; and they are no more than it explains.  Or all of them take the step that is wrong
    and most are changed by the mistake, though to other numbers: the port crashes there, say, where
    the mistake as it is known goes on.
    """
    forms: dict = {}
    for cause in found:
        if cause.kind in ("mistake", "state", "chance"):
            begun = {_unnamed(r, r.differing) for r in cause.results}
            for key in begun:
                alone = len(begun) == 1 or cause.kind != "mistake"
                forms.setdefault(key, []).append(cause if alone else None)
    left = []
    for cause in found:
        named = forms.get((cause.kind, cause.text), [])
        if (cause.kind in ("message", "divergence") and len(named) == 1 and named[0]
                and len(cause.results) <= named[0].n_cases):
            named[0].take(cause, "only begin alike")
        elif cause.kind in ("message", "divergence", "shape") and (beside := _beside(cause, found)):
            beside.take(cause, "in another way")
        else:
            left.append(cause)
    return left


def _beside(cause, found):
    """The mistake that most cases of a cause have, too, and that all may have; or None."""
    of_ops = [groups for r in cause.results for groups in r.beside.values() or [{}]]
    texts = {_text(names) for names in set.intersection(*map(set, of_ops))
             if sum(groups[names] for groups in of_ops) > len(of_ops) / 2}
    return max((c for c in found if c.kind == "mistake" and c.text in texts),
               key=lambda c: c.n_cases, default=None)


def _text(names):
    return " or ".join(f"`{n}`" for n in names[:4])


def _keys(result):
    """(kind, text) of each cause that a result has."""
    if result.rounding:
        return [("rounding", result.rounding)]
    if result.id == "IO" and result.verdict == "fail":
        return [("reading", result.message.partition("; ")[0])]
    groups = [n for n in result.named.values() if n] or [tuple(result.mistakes)]
    keys = [("mistake", _text(names)) for names in groups if names]
    if result.chance and not keys:
        return [("chance", CHANCE)]
    if result.state and not keys and not result.ended_after:
        return [("state", TEXT)]
    if not keys:
        return [_unnamed(result, result.differing)]
    rest = by_operation(result.case, dict.fromkeys(result.differing))
    rest = [n for op, names in rest.items() if not result.named.get(op, True) for n in names]
    return list(dict.fromkeys(keys + ([_unnamed(result, rest)] if rest else [])))


def _unnamed(result, differing):
    """(kind, text) of what has no name, as far as these tensors show it."""
    wrong = [c for name, c in result.comparisons.items() if name in differing and c.message]
    for comparison in wrong:
        got, want = _shapes(comparison.message)
        if want is not None:
            name = general(comparison.tensor)
            form = _rows_form(result.case, name, got, want) or shape_form(got, want)
            return "shape", f"{name}: {form}"
    if wrong:
        return "shape", f"{general(wrong[0].tensor)}: another shape than the layer's"
    if result.constant:
        return "constant", result.message
    if message := _message(result):
        return "message", general(message)
    if differing:
        begin = [name for name in result.origins if name in differing] or differing
        begin = sorted(set(map(general, begin)), key=lambda n: (n.startswith("grad."), n))
        return "divergence", f"first divergence: {', '.join(begin[:3])}"
    if result.broken_laws:
        return "divergence", f"broken law: {result.broken_laws[0].message}"
    return "message", result.verdict


def _message(result):
    told = result.state and not result.ended_after          # of what the message says
    return result.skipped if told else result.message or result.skipped


def _shapes(message):
    """The two shapes of "got shape [1, 1], want []"."""
    found = re.fullmatch(r"got shape \[(.*)\], want \[(.*)\]", message)
    if not found:
        return None, None
    return tuple([int(n) for n in text.split(",") if n.strip()] for text in found.groups())


@lru_cache(maxsize=4096)
def general(text):
    """A message or a name without what differs from case to case: numbers, and an answered line.

    Examples
    --------
    >>> general("tail.3.hidden"), general("index 12 is out of bounds for size 7")
    ('tail.*.hidden', 'index # is out of bounds for size #')
    """
    text = text.partition(IN_LINE)[0]
    text = re.sub(r"protocol: [\w.]+(\[\d+\])?: (?=shape|data|a number|a tensor|a shape|write)",
                  "protocol: a tensor: ", text)
    text = re.sub(r"\b(tail|grad\.tail)\.\d+\.", r"\1.*.", text)
    text = re.sub(r"(?<=not answered: )[^ ,]+(, [^ ,]+)*", _together, text)
    text = re.sub(r"\(answered instead: ([^,)]*), [^)]*\)", r"(answered instead: \1, ...)", text)
    text = re.sub(r"(?<![\w.*])-?(\d+(\.\d+)?|\.\d+)(e[+-]?\d+)?", "#", text)
    return re.sub(r"\[#(, #)+\]", "[#]", text)


def _together(found):
    """Names, each once; many gradients are all of them, whatever a case has."""
    names = list(dict.fromkeys(found[0].split(", ")))
    gradients = [name for name in names if name.startswith("grad.")]
    if len(gradients) > 2:
        names = [*(name for name in names if name not in gradients), "grad.*"]
    return ", ".join(names)


def shape_form(got, want):
    """What one shape is to another: an axis too many, too few, the axes exchanged.

    Examples
    --------
    >>> shape_form([5, 1], [5]), shape_form([1, 1], []), shape_form([], [1])
    ('shape [n, 1] for [n]', 'shape [1, 1] for []', 'shape [] for [1]')
    >>> shape_form([4, 3], [3, 4]), shape_form([7], [5])
    ('shape [m, n] for [n, m]', 'shape [7] for [5]')
    """
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
    n, ignored = len(target["data"]), target["data"].count(case["config"].get("ignore_index"))
    which = {(n - ignored,): "all rows that count", (n,): "all rows of the batch"}.get(
        tuple(got[:1]))
    due = "whose targets are in its tail" if "tail." in name else "that are not ignored"
    return f"{which}, due are those {due}" if which and got[1:] == want[1:] else None


def example(cause):
    """The case that shows a cause best: alone, not expected to fail, required, of few numbers."""
    def size(result):
        return sum(int(np.size(a)) for answer in result.answers.values()
                   for a in answer.results.values())
    return min(cause.results, key=lambda r: (any(c.repeat for c in cause.results) and not r.repeat,
                                             [-n for n in r.chance] or [0],
                                             cause.kind == "state" and not r.state,
                                             not r.mistakes and cause.kind == "mistake",
                                             r.expected_fail,
                                             r.tier != "required", r.verdict != "fail", size(r)))
