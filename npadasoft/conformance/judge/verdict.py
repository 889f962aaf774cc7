"""The verdict on one case.

    pass         all that is stored was answered, and agrees
    fail         some tensor differs, a law is broken, or a bad input was accepted
    error        an error where an answer was due, or an answer that breaks the protocol
    crashed      the process ended, or its line had no end        timeout    no answer in time
    skipped      the port says that it does not support the case, or has none of its operations
    incomplete   a wanted public tensor is missing
"""
from dataclasses import asdict, dataclass, field

import numpy as np

from npadasoft.conformance.judge.compare import Comparison, blocks, compare, origins
from npadasoft.conformance.judge.laws import check_laws
from npadasoft.conformance.judge.plan import is_public, wanted
from npadasoft.conformance.judge.statistics import statistics
from npadasoft.conformance.wire.messages import PortInfo, matches

VERDICTS = ("pass", "fail", "error", "crashed", "timeout", "skipped", "incomplete")
MOST_NAMES = 3          # of tensors that nobody asked for
NOT_ASKED = "not asked"         # the skip of a case behind which the port was given up
NO_ANSWER = "the file holds no answer"      # of one that was cut, say
BAD = ("fail", "error", "crashed", "timeout")


@dataclass
class Result:
    """The verdict on one case in one dtype, and what led to it."""

    case: dict
    dtype: str
    verdict: str = "pass"
    answers: dict = field(default_factory=dict, repr=False)     # operation -> Answer
    comparisons: dict = field(default_factory=dict)     # tensor -> Comparison
    broken_laws: list = field(default_factory=list)     # Comparison
    statistics: list = field(default_factory=list)      # Statistic
    origins: list = field(default_factory=list)
    mistakes: list = field(default_factory=list)        # names, of all operations
    named: dict = field(default_factory=dict, repr=False)   # wrong operation -> names, or ()
    beside: dict = field(default_factory=dict, repr=False)  # one without: names that may change it
    lacking: tuple = ()                                 # operations that are not announced
    message: str | None = None
    stderr: str | None = None
    skipped: str | None = None
    notes: list = field(default_factory=list)
    expected_fail: bool = False
    expected_why: str | None = None     # where that failure is discussed
    constant: tuple = ()                # operations that answer one number in the whole run
    rounding: str | None = None         # too few digits are written, or computed: all of it
    state: bool = False                 # it fails by what an earlier request left
    fresh: bool | None = None           # whether it passes in one; None where that was not tried
    ended_after: int | None = None      # requests that its process had answered when it ended
    chance: tuple = ()                  # how often it failed, of how often it was asked
    again: bool = False                 # this was answered when it was asked once more at the end
    repeat: tuple = ()                  # ids and dtypes that show it, asked in a fresh process
    sent: tuple = ()                    # the numbers that a self-test of numbers asked back
    info: PortInfo | None = None        # of the port, for its dialect
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
        ratios = [c.ratio for c in self.comparisons.values() if c.ratio is not None]
        return max(ratios, default=None)

    @property
    def worst(self):
        """The `Worst` element of the first origin, else what comes closest to its bound."""
        if self.origins:
            return self.comparisons[self.origins[0]].worst
        if self.broken_laws:
            return self.broken_laws[0].worst
        judged = [c for c in self.comparisons.values() if c.ratio is not None]
        return max(judged, key=lambda c: c.ratio).worst if judged else None

    @property
    def counts(self):
        """Whether this is a failure that nobody expected, or a pass where one was expected."""
        return (self.verdict in BAD) != self.expected_fail


def judge(case, dtype, answers, lacking=()):
    """The verdict on what a port answered.

    Parameters
    ----------
    case : mapping
    dtype : str
    answers : mapping
        Operation -> Answer.
    lacking : sequence of str
        Operations that the port does not announce.

    Returns
    -------
    Result
    """
    notes = [note for answer in answers.values() for note in answer.notes]
    result = Result(case, dtype, answers=dict(answers), notes=notes, lacking=tuple(lacking))
    errors = [(op, *a.error) for op, a in answers.items() if a.error]
    if case["result"] == "error":
        _judge_refusal(result, answers, errors)
    elif errors:
        op, kind, message = errors[0]
        result.verdict, result.message = "error", f"{op} answered an error ({kind}): {message}"
    else:
        _judge_tensors(result, tensors(answers))
        _judge_shapes(result, answers.get("shapes"))
        if result.verdict == "pass":
            _judge_completeness(result, answers)
    return result


def tensors(answers):
    """All tensors of the answers of one case."""
    return {name: a for answer in answers.values() for name, a in answer.results.items()}


def shown(answers):
    """All that the answers of one case show: tensors, and shapes as arrays under weights' names."""
    shapes = {name: np.array(shape) for answer in answers.values()
              for name, shape in (answer.shapes or {}).items()}
    return tensors(answers) | shapes


