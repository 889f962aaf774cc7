"""Which mistakes an answer denies: it would be another one of such a port."""
from dataclasses import replace
from functools import lru_cache

from npadasoft.conformance.judge.compare import compare
from npadasoft.conformance.judge.laws import check_laws
from npadasoft.conformance.judge.statistics import statistics
from npadasoft.conformance.mistakes.candidates import candidates_of
from npadasoft.conformance.wire.messages import is_integer

AGAINST = 1 / 2         # of the answers that a mistake explains, so many may contradict it
FEW = 3                 # cases, which any answer contradicts
AT_ONCE = 1             # right answers of each operation that deny a mistake before it is tried


class Denied:
    """Which mistakes some right answer denies, each found out once.

    A few small answers deny most mistakes that any does, so that these are tried on no failure.
    """

    def __init__(self, right):
        self.right = right
        of_op: dict = {}
        for r, answers in right:
            for op, answer in answers.items() if r.case["result"] != "error" else ():
                of_op.setdefault(op, []).append((r, {op: answer}))
        self.few = [one for found in of_op.values()
                    for one in sorted(found, key=_most_telling)[:AT_ONCE]]
        self._names: dict = {}

    def at_once(self, name, layer_class):
        """Whether one of the few does."""
        if name not in self._names:
            self._names[name] = self._fails(layer_class, self.few)
        return self._names[name]

    def by_any(self, name, layer_class):
        """Whether any does."""
        if not self._names.get(name):
            self._names[name] = self._fails(layer_class, self.right)
        return self._names[name]

    def _fails(self, layer_class, right):
        return any(fails(layer_class, r.case, r.dtype, answers) for r, answers in right)


def _most_telling(one):
    """Order of right answers: of the layers with most weights the smallest batch first."""
    result, _ = one
    inputs = result.case.get("inputs", {})
    return -len(result.case.get("params", {})), sum(len(t["data"]) for t in inputs.values())


def telling(case, answer):
    """An `Answer` without what tells nothing of a port: the mean where no row has a loss.

    Many a port asks first whether there is a row, and then has nan or 0, as somebody chose,
    whatever it does with rows.
    """
    config, target = case["config"], case.get("inputs", {}).get("target")
    if target is None or config.get("reduction", "mean") != "mean" or \
            any(y != config.get("ignore_index") for y in target["data"]):
        return answer
    return replace(answer, results={n: a for n, a in answer.results.items() if n != "loss"})


def fails(layer_class, case, dtype, answers):
    """Whether a mistake fails a case by what a port showed of it (operation -> Answer).

    Languages without a float32 compute it in float64, where less overflows and less is lost: what
    passes so is not failed.
    """
    return _fails(layer_class, case, dtype, answers, dtype) and (
        dtype != "float32" or _fails(layer_class, case, dtype, answers, "float64"))


def _fails(layer_class, case, dtype, answers, computed_in):
    there = candidates_of(case, computed_in)
    for op, answer in answers.items():
        if op not in there.requests or answer.skipped or not there.touches(layer_class, op):
            continue
        mine, right = there.answer(layer_class, op), there.right[op]
        if mine is right:
            continue
        if mine is None or right is None:
            return True
        if op == "shapes":
            if answer.shapes is not None and {n: tuple(a) for n, a in mine.items()} != {
                    n: tuple(a) for n, a in right.items()}:
                return True
            continue
        mine = {n: a for n, a in mine.items() if n in answer.results}
        if any(c.differs for c in compare(case, dtype, mine).values()) or \
                check_laws(case, dtype, mine) or \
                any(s.wrong for s in statistics(case, dtype, mine)):
            return True
    return False


def not_contradicted(chosen, units, of):
    """The names less those that too many answers contradict.

    These are answers of the same operations without a name, which the mistake would change, and to
    other numbers, alone and with each of the others.  With two rows, to turn and to exchange them
    is the same; with three it is not: what explains batches of one size alone is contradicted by
    one of another size.  Of gradients half as many are enough as it explains, and so many answers
    that another mistake gives, if both would not.  (Where forward is wrong, too, an index may be
    out of range: each language has its own answer.)  What explains FEW cases is contradicted by
    any, and by another mistake, with more, that these cases should show; one case alone even by an
    answer that it would not change.

    Parameters
    ----------
    chosen : dict
        (Failing, operation) -> names.
    units : iterable of (Failing, str)
        All that were to be named.
    of : mapping
        Name -> class of the mistake.
    """
    groups: dict = {}
    for unit, names in chosen.items():
        groups.setdefault(tuple(names), []).append(unit)
    groups = {names: mine for names, mine in groups.items() if names[0] in of}
    for names in sorted(groups, key=lambda names: len(groups[names])):
        mine = groups[names]
        ops = {op for _, op in mine}
        unnamed = [(f, op) for f, op in units if op in ops and (f, op) not in chosen and
                   f.found[op].arrays is not None and f.result.case["result"] != "error"]
        others = {of[n[0]]: groups[n] for n in groups if n != names}
        if _contradicted(of[names[0]], mine, unnamed, others):
            groups[names] = []
            chosen = {unit: n for unit, n in chosen.items() if tuple(n) != names}
    return chosen


def _contradicted(layer_class, mine, unnamed, others):
    """Whether a mistake is contradicted by answers without a name, or by other mistakes.

    others : class -> (Failing, operation), as `mine`.
    """
    ops, sizes = {op for _, op in mine}, {f.rows for f, _ in mine}
    n_cases = len({f.result.id for f, _ in mine})
    against = [f for f, op in unnamed if f.changes(layer_class, op) and not any(
        _same_numbers(f, c, op) for c in (layer_class, *_joint(layer_class, others)))]
    if n_cases <= FEW and (against or n_cases == 1 and unnamed or any(
            len(units) > len(mine) and all(f.changes(other, op) for f, op in mine)
            for other, units in others.items())):
        return True
    if against and len(sizes) == 1 and not sizes & {f.rows for f in against}:
        return True
    some = AGAINST * len(mine)
    if all(map(_is_of_gradients, ops)) and len(against) > some:
        return True
    return _n_denied(layer_class, ops, others, some) > some


def _same_numbers(failing, layer_class, op):
    """Whether a mistake gives the numbers of an answer; equals may be ordered in another way."""
    mine = failing.there.answer(layer_class, op) or {}
    return failing.found[op].agrees({n: a for n, a in mine.items() if not is_integer(n)})


def _n_denied(layer_class, ops, others, enough):
    """Of how many answers that another mistake explains two would give no such ones."""
    found = 0
    for other, units in others.items():
        for f, op in units:
            for joint in _joint(layer_class, [other]) if op in ops else ():
                mine = f.there.answer(joint, op)
                found += mine is not None and f.found[op].agrees(mine) is False
            if found > enough:
                return found
    return found


def _joint(layer_class, others):
    """Layers with this mistake and one of the others, each way round that there is."""
    return [c for other in others for c in (_both(layer_class, other), _both(other, layer_class))
            if c]


@lru_cache(maxsize=None)
def _both(*parents):
    """A layer with both mistakes, or None where the one is the other."""
    return None if issubclass(parents[0], parents[1]) or issubclass(parents[1], parents[0]) else \
        type("Both", parents, {})


def _is_of_gradients(op):
    return op.endswith(("backward", "hvp"))
