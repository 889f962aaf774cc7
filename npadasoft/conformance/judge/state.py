"""What an earlier request left: failing cases are asked once more, where other ones came before.

Cases that stand for a form of failure are asked in a process of their own, and the rest after one
of these, in the opposite order: what fails there with the same numbers hardly hangs on what was
asked before it.  If one passes, state is left over; then all others, too, are asked in a process
of their own, one of each form in turn, as long as that takes no longer than the run itself did.
What is left when the time is over is told as its form is.  Before that, what a process was asked
is asked of another one: where answers hang on chance (chance.py), no state is known.
"""
import itertools
import time

from npadasoft.conformance.judge.causes import CHANCE, LEFT_OVER, TEXT
from npadasoft.conformance.judge.chance import alike, by_chance
from npadasoft.conformance.judge.ends import ends_by_number
from npadasoft.conformance.judge.general import general
from npadasoft.conformance.judge.histories import shown_by
from npadasoft.conformance.judge.plan import requests_of
from npadasoft.conformance.judge.verdict import BAD, judge
from npadasoft.conformance.wire.process import Fault

FRESH = 6               # failing cases, of as many forms, that are asked in a process of their own
LONGEST = 10.0          # s that one of each form, and another order, may take in any case
SHARE = 1 / 4           # of that time these may take, where no state is known
LEAST = 1.0             # s that a search may take, however short the run was
TRIES = 4               # times that a case is asked again whose answers hang on chance
PROOF = 3               # failures that come again where answers hang on what was asked before
SHOWN_AGAIN = 3         # failures, of as many forms, for which it is sought what shows them again
OTHERWISE = f"{LEFT_OVER}: it passes when other cases are asked before it"
ALIKE = f"{LEFT_OVER}: cases that fail as it does pass, each in a fresh process"
UNTRIED = f"{LEFT_OVER}: whether it fails in a fresh process was not tried, for want of time"


