"""Put a port through the suite, whatever it does."""
import time
from dataclasses import replace

from npadasoft.conformance.judge.causes import LEFT_OVER
from npadasoft.conformance.judge.constant import judge_constant
from npadasoft.conformance.judge.ends import judge_ends
from npadasoft.conformance.judge.plan import (asked_of, in_order, repeated, representable,
                                              requests_of)
from npadasoft.conformance.judge.state import State
from npadasoft.conformance.judge.verdict import BAD, NOT_ASKED, Result, judge
from npadasoft.conformance.judge.writing import judge_writing
from npadasoft.conformance.wire.messages import Answer
from npadasoft.conformance.wire.process import Fault

GIVE_UP = 10            # faults in a row after which the rest is not asked any more


class Session:
    """One run of a port through the suite.

    Parameters
    ----------
    port : object
        With `info`, `run(request)` and `restart()`; already started.
    cases : sequence of mappings
        Those of the head alone are put to a port that announces it, and to no other.
    expected_failures : collection of (id, dtype or None) or (id, dtype or None, link or None)
    give_up : int
        Faults in a row after which the remaining cases are not put any more.
    """

    def __init__(self, port, cases, *, expected_failures=(), give_up=GIVE_UP):
        self.port, self.cases = port, asked_of(cases, port.info)
        self.expected, self.give_up = {(id, dtype): why for id, dtype, why in (
            (*line, None)[:3] for line in expected_failures)}, give_up
        self.results: list[Result] = []
        self._asked: list[list] = [[]]  # of every process: (Result, answers), as they came
        self._faults = 0                # in a row
        self._gone = ""                 # why nothing is asked any more

    def run(self, dtypes):
        """Put every case in every dtype.

        Returns
        -------
        list of Result
        """
        for dtype in dtypes:
            cases = [case for case in in_order(self.cases) if representable(case, dtype)]
            for case in cases:
                result = self._put(case, dtype)
                self.results.append(self._against_expectation(result))
            for case in repeated(cases):
                self._put_again(case, dtype)
        return self.results

    def explain(self, dtypes, echoes=()):
        """Find, of what failed, what is due to state, to the writing of numbers, or to a stub.

        `echoes` are the verdicts on how the port reads and writes numbers, where it was asked.
        """
        if not self._gone and not getattr(self.port, "recorded", False):
            State(self.port, self.cases, self.results, dtypes, self._asked, echoes).look()
            judge_ends(self.results)
        judge_writing(self.results, echoes)
        judge_constant(self.results)

    def _against_expectation(self, result):
        pairs = [(result.id, result.dtype), (result.id, None)]
        result.expected_fail = any(pair in self.expected for pair in pairs)
        result.expected_why = next(filter(None, map(self.expected.get, pairs)), None)
        if result.expected_fail and result.verdict not in BAD:
            result.message = "expected to fail, but did not: take it off the list"
        return result

    def _put(self, case, dtype):
        """Ask all that the case has to ask; the verdict."""
        if self._gone:
            return Result(case, dtype, "skipped", skipped=f"{NOT_ASKED}: {self._gone}")
        start = time.perf_counter()
        requests, lacking = requests_of(case, dtype, self.port.info)
        answers: dict[str, Answer] = {}
        for request in requests:
            try:
                answers[request.op] = self.port.run(request)
            except Fault as fault:
                return self._after(fault, request, case, dtype, start, answers)
            self._faults = 0
        result = judge(case, dtype, answers, lacking)
        result.info, result.seconds = self.port.info, time.perf_counter() - start
        self._asked[-1].append((result, result.answers))
        return result

    def _put_again(self, case, dtype):
        """The same case after all others must have the same answer."""
        at = next(i for i, r in enumerate(self.results) if (r.id, r.dtype) == (case["id"], dtype))
        first, second = self.results[at], self._put(case, dtype)
        if first.verdict == "pass" and second.verdict in BAD:
            why = f" ({second.message})" if second.message else ""
            second.message = ("passed when it was asked first, but not when it was asked again "
                              f"after the others: {LEFT_OVER}{why}")
            second.expected_fail, second.state, second.again = first.expected_fail, True, True
            self.results[at] = second

    def _after(self, fault, request, case, dtype, start, answers):
        """The verdict on a port that did not answer; it is started anew."""
        self._faults += 1
        if self._faults >= self.give_up:
            self._gone = f"{self._faults} faults in a row"
        self._restart()
        if fault.late not in (None, case["id"]):
            self._blame(fault, dtype)
            return self._put(case, dtype)
        if fault.verdict == "crashed":
            answers = answers | {request.op: Answer(error=("crashed", fault.message))}
        result = Result(case, dtype, fault.verdict, message=f"{request.op}: {fault.message}",
                        answers=answers, stderr=fault.stderr, seconds=time.perf_counter() - start,
                        ended_after=fault.after if fault.verdict == "crashed" else None)
        self._asked[-2].append((result, answers))
        return result

    def _blame(self, fault, dtype):
        """The line was one too many for a case before."""
        for at, result in enumerate(self.results):
            if (result.id, result.dtype) == (fault.late, dtype) and result.verdict not in BAD:
                self.results[at] = replace(result, verdict="error", stderr=fault.stderr,
                                           message="two lines for one request")

    def _restart(self):
        self._asked.append([])
        try:
            self.port.restart()
        except Exception as error:          # it started once, and now it does not
            self._gone = f"the port could not be started again ({error})"
