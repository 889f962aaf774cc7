"""The suite's own test: each known mistake must be caught, located and named.

caught     some case fails; required, unless the mistake only shows elsewhere
located    with a trace, the first wrong tensors are those with which the mistake begins
named      from public outputs alone, on the case that caught it and on few more where several
           mistakes give the numbers of that one: by its own name, and by no false one
"""
import json
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources

import numpy as np

from npadasoft.conformance.golden.vectors_io import load
from npadasoft.conformance.judge.plan import in_order, is_linear, is_public, representable
from npadasoft.conformance.judge.session import Session
from npadasoft.conformance.judge.state import State
from npadasoft.conformance.judge.verdict import Result, judge, shown, tensors
from npadasoft.conformance.mistakes.candidates import candidates_of
from npadasoft.conformance.mistakes.diagnosis import diagnose
from npadasoft.conformance.mistakes.known import MISTAKES, Mistake
from npadasoft.conformance.mistakes.planted import Planted, silently
from npadasoft.conformance.mistakes.naming import name_run
from npadasoft.conformance.mistakes.untold import ALIKE
from npadasoft.conformance.wire.messages import matches

FIRST = ("T03", "S27", "G02", "A13", "G23", "P03", "S29", "N21", "S25", "N03", "P05", "P13")
DTYPES = ("float64", "float32")


@dataclass
class Caught:
    """What the suite says of one planted mistake, on the first case that it fails."""

    mistake: Mistake
    result: Result | None = None        # None: not caught
    shows_numbers: bool = False         # whether there are tensors from which to tell
    located: bool | None = None         # None: there is no origin
    names: tuple = ()

    @property
    def named(self):
        """Whether the mistake, or one that gives the same numbers, is among the names shown."""
        return bool(set(self.names[:4]) & self._own)

    @property
    def false(self):
        """Names that are not the mistake's, nor those of one that gives the same numbers."""
        return [name for name in self.names if name not in self._own]

    @property
    def _own(self):
        return {self.mistake.name, *ALIKE.get(self.mistake.name, ())}


def ordered(cases):
    """Those first that see most; of the tiers, the required one first, and the head alone last."""
    tiers = ("required", "extensions", "quality", "excellence")
    return sorted(cases, key=lambda c: (
        FIRST.index(c["id"]) if c["id"] in FIRST else len(FIRST), is_linear(c),
        len(tiers) if is_linear(c) else tiers.index(c["tier"])))


def results_of(mistake, cases, dtypes=DTYPES):
    """Yield (case, dtype, answers, Result) of the cases that a mistake fails."""
    for dtype in dtypes:
        for case in cases:
            if not representable(case, dtype):
                continue
            there = candidates_of(case, dtype)
            if changes(mistake, there):
                answers = there.answers(mistake.layer_class)
                result = judge(case, dtype, answers)
                if result.verdict in ("fail", "error"):
                    yield case, dtype, answers, result


@silently
def changes(mistake, there):
    """Whether a mistake changes any answer to a case, by a bit at least."""
    return any(not _same_bits(there.answer(mistake.layer_class, op), there.right[op])
               for op in there.requests if there.touches(mistake.layer_class, op))


def _same_bits(found, right):
    return found is not None and right is not None and found.keys() == right.keys() and all(
        np.array_equal(found[name], a, equal_nan=True) for name, a in right.items())


def of_state(mistake, cases):
    """Results of a mistake that shows after an earlier request, with the names it is given."""
    chosen = [c for c in in_order(cases) if "State" in c["flags"]]
    port = Planted(mistake.layer_class)
    results = Session(port, chosen).run(("float64",))
    State(port, chosen, results, ("float64",)).mark()
    results = [_as_public(r) for r in results]
    name_run(results)
    return [r for r in results if r.verdict == "fail" and not r.again]


def located(mistake, result):
    """Whether every first wrong tensor is one with which the mistake begins."""
    if not mistake.origin or not result.origins:
        return None
    return all(any(matches(pattern, name) for pattern in mistake.origin)
               for name in result.origins)


