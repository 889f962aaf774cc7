"""The mistakes of a whole run: names that explain its failures and that no passing case denies.

A name found on one case is a guess: on two numbers many mistakes look alike.  So it is held against
all that the port answered.  A mistake that would have failed what was right is not the port's.
Of those that are left the one that explains most is named first, and another only where it explains
what the first does not, and a third at least of what it would change.
"""
import math
import random
from collections import Counter

from npadasoft.conformance.judge.plan import by_operation, is_linear
from npadasoft.conformance.mistakes.candidates import candidates_of, contents, layers
from npadasoft.conformance.mistakes.diagnosis import given, wrong_ops
from npadasoft.conformance.mistakes.denied import Denied, fails, not_contradicted, telling
from npadasoft.conformance.mistakes.dialects import Dialect, dialects
from npadasoft.conformance.mistakes.known import MISTAKES
from npadasoft.conformance.mistakes.narrow import name_restricted
from npadasoft.conformance.mistakes.planted import silently
from npadasoft.conformance.mistakes.replay import name_state
from npadasoft.conformance.mistakes.slips import join, one_slip, parted
from npadasoft.conformance.wire.messages import Answer, PortInfo

LOOKS = 2               # cases of one form on which every mistake is tried
MOST_LOOKS = 16         # and in all: a run in which all fails must not take many times as long
FRUITLESS = 8           # and after the last that found one
SHARE = 1 / 3           # of what a mistake would change it explains at least so much
SAMPLE, FEWEST = 24, 3  # of so many answers that it changes it explains so many, or is given up
REFUSALS = ("target", "shape", "cutoffs", "dtype")      # errors of a port that looked first


@silently
def name_run(results):
    """Write into each failing result the names of the mistakes that explain it.

    Parameters
    ----------
    results : sequence of Result
        Of one run, each with what the port answered.  The head alone is another layer: what is
        right in one of the two says nothing of the other.
    """
    layer, head = ([r for r in results if is_linear(r.case) is alone] for alone in (False, True))
    right = _name(layer)
    _name(head, {parted(name)[0] for r in layer for name in r.mistakes})
    join(layer, head, right)


def _name(results, told=()):
    """The same, of one layer, with the names of the other; what is right, as `Denied` takes it."""
    failing = sorted((Failing(r) for r in results if r.answers and not r.rounding and
                      r.verdict in ("fail", "error", "crashed")),
                     key=lambda f: (f.result.verdict != "fail", f.size))
    passing = [r for r in results if r.verdict in ("pass", "incomplete") and r.answers]
    right = [(r, answers) for r in results if (answers := right_answers(r))]
    stateful = any(f.result.state for f in failing)
    chosen = name_state(results, failing) if stateful else {}
    rest = [f for f in _without_name(failing, chosen) if not f.result.state]
    held = _held(rest, right)
    units = {(f, op): [n for n, layer in held.items() if f.is_given_by(layer, op)]
             for f in rest for op in f.open}
    chosen |= _chosen(units, held)
    named, classes = name_restricted(units, chosen, passing, right, told)
    chosen |= named
    chosen |= one_slip(chosen)
    if not stateful and all(r.fresh is None for r in results):      # nobody could look for it
        rest = [f for f in _without_name(rest, chosen) if f.far]
        chosen |= name_state(results, rest) if rest else {}
    chosen = not_contradicted(chosen, units, held | classes)
    for f in failing:
        r = f.result
        r.named = {op: tuple(chosen.get((f, op), ())) for op in f.wrong}
        r.mistakes = list(dict.fromkeys(n for names in r.named.values() for n in names))
    _write_beside(failing, held, classes)
    return right


def _without_name(failing, chosen):
    """Those of which no operation has a name."""
    return [f for f in failing if not any((f, op) in chosen for op in f.wrong)]


