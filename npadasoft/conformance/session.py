"""Put a port through the suite: which requests a case makes, what is asked in which order, and the verdicts.

    pass         all that is stored was answered, and agrees
    fail         some tensor differs, a law is broken, or a bad input was accepted
    error        an error where an answer was due, or an answer that breaks the protocol
    crashed      the process ended, or its line had no end          timeout    no answer in time
    skipped      the port said that it does not support the case, or announces none of its operations
    incomplete   a wanted public tensor is missing
"""
import itertools
import time
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from npadasoft.conformance.compare import Comparison, blocks, compare, origins, values
from npadasoft.conformance.laws import check_laws
from npadasoft.conformance.messages import Answer, Request, is_integer, matches
from npadasoft.conformance.numbers import round_to
from npadasoft.conformance.process import Fault

VERDICTS = ("pass", "fail", "error", "crashed", "timeout", "skipped", "incomplete")
BAD = ("fail", "error", "crashed", "timeout")
PUBLIC = ("output", "loss", "log_prob", "predict", "grad.input", "grad.head.weight", "grad.head.bias",
          "grad.tail.*.0.weight", "grad.tail.*.1.weight")
_BAD_CONFIG = ("cutoffs", "config", "dtype")
GIVE_UP = 10            # faults in a row after which the rest is not asked any more


@dataclass
class Result:
    """The verdict on one case in one dtype, and what led to it."""

    case: dict
    dtype: str
    verdict: str = "pass"
    comparisons: dict = field(default_factory=dict)     # tensor -> Comparison
    broken_laws: list = field(default_factory=list)     # Comparison
    origins: list = field(default_factory=list)
    mistakes: list = field(default_factory=list)
    answered: tuple = ()
    message: str | None = None
    stderr: str | None = None
    skipped: str | None = None
    notes: list = field(default_factory=list)
    expected_fail: bool = False
    seconds: float = 0.0

    @property
    def id(self):
        """Id of the case."""
        return self.case["id"]

    @property
    def tier(self):
        """Tier of the case."""
        return self.case["tier"]

    @property
    def differing(self):
        """Tensors that differ, in stored order."""
        return [name for name, c in self.comparisons.items() if c.differs]

    @property
    def ratio(self):
        """Largest |got - want| / bound of all tensors, or None."""
        return max((c.ratio for c in self.comparisons.values() if c.ratio is not None), default=None)

    @property
    def worst(self):
        """The `Worst` element of the first origin, else of what comes closest to its bound."""
        for name in self.origins:
            return self.comparisons[name].worst
        if self.broken_laws:
            return self.broken_laws[0].worst
        judged = [c for c in self.comparisons.values() if c.ratio is not None]
        return max(judged, key=lambda c: c.ratio).worst if judged else None

    @property
    def counts(self):
        """Whether the verdict is a failure that nobody expected, or a pass that nobody did."""
        return (self.verdict in BAD) != self.expected_fail


# ------------------------------------------------------------------ the requests of a case

def op_of(name, case):
    """The operation that answers the tensor `name`."""
    if name in ("log_prob", "predict"):
        return name
    if name.startswith("grad."):
        return "log_prob_backward" if "log_prob" in case.get("cotangents", {}) else "backward"
    return "forward"


def wanted(case):
    """Operation -> names of the tensors that it should answer, public ones and trace."""
    if case["result"] == "error":
        kind = case["expected"]["error"]["kind"]
        return {"shapes": []} if kind in _BAD_CONFIG else {"forward": ["output", "loss"]}
    names: dict[str, list] = {}
    for block in blocks(case):
        for name in block:
            if name == "shapes":
                names.setdefault("shapes", [])
            else:
                group = names.setdefault(op_of(name, case), [])
                group += [name] if name not in group else []
    return names


def is_public(name):
    """Whether every port should answer the tensor `name`."""
    return any(matches(pattern, name) for pattern in PUBLIC)


def requests_of(case, dtype, info):
    """The `Request`s of a case, and the operations that the port does not announce."""
    arrays = {group: {name: _array(name, tensor) for name, tensor in case.get(group, {}).items()}
              for group in ("params", "inputs", "cotangents")}
    made, lacking = [], []
    for op, names in wanted(case).items():
        asked = tuple(name for name in names if is_public(name) or info.traces(name))
        if op != "shapes" and not asked:
            continue                                    # a trace that this port does not show
        if op not in info.ops:
            lacking.append(op)
            continue
        cotangents = {k: a for k, a in arrays["cotangents"].items()
                      if op == "log_prob_backward" and k == "log_prob" or op == "backward" and k != "log_prob"}
        inputs = {k: a for k, a in arrays["inputs"].items() if k != "target" or op in ("forward", "backward")}
        made.append(Request(case["id"], op, dtype, case["config"], arrays["params"], inputs, cotangents, asked)
                    if op != "shapes" else Request(case["id"], op, dtype, case["config"]))
    return made, lacking