def public(answers):
    """What a port without a trace shows."""
    traced = {name for name in tensors(answers) if not is_public(name)}
    return {name: a for name, a in shown(answers).items() if name not in traced}


def _as_public(result):
    """A `Result` with the answers of a port that shows no trace."""
    return replace(result, answers={
        op: replace(answer, results={n: a for n, a in answer.results.items() if is_public(n)})
        for op, answer in result.answers.items()})


@lru_cache(maxsize=1)
def caught_first():
    """Name -> [case, dtype, more cases] of a mistake: that which caught it first when all were
    searched, and those that tell it from others which give the same numbers there.

    Looked at first, it spares the search; a case that does not catch it any more costs no more
    than that look.  Mistakes that the first case of all catches and tells are not listed.
    """
    path = resources.files("npadasoft.conformance") / "mistakes" / "caught.json"
    return json.loads(path.read_text("utf-8"))


def examine(mistake, cases):
    """A `Caught`: the first case that a mistake fails, where it begins there, what it is called."""
    id, dtype, *more = caught_first().get(mistake.name, (None, None))
    known = [case for case in cases if case["id"] == id]
    found = search(mistake, known, (dtype,)) if known and not mistake.state else None
    found = found if found and found.result else search(mistake, cases)
    if more and found.result:
        found.names = names_told_apart(mistake, found.result, [
            case for case in cases if case["id"] in more])
    return found


def names_told_apart(mistake, result, cases):
    """What the report calls a mistake that fails a case, of a run of that one and others."""
    others = (_as_public(judge(case, result.dtype, candidates_of(case, result.dtype).answers(
        mistake.layer_class))) for case in cases)
    results = [_as_public(result), *others]
    name_run(results)
    return tuple(results[0].mistakes)


def search(mistake, cases, dtypes=DTYPES):
    """What `examine` finds in these cases, asked in this order."""
    if mistake.state:
        result = next(iter(of_state(mistake, cases)), None)
        return Caught(mistake, result, True, result and located(mistake, result),
                      tuple(result.mistakes) if result else ())
    refused = None
    for case, dtype, answers, result in results_of(mistake, cases, dtypes):
        seen = public(answers)
        if seen:
            return Caught(mistake, result, True, located(mistake, result),
                          tuple(diagnose(case, dtype, seen)))
        refused = refused or result     # an error, where another case may show numbers
    return Caught(mistake, refused)


def score(each=lambda items, what: items, cases=None):
    """What `npadasoft conform` prints of the suite itself, and whether every mistake is caught.

    `each` is given the mistakes and a name for them, and gives them back while it shows how far it
    is.  `cases` are all that there are, where they were read already.
    """
    cases = ordered(cases or load())
    found = [examine(mistake, cases) for mistake in each(MISTAKES.values(), "known mistakes")]
    return text(found), not missed(found)


def missed(found):
    """Mistakes that no case catches."""
    return [c for c in found if c.result is None]


def text(found):
    """The score, and each mistake that the suite does not see whole."""
    caught = [c for c in found if c.result is not None]
    required = sum(c.result.tier == "required" for c in caught)
    begins = [c for c in caught if c.located is not None]
    shown = [c for c in caught if c.shows_numbers]
    lines = [f"known mistakes: {len(found)} planted, {len(caught)} caught, {required} of them by a "
             "required case",
             f"with a trace, located at their origin: {sum(c.located for c in begins)} of "
             f"{len(begins)}",
             f"without one, named from public outputs: {sum(c.named for c in shown)} of "
             f"{len(shown)}; by a false name: {sum(bool(c.false) for c in shown)}"]
    lines += [f"  NOT CAUGHT: {c.mistake.name}" for c in missed(found)]
    lines += [f"  not located: {c.mistake.name} ({c.result.id}: {', '.join(c.result.origins)})"
              for c in begins if not c.located]
    lines += [f"  not named: {c.mistake.name} ({c.result.id}: {', '.join(c.names[:4]) or 'none'})"
              for c in shown if not c.named]
    lines += [f"  FALSE NAME: {c.mistake.name} ({c.result.id}: {', '.join(c.false)})"
              for c in shown if c.false]
    return "\n".join(lines)
