"""Operations that answer one and the same number, whatever is asked: nothing is computed there.

A stub answers zeros, a division by 0 at the beginning nan.  Many a known mistake gives that on some
case, and none on all of them: an answer without content gets no name.
"""
import numpy as np

from npadasoft.conformance.judge.plan import by_operation
from npadasoft.conformance.wire.messages import is_integer

MOST = 2                # operations that are told by their names
LEAST = 5               # cases: fewer may have one number by chance, as those of an empty batch


def judge_constant(results):
    """Write into each failing result which of its operations answer one number in the whole run."""
    numbers: dict = {}                  # operation -> what it answered, and in how many wrong cases
    wrong: dict = {}
    for r in results:
        differing = by_operation(r.case, dict.fromkeys(r.differing))
        for op, answer in r.answers.items():
            numbers.setdefault(op, set()).update(_numbers(answer))
            wrong[op] = wrong.get(op, 0) + (op in differing and not r.state)
    ops = [op for op, found in numbers.items() if len(found) == 1 and wrong[op] >= LEAST]
    for number in dict.fromkeys(next(iter(numbers[op])) for op in ops):
        mine = [op for op in ops if numbers[op] == {number}]
        for r in results:
            here = [op for op in mine if op in r.answers]
            if r.verdict == "fail" and here and not r.state:
                r.constant = (*r.constant, *here)
                r.message = r.message or _text(mine, number)


def _numbers(answer):
    """Two of the numbers of an answer, if there are two: classes alone where it has no others."""
    arrays = [a for name, a in answer.results.items() if not is_integer(name)]
    found: set[str] = set()
    for array in arrays or answer.results.values():
        found.update(map(str, np.unique(array)[:2].tolist()))
    return found


def _text(ops, number):
    what = {"0.0": "zeros", "nan": "nan"}.get(number, "one and the same number")
    names = f"{len(ops)} operations ({', '.join(ops[:MOST])}, ...) answer" if len(ops) > MOST else \
        f"{' and '.join(ops)} answer{'s' * (len(ops) == 1)}"
    return f"{names} nothing but {what}, whatever is asked"
