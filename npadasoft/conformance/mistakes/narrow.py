"""A known mistake in few tensors, or in some operations, where all the others are right.

One gradient laid out by columns is no `gradients-laid-out-by-columns`, which would change them all;
a projection read by columns in forward is right in log_prob; a boundary that is wrong in backward
may be right in forward.  What has no name is held once more against every mistake, in the tensors
alone that are wrong somewhere in the run, and in each operation by itself; and a mistake that a
right answer denies, in the cases that have something in common which these answers have not.
"""
from npadasoft.conformance.judge.compare import compare
from npadasoft.conformance.judge.general import general
from npadasoft.conformance.mistakes.candidates import candidates_of, layers
from npadasoft.conformance.mistakes.denied import fails, telling
from npadasoft.conformance.mistakes.slips import WHERE, alone
from npadasoft.conformance.wire.messages import OPS, is_integer

MOST_TENSORS = 3        # a mistake in more of them is no narrow one
LEAST = 2               # cases, that chance does not find a name
LOOKS = 3               # cases on which every mistake is tried
SHARE = 2 / 3           # of what a mistake would change there it explains at least so much
MOST_OF = 1 / 2         # the same, of an operation, less what ended in an error


def name_restricted(units, chosen, passing, right, told=()):
    """Names of what is found in few tensors, some operations, or some cases alone; and classes.

    All tensors of an operation tell more than some: the names of tensors are taken where those of
    operations explain less.

    Parameters
    ----------
    units, chosen : as for `name_in_operations`
    passing, told : as for `name_narrow`
    right : sequence of (Result, mapping)
        What is right: operation -> Answer.

    Returns
    -------
    names, classes : as of `name_in_operations`
    """
    def denying(layer_class, ops):
        return (r.case for r, answers in right for op in ops if op in answers
                and fails(layer_class, r.case, r.dtype, {op: answers[op]}))
    narrow = name_narrow([u for u in units if u not in chosen], passing, told)
    names, classes = name_in_operations(units, chosen, denying)
    whole: dict = {}
    for unit, mine in names.items():
        whole.setdefault(mine, set()).add(unit)
    if narrow and not any(narrow.keys() <= mine for mine in whole.values()):
        names, classes = name_in_operations(units, chosen | narrow, denying)
        names = narrow | names
    return names, classes


def name_narrow(units, passing, told=()):
    """Names for what has none.

    Parameters
    ----------
    units : sequence of (Failing, str)
        Failing cases and operations without a name.
    passing : sequence of Result
        What passed, which a mistake must not fail in these tensors.
    told : collection of str
        Names that the other layer has: of those that are the same they come first.

    Returns
    -------
    dict
        (Failing, operation) -> names, each with the tensors that it is found in.
    """
    wrong = {general(n) for f, op in units for n in f.result.differing if n in f.found[op].names}
    if not wrong or len(wrong) > MOST_TENSORS or len({id(f) for f, _ in units}) < LEAST:
        return {}
    right = passing + [f.result for f, _ in units]
    explained: dict = {}
    denied: set = set()
    for f, op in sorted(units, key=lambda unit: unit[0].size)[:LOOKS]:
        for n, c in layers():
            if " + " in n or n in denied or n in explained or not _explains(f, op, c, wrong):
                continue
            if any(_fails(c, r, wrong) for r in right):
                denied.add(n)
            else:
                explained[n] = {(g, o) for g, o in units if _explains(g, o, c, wrong)}
                changed = sum(_changes(g, o, c, wrong) for g, o in units
                              if g.found[o].arrays is not None)
                if len(explained[n]) < max(LEAST, SHARE * changed):
                    denied.add(n)
    # the first of those that are the same in these tensors
    best = max((n for n in explained if n not in denied),
               key=lambda n: (len(explained[n]), n in told), default=None)
    where = ", ".join(sorted(wrong))
    return dict.fromkeys(explained[best], (f"{best} (in {where} alone)",)) if best else {}