def _array(name, tensor):
    array = values(tensor)
    return array.astype(np.int64) if is_integer(name) else array


def representable(case, dtype):
    """Whether all numbers of the case are numbers of `dtype`, so that it can be put to such a port."""
    tensors = [t for group in ("params", "inputs", "cotangents")
               for name, t in case.get(group, {}).items() if name != "target"]
    arrays = [values(t) for t in tensors]
    return all(np.array_equal(round_to(a, dtype), a, equal_nan=True) for a in arrays)


def in_order(cases):
    """Cases of one shape one after the other: what is left over from an earlier request must show."""
    def shape(case):
        return str(sorted(case["config"].items(), key=str)) + str(case.get("inputs", {}).get("input", {}).get("shape"))
    groups: dict[str, list] = {}
    for case in cases:
        groups.setdefault(shape(case), []).append(case)
    return list(itertools.chain.from_iterable(groups.values()))


def repeated(cases):
    """Those that are put a second time, after all others: the first valid one of every operation."""
    first: dict[str, dict] = {}
    for case in cases:
        if case["result"] == "valid" and case["tier"] == "required" and "shapes" not in wanted(case):
            for op in wanted(case):
                first.setdefault(op, case)
    return list({case["id"]: case for case in first.values()}.values())


# ------------------------------------------------------------------ one case

def judge(case, dtype, answers, lacking=()):
    """The `Result` of what a port answered, one `Answer` an operation.

    Parameters
    ----------
    case : mapping
    dtype : str
    answers : mapping
        Operation -> Answer.
    lacking : sequence of str
        Operations that the port does not announce.
    """
    result = Result(case, dtype, notes=[note for a in answers.values() for note in a.notes])
    skips = [a.skipped for a in answers.values() if a.skipped]
    errors = [(op, a.error) for op, a in answers.items() if a.error]
    if case["result"] == "error":
        return _judge_refusal(result, answers, errors, skips, lacking)
    if errors:
        op, (kind, message) = errors[0]
        result.verdict, result.message = "error", f"{op} answered an error ({kind}): {message}"
        return result
    got = {name: a for answer in answers.values() for name, a in answer.results.items()}
    _judge_tensors(result, got)
    _judge_shapes(result, answers.get("shapes"))
    if result.verdict == "pass":
        _judge_completeness(result, answers, skips, lacking)
    return result


def _judge_refusal(result, answers, errors, skips, lacking):
    want = result.case["expected"]["error"]["kind"]
    if errors:
        kind = errors[0][1][0]
        if kind != want:
            result.notes.append(f"refused, as it should be, with kind {kind} instead of {want}")
    elif skips or lacking:
        result.verdict, result.skipped = "skipped", _reason(skips, lacking)
    else:
        result.verdict, result.message = "fail", f"accepted: an error of kind {want} is due"
    return result


def _judge_tensors(result, got):
    case, dtype = result.case, result.dtype
    tensors = {name: a for name, a in got.items()}
    if tensors:
        result.comparisons = compare(case, dtype, tensors)
        result.broken_laws = check_laws(case, dtype, tensors) if _shapes_agree(result) else []
    result.answered = tuple(result.comparisons)
    differing = result.differing
    if differing:
        expected = next((b for b in blocks(case) if set(differing) <= set(b)), blocks(case)[0])
        result.origins = origins(expected, differing, result.answered)
    if differing or result.broken_laws:
        result.verdict = "fail"


def _shapes_agree(result):
    return not any(c.message for c in result.comparisons.values())


def _judge_shapes(result, answer):
    want = {name: tuple(s) for name, s in result.case["expected"].get("shapes", {}).items()}
    if answer is None or answer.shapes is None or not want:
        return
    for name in want:
        got = answer.shapes.get(name)
        if got != want[name]:
            shown = "nothing" if got is None else list(got)
            result.comparisons[name] = Comparison(
                name, True, message=f"shape of {name}: got {shown}, want {list(want[name])}")
            result.origins.append(name)
            result.verdict = "fail"


def _judge_completeness(result, answers, skips, lacking):
    names = [name for op, group in wanted(result.case).items() if op not in lacking for name in group]
    missing = [name for name in names if is_public(name) and name not in result.answered]
    if skips and len(skips) == len(answers) or lacking and not answers:
        result.verdict, result.skipped = "skipped", _reason(skips, lacking)
    elif skips or lacking or missing:
        result.verdict = "incomplete"
        parts = [f"{', '.join(missing)} not answered"] if missing and not skips else []
        result.message = "; ".join(parts + ([_reason(skips, lacking)] if skips or lacking else []))


def _reason(skips, lacking):
    parts = [reason + (f" ({url})" if url else "") for reason, url in skips]
    return "; ".join(parts + [f"{op} is not among the port's operations" for op in lacking])


# ------------------------------------------------------------------ the run

