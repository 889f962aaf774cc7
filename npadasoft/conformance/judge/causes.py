"""Why cases fail: one cause, one line, with the number of cases that it explains.

A cause is, in this order, a known mistake; a tensor of the wrong shape; an error, a fault or a
refusal with its message; or the tensors with which a divergence begins.  Numbers that are read
wrongly come first, however few cases show it: what follows may be wrong for no other reason.
"""
import re
from dataclasses import dataclass, field

import numpy as np

from npadasoft.conformance.judge.general import general
from npadasoft.conformance.judge.plan import by_operation
from npadasoft.conformance.judge.shapes import HABITS, form_of, habits_of, shapes_of
from npadasoft.conformance.wire.messages import LINEAR, OPS
from npadasoft.conformance.wire.strict_json import printable

LEFT_OVER = "state is left over from an earlier request"
CHANCE = ("answers differ from run to run: the same requests in the same order, asked of two fresh "
          "processes, gave other numbers")
TEXT = f"{LEFT_OVER}: it passes when it is asked in a fresh process"
MOST = 2        # other forms that are told of a cause
TRACED = ("forward", "backward")        # operations that may show what is between
STEPS = {"head_logits", "head_log_prob", "tail.*.hidden", "tail.*.logits"}     # of every operation
ONE_STEP = {"tail.*.log_prob": "head_log_prob", "grad.tail.*.logits": "grad.head_logits"}
BEGINS = "first divergence: "
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
            if self.kind == "divergence":
                texts = [text.removeprefix(BEGINS) for text in texts]
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
    return sorted(_begun_at_some(_begun_alike(_one_habit(_axis_too_many(found)))),
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


def _one_habit(found):
    """One cause of shapes that are all wrong in one way, whatever the tensor: that of most."""
    wrong = {id(c): [habits_of(*shapes) for r in c.results for name in r.differing
                     if general(name) == c.text.partition(": ")[0]
                     and (shapes := shapes_of(r.comparisons[name]))]
             for c in found if c.kind == "shape"}
    of = {habit: [c for c in found if wrong.get(id(c)) and all(
        habit in habits for habits in wrong[id(c)])] for habit in HABITS}
    habit, mine = max(of.items(), key=lambda pair: sum(c.n_cases for c in pair[1]))
    tensors = list(dict.fromkeys(c.text.partition(": ")[0] for c in mine))
    if len(tensors) < 2:
        return found
    text = f"shapes have {habit}: {', '.join(tensors[:3])}{', ...' * (len(tensors) > 3)}"
    return [c for c in found if c not in mine] + [
        Cause("shape", text, [r for c in mine for r in c.results])]


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


def _begun_at_some(found):
    """A divergence, and others that begin at some of the same tensors, or where nothing is shown.

    A log-softmax that is wrong in forward, where it is seen, is the one of log_prob and of the
    Hessian, which show no step before their answer.
    """
    kept: list[Cause] = []
    left = []
    for c in sorted(found, key=lambda c: (not _begun(c) & STEPS, -c.n_cases)):
        if c.kind != "divergence":
            left.append(c)
            continue
        first = next((k for k in kept if _begun(k) & STEPS), None)
        if same := next((k for k in kept if _begun(k) & _begun(c)), None):
            same.take(c, "begin at a like step")
        elif first and all(_shows_no_step(r, _begun(c)) for r in c.results):
            first.take(c, "show no step before their answer")
        else:
            kept.append(c)
    return left + kept


def _begun(cause):
    """The steps at which a divergence begins, or of which a law is broken alone."""
    names = cause.text.removeprefix(BEGINS).removesuffix(", ...").split(", ")
    if not cause.text.startswith(BEGINS):
        names = [general(r.broken_laws[0].tensor) for r in cause.results if r.broken_laws]
    return {ONE_STEP.get(name, name) for name in names}


def _shows_no_step(result, names):
    """Whether all these tensors are of operations that have no trace."""
    return {general(n) for op, answer in result.answers.items() if op in TRACED
            for n in answer.results}.isdisjoint(names)


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
    begin = [name for name in result.origins if name in differing] or differing
    if form := next(filter(None, (_shape_cause(result, name) for name in begin)), None):
        return "shape", form
    if result.constant:
        return "constant", result.message
    if message := _message(result):
        return "message", general(message)
    if differing:
        begin = sorted(set(map(general, begin)), key=lambda n: (n.startswith(("grad.", "hvp.")), n))
        return "divergence", f"{BEGINS}{', '.join(begin[:3])}{', ...' * (len(begin) > 3)}"
    if result.broken_laws:
        return "divergence", f"broken law: {result.broken_laws[0].message}"
    return "message", result.verdict


def _shape_cause(result, name):
    """What is said of a tensor of another shape; None of one whose shape is right."""
    comparison = result.comparisons[name]
    if not comparison.message:
        return None
    shapes = shapes_of(comparison)
    return f"{general(name)}: " + (form_of(result.case, general(name), *shapes) if shapes else
                                   "another shape than the layer's")


def _message(result):
    told = result.state and not result.ended_after          # of what the message says
    return result.skipped if told else result.message or result.skipped


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
