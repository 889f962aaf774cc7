"""What an earlier request left: a failing case is asked once more, in a fresh process.

If it passes there, the failure is one of state, and a case before it is sought that shows it again:
the two together reproduce what one alone does not.
"""
from npadasoft.conformance.judge.plan import in_order, repeated, representable, requests_of
from npadasoft.conformance.judge.verdict import BAD, judge
from npadasoft.conformance.wire.process import Fault

FRESH = 6               # failing cases, of as many forms, that are asked again
MORE = 30               # once one of them has passed there
TRIES = 10              # histories that are tried to show it again
SHOWN_AGAIN = 2         # cases for which they are sought
TEXT = "state is left over from an earlier request: it passes when it is asked in a fresh process"


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
    """

    def __init__(self, port, cases, results, dtypes):
        self.port, self.cases, self.results, self.dtypes = port, cases, results, tuple(dtypes)

    def look(self):
        """Mark each failing case that passes in a fresh process, and find what shows it again."""
        try:
            again = [r for r in self.results if r.state]    # asked twice in one process
            for result in [*self.mark()[:SHOWN_AGAIN], *again[:SHOWN_AGAIN]]:
                result.repeat = self._shown_by(result)
        except Exception:                   # it does not start again: what was found stands
            return

    def mark(self):
        """Mark those, and no more; which they are."""
        forms: dict = {}
        for r in self.results:
            if r.verdict in ("fail", "error") and r.answers and not (r.state or r.expected_fail):
                forms.setdefault((r.verdict, tuple(r.origins), r.dtype), []).append(r)
        first = [group[0] for group in forms.values()][:FRESH]
        found = [r for r in first if self._passes_fresh(r)]
        rest = [r for group in forms.values() for r in group if r not in first]
        found += [r for r in rest[:MORE] if self._passes_fresh(r)] if found else []
        for result in found:
            result.state, result.message = True, TEXT
        return found

    def _passes_fresh(self, result):
        return self._run([result.case], (result.dtype,), result.case["id"]) == {"pass"}

    def _shown_by(self, result):
        """(ids, dtypes) of which a run in a fresh process shows the failure; () if none was."""
        id, dtype = result.case["id"], result.dtype
        for earlier, dtypes in self._histories(result):
            ids = {id, *earlier}
            cases = [case for case in self.cases if case["id"] in ids]
            if self._run(cases, dtypes, id, dtype) & set(BAD):
                return tuple(case["id"] for case in cases), tuple(dtypes)
        return ()

    def _histories(self, result):
        """What may have been asked before: itself, those just before, the first ones, a dtype."""
        here = [r.case["id"] for r in self.results if r.dtype == result.dtype and r.case["config"]]
        at = here.index(result.case["id"])
        weights = {c["id"]: {(n, *t["shape"]) for n, t in c.get("params", {}).items()}
                   for c in self.cases}
        alike = sorted(here[:at][::-1], key=lambda i: -len(weights[i] & weights[result.case["id"]]))
        before = list(dict.fromkeys([*alike[:3], *here[max(at - 2, 0):at][::-1], *here[:3]]))
        one = (result.dtype,)
        histories = [((), one), *(((id,), one) for id in before if id != result.case["id"])]
        if len(self.dtypes) > 1:
            histories.append(((), self.dtypes))
        return histories[:TRIES]

    def _run(self, cases, dtypes, id, dtype=None):
        """The verdicts on one case in a run of few, in a process of its own."""
        self.port.restart()
        verdicts = set()
        for d in dtypes:
            fitting = [case for case in in_order(cases) if representable(case, d)]
            for case in fitting + (repeated(fitting) if dtype else []):
                verdict = self._verdict(case, d)
                if case["id"] == id and dtype in (None, d):
                    verdicts.add(verdict)
        return verdicts

    def _verdict(self, case, dtype):
        requests, lacking = requests_of(case, dtype, self.port.info)
        try:
            answers = {request.op: self.port.run(request) for request in requests}
        except Fault as fault:
            self.port.restart()
            return fault.verdict
        return judge(case, dtype, answers, lacking).verdict