class State:
    """The search for state in the results of a run.

    Parameters
    ----------
    port : object
        As in `Session`; `restart()` must forget all that was asked.
    cases : sequence of mappings
        In the order in which they were chosen.
    results : list of Result
        In the order in which they were asked; the state that is found is written into them.
    dtypes : sequence of str
    asked : sequence of lists of (Result, answers), optional
        What every process of the run was asked.
    echoes : sequence of Result
        Of what came before.
    """

    def __init__(self, port, cases, results, dtypes, asked=(), echoes=()):
        self.port, self.cases, self.results, self.dtypes = port, cases, results, tuple(dtypes)
        self.asked, self.echoes = asked, echoes
        self._tries: dict[int, list] = {}   # of a result: whether it failed, each time
        self._moved: set[int] = set()   # results whose answer is another one after other cases
        self._running = False           # whether a process is there that was asked something

    def look(self):
        """Mark each failing case that passes elsewhere, and find what shows one of them again."""
        try:
            self.mark()
            state = sorted((r for r in self.results if r.state and not r.chance and
                            not ends_by_number(r, self.results)),
                           key=lambda r: (r.tier != "required", r.fresh is None))
            end = time.monotonic() + self._allowed
            for group in _forms(state)[:SHOWN_AGAIN]:
                group[0].repeat = shown_by(self.port, self.cases, self.results, self.dtypes,
                                           group[0], end)
        except Exception:                   # it does not start again: what was found stands
            return

    def mark(self):
        """Mark those, and no more; which they are."""
        failing = [r for r in self.results if r.case["config"] and r.verdict != "timeout"
                   and _wrong(r) and not (r.state or r.expected_fail)]
        forms, began = _forms(failing), time.monotonic()
        end, latest = began + self._allowed, began + max(self._allowed, LONGEST)
        few = began + SHARE * self._allowed
        self._ask_each_alone([group[0] for group in forms[:FRESH]], few)
        self._ask_in_another_order([r for r in reversed(failing) if r.fresh is None], latest)
        if self._by_chance():
            self._tell_chance(forms)
            return [r for r in failing if r.state]
        if not any(r.state for r in self.results):
            moved = _forms([r for r in failing if id(r) in self._moved and r.fresh is None])
            few = time.monotonic() + SHARE * self._allowed
            self._ask_each_alone([group[0] for group in moved[:FRESH]], few)
        if any(r.state for r in self.results):
            self._ask_each_alone([group[0] for group in forms if all(
                r.fresh is None and not r.state for r in group)], latest)
            self._ask_each_alone(_in_turn(forms), end)
            _tell_the_rest(forms, self._moved)
        return [r for r in failing if r.state]

    def _by_chance(self):
        """Whether a process, asked what led to the first of these failures, answers otherwise."""
        moved = [r for r in self.results if r.verdict != "crashed"
                 and (r.state or id(r) in self._moved)]
        for n, asked in enumerate(self.asked if getattr(self.port, "forgets", True) else ()):
            places = [k for k, (r, _) in enumerate(asked) if any(r is m for m in moved)]
            if places:
                self._running = False
                return by_chance(self.port, asked[:places[:PROOF][-1] + 1],
                                 () if n else self.echoes, time.monotonic() + self._allowed)
        return False

    def _tell_chance(self, forms):
        """Write into what was answered in several ways how often it failed; and of its form."""
        end = time.monotonic() + self._allowed / 2
        moved = {id(r) for r in self.results if r.state or id(r) in self._moved}
        groups = [group for group in forms if any(id(r) in moved for r in group)]
        for group in groups[:SHOWN_AGAIN]:
            best = max(group, key=lambda r: sum(self._tries.get(id(r), [])))
            while len(self._tries.get(id(best), [])) < TRIES and time.monotonic() < end:
                self.port.restart()
                self._ask(best)
        for r in self.results:
            if r.verdict != "crashed" and (id(r) in moved or any(
                    r is other for group in groups for other in group if id(r) not in self._tries)):
                tries = [True, *[False] * r.again, *self._tries.get(id(r), [])]
                r.state, r.message, r.fresh = True, CHANCE, None
                r.chance = sum(tries), len(tries)

    @property
    def _allowed(self):
        """Seconds that a search may take."""
        return max(sum(r.seconds for r in self.results), LEAST)

    def _ask_each_alone(self, results, end):
        """Ask cases each in a process of its own, while there is time; the first in any case."""
        results = [r for r in results if r.fresh is None and not r.state]
        for n, r in enumerate(results):
            if n and time.monotonic() > end:
                return
            self.port.restart()
            self._running = True
            found = self._ask(r)
            r.fresh = found is not None and not _wrong(found)
            if r.fresh:
                _mark(r, TEXT)
            elif found is not None and found is not r:
                self._moved.add(id(r))
                _take(r, found)

    def _ask_in_another_order(self, results, end):
        """Ask cases one after the other; where state is known, what fails once more, after itself.

        After itself: what is kept from the request before is right then.
        """
        known = any(r.state for r in self.results)
        for r in results:
            for _ in range(2 if time.monotonic() < end else 0):
                if not self._running:
                    self.port.restart()
                    self._running = True
                found = self._ask(r)
                if found is not None and not _wrong(found):
                    known = True
                    _mark(r, OTHERWISE)
                elif found is not None and found is not r:
                    self._moved.add(id(r))
                if r.state or found is None or not known:
                    break

    def _ask(self, r):
        """The `Result` of a case as it is answered now, itself if alike; None for no answer."""
        requests, lacking = requests_of(r.case, r.dtype, self.port.info)
        try:
            answers = {request.op: self.port.run(request) for request in requests}
        except Fault:
            self._running = False
            return None
        found = r if alike(r.case, r.dtype, answers, r.answers) else judge(
            r.case, r.dtype, answers, lacking)
        self._tries.setdefault(id(r), []).append(_wrong(found))
        return found


def _wrong(result):
    """Whether a case fails, or lacks a tensor that it should have."""
    lacks = result.verdict == "incomplete" and (result.message or "").startswith("not answered")
    return lacks or result.verdict in BAD


def _mark(result, text):
    """Write into a result that it is due to state; of a process that ended `ends` says so."""
    result.state = True
    if result.verdict != "crashed":
        result.message = text


def _forms(results):
    """Results of one form together: they begin to differ in the same tensors; most first."""
    forms: dict = {}
    for r in results:
        origins = tuple(dict.fromkeys(map(general, r.origins)))
        fault = "" if r.verdict == "fail" else general((r.message or "").partition(": ")[2])
        forms.setdefault((r.verdict, origins, fault, r.dtype), []).append(r)
    return sorted(forms.values(), key=len, reverse=True)


def _in_turn(forms):
    """One of each form, then a second one of each, and so on."""
    return [r for some in itertools.zip_longest(*forms) for r in some if r is not None]


def _tell_the_rest(forms, moved):
    """What was not asked in a process of its own, by what was of its form.

    Of what has other numbers after other cases it is enough that not all of its form fail there.
    """
    for group in forms:
        passed, failed = any(r.state for r in group), any(r.fresh is False for r in group)
        for r in group:
            if r.fresh is None and not r.state and not (
                    failed and not (passed and id(r) in moved)):
                _mark(r, ALIKE if passed else UNTRIED)


def _take(r, found):
    """Let a case have failed as it does in a process of its own, where no state disturbs."""
    for name in ("verdict", "answers", "comparisons", "broken_laws", "statistics", "origins",
                 "message", "notes"):
        setattr(r, name, getattr(found, name))
