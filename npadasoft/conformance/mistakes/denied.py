"""Which mistakes an answer denies: it would be another one of such a port."""
from dataclasses import replace

from npadasoft.conformance.judge.compare import compare
from npadasoft.conformance.judge.laws import check_laws
from npadasoft.conformance.mistakes.candidates import candidates_of

AGAINST = 1 / 2         # of the answers that a mistake explains, so many may contradict it
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
    """Whether a mistake fails a case by what a port showed of it (operation -> Answer)."""
    there = candidates_of(case, dtype)
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
                check_laws(case, dtype, mine):
            return True
    return False


def not_contradicted(chosen, units, of):
    """The names less those that too many answers contradict.

    These are answers of the same operations without a name, which the mistake would change, and to
    other numbers.  With two rows, to turn and to exchange them is the same; with three it is not:
    what explains batches of one size alone is contradicted by one of another size.  Of gradients
    half as many are enough as it explains.  (Where forward is wrong, too, an index may be out of
    range: each language has its own answer.)

    Parameters
    ----------
    chosen : dict
        (Failing, operation) -> names.
    units : iterable of (Failing, str)
        All that were to be named.
    of : mapping
        Name -> class of the mistake.
    """
    for names in dict.fromkeys(map(tuple, chosen.values())):
        layer_class = of.get(names[0])
        mine = [unit for unit, n in chosen.items() if tuple(n) == names]
        ops = {op for _, op in mine}
        if layer_class is None or not mine:
            continue
        against = [f for f, op in units if op in ops and (f, op) not in chosen and
                   f.found[op].arrays is not None and f.changes(layer_class, op)]
        sizes = {f.rows for f, _ in mine}
        of_one_size = against and len(sizes) == 1 and not sizes & {f.rows for f in against}
        if of_one_size or all(map(_is_of_gradients, ops)) and len(against) > AGAINST * len(mine):
            chosen = {unit: n for unit, n in chosen.items() if tuple(n) != names}
    return chosen


def _is_of_gradients(op):
    return op.endswith(("backward", "hvp"))