def _write_beside(failing, held, in_some):
    """Of what has no name, the mistakes with one whose step is taken there, and if it matters.

    Those of `in_some` are in the operations alone in which they are found.
    """
    held = held | in_some
    groups = [names for names in dict.fromkeys(
        names for f in failing for names in f.result.named.values()) if set(names) & set(held)]
    ops = {group: {op for f in failing for op, names in f.result.named.items() if names == group}
           for group in groups}
    for f in failing:
        f.result.beside = {
            op: {group: f.is_changed_by(held[group[0]], op) for group in groups
                 if f.there.touches(held[group[0]], op)
                 and (op in ops[group] or group[0] not in in_some)}
            for op, names in f.result.named.items() if not names}


class Failing:
    """A failing case, ready to be held against mistakes."""

    def __init__(self, result):
        self.result, case, dtype = result, result.case, result.dtype
        self.there = candidates_of(case, dtype)
        self.computed = [self.there]        # a float32 in itself, or in float64, whatever it has
        if dtype == "float32":
            self.computed.append(candidates_of(case, "float64"))
        answers = {op: contents(a) for op, a in result.answers.items() if not a.skipped}
        self.found = given(case, dtype, answers)
        differing = [*result.differing, *(law.tensor for law in result.broken_laws)]
        self.far = wrong_ops(case, dtype, self.found)
        self.wrong = [op for op in self.found if op in self.far or
                      op in by_operation(case, dict.fromkeys(differing))]
        self.open = [op for op in self.wrong if op not in result.constant]  # they may have a name
        leaning = [s.tensor for s in result.statistics if s.wrong]
        self.wrong += by_operation(case, dict.fromkeys(leaning))    # of numbers that are all right
        self.form = (dtype, tuple(result.origins), tuple(self.wrong))
        self.rows = rows_of(case)
        self.size = sum(a.size for arrays in answers.values() if arrays for a in arrays.values())
        self._denied: dict = {}

    def is_given_by(self, layer_class, op):
        """Whether a mistake gives the answer to one operation, and none of the right ones else."""
        there = self.there
        if not self.answers_as(layer_class, op):
            return False
        if layer_class not in self._denied:
            self._denied[layer_class] = any(
                self.found[o].agrees(there.answer(layer_class, o)) is False and
                self.denies(layer_class, o) for o in self.found
                if o not in self.wrong and there.touches(layer_class, o))
        return not self._denied[layer_class]

    def answers_as(self, layer_class, op):
        """Whether a mistake gives the answer to one operation, whatever it gives to the others."""
        return self.there.touches(layer_class, op) and \
            any(self.found[op].agrees(t.answer(layer_class, op)) for t in self.computed) and \
            not self.crash_differs(layer_class, op) and \
            (op in self.far or self.changes(layer_class, op))       # else all are near there

    def crash_differs(self, layer_class, op):
        """Whether port and mistake answer both an error, but not the same: it tells nothing.

        Errors are the same where a port refuses what it looked at, or says the same words.
        """
        mine = self.result.answers[op].error
        other = self.there.error(layer_class, op)
        return bool(mine and other) and mine != other and (
            mine[0] not in REFUSALS or mine[0] != other[0])

    def changes(self, layer_class, op):
        """Whether a mistake changes the answer to an operation."""
        r = self.result
        return fails(layer_class, r.case, r.dtype, {op: r.answers[op]})

    def denies(self, layer_class, op):
        """Whether a mistake would fail what is right in an operation."""
        r = self.result
        return fails(layer_class, r.case, r.dtype, {op: telling(r.case, r.answers[op])})

    def is_changed_by(self, layer_class, op):
        """The same, whatever the port showed: it may have crashed."""
        r = self.result
        answer = Answer(results=self.there.right[op] or {})
        return fails(layer_class, r.case, r.dtype, {op: answer})


def rows_of(case):
    """How many rows the batch of a case has."""
    inputs = case.get("inputs", {})
    if "index" in inputs:
        return len(inputs["index"]["data"])
    return math.prod(inputs["input"]["shape"][:-1]) if inputs else 0