def name_in_operations(units, chosen, denying):
    """Names for what is left: mistakes that some operations make, and others do not.

    Or that are made in some cases alone: those of one reduction, say.  One that explains all that
    a name explains, and more, takes its place.

    Parameters
    ----------
    units : sequence of (Failing, str)
        Failing cases and operations.
    chosen : mapping
        (Failing, operation) -> names, of those that have one.
    denying : callable
        (class, operations) -> cases of which the mistake would fail a right answer to one of these.

    Returns
    -------
    names : dict
        (Failing, operation) -> names, each with the operations that it is found in.
    classes : dict
        Name -> class of the mistake.
    """
    left = {unit for unit in units if unit not in chosen}
    explained = _explained(units, left, denying)
    of_name: dict = {}
    for unit, mine in chosen.items():
        of_name.setdefault(tuple(mine), set()).add(unit)
    for key, mine in explained.items():
        whole = [of for of in of_name.values() if mine & left and of <= mine]
        explained[key] = (mine & left).union(*whole)
    names: dict = {}
    classes: dict = {}
    while explained:                    # what tells by numbers before what tells by classes alone
        n, c, where = best = max(explained, key=lambda k: (
            not _by_classes(explained[k]), len(explained[k]), not k[2]))
        mine = explained[best]
        alike = {key: explained.pop(key) for key in list(explained) if explained[key] == mine}
        if _by_classes(mine):
            mine = {(f, op) for f, op in mine if not _fails_otherwise(f, c, left)}
        if len({f.result.id for f, _ in mine}) < LEAST or not any(
                f.found[op].arrays is not None for f, op in mine):
            continue
        ops = {op for _, op in mine}
        texts = {alone(n, _needed(c, ops, w, denying), w): c for n, c, w in alike
                 if not any(c is not less and issubclass(c, less) for _, less, _ in alike)
                 and w == where}
        classes |= texts
        names |= dict.fromkeys(mine, tuple(texts))
        left -= mine
        explained = {key: of - names.keys() for key, of in explained.items() if of - names.keys()}
    return names, classes


def _needed(layer_class, ops, where, denying):
    """The operations that are to be told: none where no other denies the mistake, either."""
    others = set(OPS) - ops
    return ops if not where or any(WHERE[where](case) for case in denying(layer_class, others)) \
        else ()


def _explained(units, left, denying):
    """(name, class, where) -> the (Failing, operation) that a mistake explains, of operations with
    some that are left: half of those at least that it would change.
    """
    explained: dict = {}
    for op in dict.fromkeys(op for f, op in units if (f, op) in left):
        wrong = [f for f, o in units if o == op and op in f.far]
        shown = sorted((f for f in wrong if f.found[op].arrays is not None), key=lambda f: f.size)
        unnamed = [f for f in shown if (f, op) in left]
        tried = unnamed or shown
        found = {n: c for f in tried[len(tried) // 2:][:1] + tried[:1] for n, c in layers()
                 if " + " not in n and f.answers_as(c, op)}
        for n, c in found.items():
            given = {f for f in wrong if f.answers_as(c, op)}
            changed = sum(f.changes(c, op) for f in unnamed)
            if len(given.intersection(unnamed)) >= MOST_OF * changed:
                where = _where((f.result.case for f in given), denying(c, [op]))
                if where is not None:
                    explained.setdefault((n, c, where), set()).update((f, op) for f in given)
    return explained


def _where(explained, denying):
    """What is so in all cases that a mistake explains and in none that denies it; None if nothing.

    Nothing needs to be, and it is "", where none denies it.
    """
    found = ["", *WHERE]
    for case in denying:
        found = [w for w in found if w and not WHERE[w](case)]
        if not found:
            return None
    cases = list(explained) if found[0] else []
    return next((w for w in found if not w or all(map(WHERE[w], cases))), None)


def _by_classes(units):
    """Whether all answers are classes: few numbers, which many a mistake has in common."""
    return all(is_integer(n) for f, op in units for n in f.found[op].names)


def _fails_otherwise(failing, layer_class, left):
    """Whether an operation without a name takes the step of a mistake, and has other numbers."""
    return any(f is failing and op in f.far and f.there.touches(layer_class, op)
               and not _by_classes([(f, op)]) and not f.answers_as(layer_class, op)
               for f, op in left)


def _explains(failing, op, layer_class, wrong):
    """Whether a mistake gives, of these tensors, what was answered to an operation."""
    there = failing.there
    if not there.touches(layer_class, op):
        return False
    mine = there.answer(layer_class, op)
    if mine is None:
        return False
    mine = {n: a for n, a in mine.items() if general(n) in wrong}
    return bool(failing.found[op].agrees(mine)) and _changes(failing, op, layer_class, wrong)


def _changes(failing, op, layer_class, wrong):
    """Whether a mistake changes one of these tensors."""
    r, there = failing.result, failing.there
    if not there.touches(layer_class, op):
        return False
    mine = {n: a for n, a in (there.answer(layer_class, op) or {}).items() if general(n) in wrong}
    return any(c.differs for c in compare(r.case, r.dtype, mine).values())


def _fails(layer_class, result, wrong):
    """Whether a mistake is wrong in one of these tensors where the port is right."""
    there = candidates_of(result.case, result.dtype)
    for op, answer in result.answers.items():
        answer = telling(result.case, answer)
        if op in there.requests and there.touches(layer_class, op) and not answer.skipped:
            mine = there.answer(layer_class, op) or {}
            mine = {n: a for n, a in mine.items() if general(n) in wrong and n in answer.results
                    and n not in result.differing}
            if mine and any(c.differs for c in compare(result.case, result.dtype, mine).values()):
                return True
    return False