class Session:
    """One run of a port through the suite.

    Parameters
    ----------
    port : object
        With `info`, `run(request)`, `restart()` and perhaps `echo(dtype, numbers)`; already started.
    cases : sequence of mappings
    diagnose : callable, optional
        (case, dtype, tensors) -> names of known mistakes that give these numbers.
    expected_failures : container of (id, dtype or None)
    on_result : callable, optional
        Told every `Result` when it is known.
    give_up : int
        Faults in a row after which the remaining cases are not put any more.
    """

    def __init__(self, port, cases, *, diagnose=None, expected_failures=(), on_result=None, give_up=GIVE_UP):
        self.port, self.cases = port, list(cases)
        self.diagnose, self.expected = diagnose, set(expected_failures)
        self.on_result = on_result or (lambda result: None)
        self.give_up, self._faults = give_up, 0
        self.results: list[Result] = []

    def run(self, dtypes):
        """Put every case in every dtype; the list of `Result`."""
        for dtype in dtypes:
            cases = [case for case in in_order(self.cases) if representable(case, dtype)]
            for case in cases:
                self._settle(self._put(case, dtype))
            for case in repeated(cases):
                self._again(case, dtype)
        for result in self.results:
            self.on_result(result)
        return self.results

    def _settle(self, result):
        key = result.id
        result.expected_fail = (key, None) in self.expected or (key, result.dtype) in self.expected
        if result.expected_fail and result.verdict not in BAD:
            result.message = "expected to fail, but did not: take it off the list"
        self.results.append(result)

    def _again(self, case, dtype):
        """The same case a second time must have the same answer."""
        first = next(r for r in self.results if r.id == case["id"] and r.dtype == dtype)
        second = self._put(case, dtype)
        if first.verdict == "pass" and second.verdict != "pass":
            second.expected_fail = first.expected_fail
            second.message = ("passed when it was asked first, and not when it was asked again after other "
                              "cases: state is left over from an earlier request"
                              + (f" ({second.message})" if second.message else ""))
            self.results[self.results.index(first)] = second

    def _put(self, case, dtype):
        if self._faults >= self.give_up:
            return Result(case, dtype, "crashed", message=f"not asked: {self.give_up} faults in a row")
        start = time.perf_counter()
        requests, lacking = requests_of(case, dtype, self.port.info)
        answers: dict[str, Answer] = {}
        for request in requests:
            try:
                answers[request.op] = self.port.run(request)
                self._faults = 0
            except Fault as fault:
                return self._after_fault(fault, request, case, dtype, start)
        result = judge(case, dtype, answers, lacking)
        if result.verdict == "fail" and self.diagnose and case["result"] != "error":
            got = {name: a for answer in answers.values() for name, a in answer.results.items()}
            result.mistakes = list(self.diagnose(case, dtype, got))
        result.seconds = time.perf_counter() - start
        return result

    def _after_fault(self, fault, request, case, dtype, start):
        self._faults += 1
        if fault.late and self.results and self.results[-1].verdict == "pass":
            self.results[-1] = replace(self.results[-1], verdict="error", message="more than one line for one request",
                                       stderr=fault.stderr)
            self._restart()
            return self._put(case, dtype)
        result = Result(case, dtype, fault.verdict, message=f"{request.op}: {fault.message}",
                        stderr=fault.stderr, seconds=time.perf_counter() - start)
        self._restart()
        return result

    def _restart(self):
        try:
            self.port.restart()
        except Exception as error:                      # Unusable: it started once, and now it does not
            self._faults = self.give_up
            self.results_note = str(error)


def exit_status(results):
    """0 all required cases passed; 1 some failed; 3 all that ran passed, but some did not run in full."""
    required = [r for r in results if r.tier == "required"]
    if any(r.counts for r in required):
        return 1
    if any(r.verdict in ("skipped", "incomplete") for r in required):
        return 3
    return 0


def worst_ratio(results):
    """Largest |got - want| / bound among what passed: near 1 the bound is tight."""
    ratios = [r.ratio for r in results if r.verdict in ("pass", "incomplete") and r.ratio is not None]
    return max(ratios, default=None)


def as_json(result):
    """A `Result` as the report has it."""
    worst = result.worst
    return {"id": result.id, "dtype": result.dtype, "tier": result.tier, "verdict": result.verdict,
            "origins": result.origins, "differs": result.differing, "mistakes": result.mistakes,
            "worst": worst and _plain({k: v for k, v in asdict(worst).items() if k != "ulps"}),
            "message": result.message or _law_message(result), "stderr": result.stderr,
            "skipped": result.skipped, "notes": result.notes, "expected_fail": result.expected_fail,
            "seconds": round(result.seconds, 4)}


def _law_message(result):
    return next((law.message for law in result.broken_laws), None)


def _plain(fields):
    """JSON has no nan and no inf: strings, as in the messages."""
    def plain(value):
        return str(value) if isinstance(value, float) and not np.isfinite(value) else value
    return {name: list(v) if isinstance(v, tuple) else plain(v) for name, v in fields.items()}