def _judge_refusal(result, answers, errors):
    want = result.case["expected"]["error"]["kind"]
    skips = [a.skipped for a in answers.values() if a.skipped]
    if errors:
        kind = errors[0][1]
        if kind != want:
            result.notes.append(f"refused, as it should be, with kind {kind} instead of {want}")
    elif skips or not answers:
        result.verdict, result.skipped = "skipped", _reason(skips, result.lacking)
    else:
        result.verdict, result.message = "fail", f"accepted: an error of kind {want} is due"


def _judge_tensors(result, got):
    if not got:
        return
    result.comparisons = compare(result.case, result.dtype, got)
    if not any(c.message for c in result.comparisons.values()):         # shapes agree
        result.broken_laws = check_laws(result.case, result.dtype, got)
    differing = result.differing
    if differing:
        expected: dict = next((b for b in blocks(result.case) if set(differing) <= set(b)), {})
        result.origins = origins(expected, differing, result.comparisons)
    if differing or result.broken_laws:
        result.verdict = "fail"
        return
    result.statistics = statistics(result.case, result.dtype, got)
    wrong = [s.message for s in result.statistics if s.wrong]
    if wrong:
        result.verdict, result.message = "fail", "; ".join(wrong)


def _judge_shapes(result, answer):
    want = result.case["expected"].get("shapes", {})
    if answer is None or answer.shapes is None:
        return
    for name in dict.fromkeys([*want, *answer.shapes] if want else []):     # none too many, either
        got, due = answer.shapes.get(name), want.get(name)
        if due is None or got != tuple(due):
            text = (f"got {'nothing' if got is None else list(got)}, "
                    f"want {'nothing' if due is None else list(due)}")
            result.comparisons[name] = Comparison(name, True, message=text)
            result.origins.append(name)
            result.verdict = "fail"


def _judge_completeness(result, answers):
    skips = [a.skipped for a in answers.values() if a.skipped]
    if len(skips) == len(answers) and (skips or result.lacking):
        result.verdict, result.skipped = "skipped", _reason(skips, result.lacking)
        return
    due = wanted(result.case)
    missing = [name for op, a in answers.items() if not a.skipped for name in due[op]
               if is_public(name) and name not in result.comparisons]
    if skips or missing or result.lacking:
        result.verdict = "incomplete"
        parts = [f"not answered: {', '.join(missing)}{_due(missing)}{_unasked(answers)}"] \
            if missing else []
        parts += [_reason(skips, result.lacking)] if skips or result.lacking else []
        result.message = "; ".join(parts)


def _due(missing):
    unused = all(matches("grad.tail.*.*.*", name) for name in missing)
    return " (a tail without a target has gradients: zeros, or null)" if unused else ""


def _unasked(answers):
    """A name that is misspelt: what was answered instead."""
    names = [name for a in answers.values() for name in a.unasked]
    dots = ", ..." * (len(names) > MOST_NAMES)
    return f" (answered instead: {', '.join(names[:MOST_NAMES])}{dots})" if names else ""


def _reason(skips, lacking):
    parts = list(dict.fromkeys(reason + (f" ({url})" if url else "") for reason, url in skips))
    return "; ".join(parts + ([f"not announced: {', '.join(lacking)}"] if lacking else []))


def deciding(results):
    """The tiers that decide: required; of the head alone, linear too.

    How a command port reads numbers is required of any: it tells no head from a layer.  Where
    neither is among what was chosen, all of it decides.
    """
    tiers = {r.tier for r in results if r.case["config"]}
    least = next((tier for tier in ("required", "linear") if tier in tiers), None)
    return tuple(dict.fromkeys(("required", least))) if least else ("required", *sorted(tiers))


def exit_status(results):
    """0 all required cases passed; 1 some failed; 3 those that ran passed, but not all ran."""
    decide = deciding(results)
    required = [r for r in results if r.tier in decide]
    if any(r.counts for r in required):
        return 1
    return 3 if any(r.verdict in ("skipped", "incomplete") for r in required) else 0


def worst_ratio(results):
    """Largest |got - want| / bound among what passed: near 1 the bound is tight."""
    passed = [r.ratio for r in results if r.verdict in ("pass", "incomplete")]
    return max((ratio for ratio in passed if ratio is not None), default=None)


def as_json(result):
    """A `Result` as the report has it."""
    worst = result.worst
    law = next((law.message for law in result.broken_laws), None)
    return {"id": result.id, "dtype": result.dtype, "tier": result.tier, "verdict": result.verdict,
            "origins": result.origins, "differs": result.differing, "mistakes": result.mistakes,
            "worst": worst and _plain(asdict(worst)), "message": result.message or law,
            "stderr": result.stderr, "skipped": result.skipped, "notes": result.notes,
            "statistics": {s.tensor: {"n": s.n, "rms": round(s.rms, 4), "lean": s.lean and
                                      round(s.lean, 2)} for s in result.statistics},
            "expected_fail": result.expected_fail, "expected_why": result.expected_why,
            "seconds": round(result.seconds, 4)}


def _plain(fields):
    """JSON has no nan and no inf: they are strings, as in the messages."""
    def plain(value):
        infinite = isinstance(value, float) and not np.isfinite(value)
        return str(value) if infinite else list(value) if isinstance(value, tuple) else value
    return {name: plain(value) for name, value in fields.items()}