def right_answers(result):
    """Operation -> Answer of a result, of the operations in which all is right.

    A case that fails has such ones, too; and one that only rounds its numbers has right classes.
    """
    if result.verdict in ("pass", "incomplete"):
        return _telling(result, result.answers)
    if result.verdict != "fail" or result.case["result"] == "error" or result.state:
        return {}
    wrong = [*result.differing, *(law.tensor for law in result.broken_laws)]
    wrong = by_operation(result.case, dict.fromkeys(wrong)) if wrong else result.answers
    return _telling(result, {o: a for o, a in result.answers.items() if o not in wrong})


def _telling(result, answers):
    return {op: telling(result.case, answer) for op, answer in answers.items()}


def _held(failing, right):
    """Name -> class of the mistakes that explain some failing case and that no right answer denies.

    All are tried on few cases of each form; most failures are then explained by a name that is
    already there.
    """
    held: dict = {}
    denied = Denied(right)
    looks: Counter = Counter()
    fruitless = 0
    for f in failing:
        if looks[f.form] >= LOOKS or looks.total() >= MOST_LOOKS or fruitless >= FRUITLESS:
            continue
        todo = [op for op in f.open if not any(f.is_given_by(c, op) for c in held.values())]
        if not todo:
            continue
        looks[f.form] += 1
        fruitless += 1
        few = looks.total() <= LOOKS
        for some in (layers(), dialects_of(failing)):
            found = {n: c for n, c in some if not (set(n.split(" + ")) & set(held))
                     and (few or not denied.at_once(n, c))
                     and any(f.is_given_by(c, op) for op in todo)}
            new: dict = {}
            for n, layer_class in found.items():
                if set(n.split(" + ")) & set(new):      # one of the two is enough
                    continue
                if not denied.by_any(n, layer_class) and promising(layer_class, failing):
                    new[n] = layer_class
            held |= new
            if new:
                fruitless = 0
                break
    return held


def promising(layer_class, failing):
    """Whether a mistake explains some of a few answers that it changes, whatever their size.

    Most that explain one answer by chance explain hardly another, and to find that out on all of
    them takes longer than all the rest.  Of SAMPLE answers a mistake that explains SHARE of all
    explains fewer than FEWEST once in 200 times: (2/3)^24 (1 + 24/2 + 276/4) = 0.005.
    """
    units = [(f, op) for f in failing for op in f.open]
    random.Random(0).shuffle(units)
    changed = explained = 0
    for f, op in units:
        if f.is_given_by(layer_class, op):
            changed, explained = changed + 1, explained + 1
        elif f.changes(layer_class, op) and not f.crash_differs(layer_class, op):
            changed += 1
        if explained >= FEWEST:
            return True
        if changed >= SAMPLE:
            return False
    return bool(explained)


def dialects_of(failing):
    """(name, class) of each way to change the arrays that these cases have."""
    names = {n for f in failing for n, t in f.result.case.get("params", {}).items()
             if n.endswith(".weight")}
    info = failing[0].result.info or PortInfo("a port")
    layout = info.layout if isinstance(info.layout, str) else tuple(info.layout.items())
    return list(dialects(tuple(sorted(names)), layout, info.index_base).items())


def _chosen(units, held):
    """(failing case, operation) -> names, of as few mistakes as explain what can be explained."""
    order = {n: k for k, n in enumerate(held)}
    explained = {n: {u for u, names in units.items() if n in names} for n in held}
    chosen: dict = {}
    left = dict(explained)
    while left:
        best = max(left, key=lambda n: (len(left[n]), len(explained[n]), -order[n]))
        if not left[best]:
            break
        alike = [n for n in left if explained[n] == explained[best] and (
            n == best or not issubclass(held[n], Dialect) or n in MISTAKES)]
        if _enough(held[best], explained[best], units):
            chosen |= {u: alike for u in left[best]}
            left = {n: of - chosen.keys() for n, of in left.items()}
        for n in alike:
            left.pop(n)
    return chosen


def _enough(layer_class, explained, units):
    """Whether a mistake explains a good share of the failures that it would change."""
    most = len(explained) / SHARE
    changed = 0
    for f, op in units:
        changed += (f, op) in explained or (f.changes(layer_class, op) and
                                            not f.crash_differs(layer_class, op))
        if changed > most:
            return False
    return True
