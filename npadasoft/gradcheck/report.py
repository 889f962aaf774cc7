"""What a check found: one line per tensor for people, the same as JSON for machines."""
import json
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from npadasoft.gradcheck.errors import GradcheckFailed

SCHEMA = "npadasoft.gradcheck/1"
PRECEDENCE = ("NONFINITE", "FAIL", "KINK", "INCONCLUSIVE", "NONDETERMINISTIC", "VACUOUS", "PASS")


def worst(verdicts):
    """The verdict of the whole: the first of `PRECEDENCE` that occurs; VACUOUS of nothing."""
    found = set(verdicts)
    return next((verdict for verdict in PRECEDENCE if verdict in found), "VACUOUS")


@dataclass
class TensorReport:
    """One tensor: the verdict, the worst element, and how small an error would have shown."""

    path: str
    shape: tuple
    dtype: str
    verdict: str = "PASS"
    reason: str = ""
    method: str = ""
    checked: int = 0                # elements, or probes if `probed`
    probed: bool = False
    nonzero: int | None = None
    worst_index: tuple | None = None
    analytic: float | None = None
    numeric: float | None = None
    numeric_error: float | None = None
    analytic_noise: float | None = None
    noise_source: str | None = None
    tolerance: float | None = None
    ratio: float | None = None
    would_catch: float | None = None
    would_catch_relative: float | None = None   # of an element, where it is sharp
    sharp: int | None = None        # elements with a tolerance far below themselves
    left: float | None = None       # the two slopes at a kink
    right: float | None = None
    hint: dict | None = None
    seed: int | None = None         # of the worst of several points
    ratios: Any = field(default=None, repr=False, compare=False)    # of each element, for the page
    curve: dict | None = field(default=None, repr=False, compare=False)

    def to_dict(self):
        """Fields that say something, as JSON can hold them."""
        return {name: _plain(value) for name, value in self.__dict__.items()
                if name not in ("ratios", "curve") and value is not None and value != ""}


@dataclass
class Report:
    """The answer of `check`; `print` it, or ask `ok` and `verdict`."""

    name: str
    tensors: list = field(default_factory=list)
    f: float = math.nan
    noise: dict = field(default_factory=dict)
    seed: int = 0
    evaluations: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)
    second_order: dict | None = None
    equations: list = field(default_factory=list)   # see `equations`: two numbers that are equal
    points: int = 1
    joint: dict | None = None
    accept: tuple = ("PASS",)

    @property
    def verdict(self):
        """The worst verdict of all."""
        return worst(self._verdicts())

    def _verdicts(self):
        found = [tensor.verdict for tensor in self.tensors]
        found += [entry["verdict"] for entry in self.equations]
        return found + ([self.second_order["verdict"]] if self.second_order else [])

    @property
    def ok(self):
        """Whether the verdict is one of `accept`."""
        return self.verdict in self.accept

    @property
    def method(self):
        """complex, richardson or mixed."""
        methods = {tensor.method for tensor in self.tensors if tensor.method}
        return methods.pop() if len(methods) == 1 else "mixed" if methods else ""

    def __bool__(self):
        """`ok`: so that `assert gradcheck.check(...)` says what it seems to."""
        return self.ok

    def __getitem__(self, path):
        return {tensor.path: tensor for tensor in self.tensors}[path]

    def raise_if_failed(self, accept=None):
        """Raise GradcheckFailed unless every verdict is acceptable; returns the report otherwise.

        `accept` names more verdicts than PASS, e.g. ("PASS", "VACUOUS").
        """
        accept = self.accept if accept is None else accept
        if any(verdict not in accept for verdict in self._verdicts() or [self.verdict]):
            raise GradcheckFailed(self)
        return self

    def to_dict(self):
        """A JSON-ready dict: nan and inf as strings, no times."""
        return _plain({
            "schema": SCHEMA, "name": self.name, "verdict": self.verdict, "ok": self.ok,
            "seed": self.seed, "accept": list(self.accept), "f": self.f, "noise": self.noise,
            "evaluations": self.evaluations, "method": self.method, "joint": self.joint,
            "second_order": self.second_order, "notes": self.notes,
            **({"equations": self.equations} if self.equations else {}),
            **({"points": self.points} if self.points > 1 else {}),
            "tensors": [tensor.to_dict() for tensor in self.tensors]})

    def to_json(self, indent=None):
        """`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def __str__(self):
        return render(self)

    def text(self):
        """All of it as text, also if all is well."""
        return render(self, full=True)

    def html(self):
        """One self-contained page: the verdict, the tensors, maps and curves of what is wrong."""
        from npadasoft.gradcheck.page import page
        return page(self)


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (float, np.floating)):
        value = float(value)
        return value if math.isfinite(value) else str(value)
    return value.item() if isinstance(value, np.generic) else value


# -------------------------------------------------------------------- for people

WIDTH = 100


def render(report, full=False):
    """The report as text: ASCII, 100 columns; one line if all is well, unless `full`."""
    if report.ok and not report.notes and not full:
        return summary(report)
    lines = [_headline(report)] + _table(report)
    lines += _second_order(report)
    lines += [f"{entry['name']}: {entry['text']}  {entry['verdict']}" for entry in report.equations]
    lines += [f"note: {note}" for note in report.notes]
    lines += [_result(report)]
    failed = [tensor for tensor in report.tensors if tensor.verdict not in report.accept]
    if failed:
        seed = report.seed if failed[0].seed is None else failed[0].seed
        lines.append(f'repeat: gradcheck.check(..., wrt="{failed[0].path}", seed={seed})')
    return "\n".join(part for line in lines for part in _fold(line))


def summary(report):
    """One line for a check that went well."""
    elements = sum(t.checked for t in report.tensors if not t.probed)
    probes = sum(t.checked for t in report.tensors if t.probed) + bool(report.joint)
    ratio = max([t.ratio or 0.0 for t in report.tensors], default=0.0)
    return (f"gradcheck {report.verdict} {len(report.tensors)}/{len(report.tensors)} tensors, "
            f"{elements} elements, {probes} probes, worst {ratio:.2g}")


def _headline(report):
    dtypes = sorted({tensor.dtype for tensor in report.tensors})
    return (f"gradcheck {report.name}  {'/'.join(dtypes)}  f = {report.f!r}  noise of f "
            f"{report.noise.get('sigma', math.nan):.1g} (measured)  "
            + (f"worst of {report.points} seeds from {report.seed}" if report.points > 1
               else f"seed {report.seed}"))


HEADS = ("shape", "checked", "nonzero", "|diff|", "allowed", "ratio", "catches")
WIDTHS = (8, 11, 7, 7, 7, 7, 7)


def _table(report):
    """A line for each tensor, and below it what is wrong there."""
    if not report.tensors:
        return []
    last = max(len(tensor.verdict) for tensor in report.tensors)
    room = WIDTH - sum(WIDTHS) - len(WIDTHS) - 2 - last
    width = min(room, max([6] + [len(tensor.path) for tensor in report.tensors]))
    lines = [_line("tensor", HEADS, "verdict", width)]
    for tensor in report.tensors:
        path = tensor.path
        if len(path) > width:
            path = path[:width // 3] + ".." + path[len(path) - width + width // 3 + 2:]
        lines += [_line(path, cells(tensor), tensor.verdict, width)] + _details(tensor)
    return lines


def _line(path, cells, verdict, width):
    left = f"{path:<{width}} {cells[0]:<{WIDTHS[0]}}"
    return left + "".join(f" {c:>{w}}" for c, w in zip(cells[1:], WIDTHS[1:])) + f"  {verdict}"


def cells(tensor):
    """What stands in the row of a tensor, under `HEADS`."""
    diff = None if tensor.analytic is None else abs(tensor.analytic - (tensor.numeric or 0.0))
    nonzero = "-" if tensor.nonzero is None else str(tensor.nonzero)
    return (_shape(tensor.shape), _checked(tensor), nonzero, _short(diff),
            _short(tensor.tolerance), _short(tensor.ratio), _short(tensor.would_catch))


def _checked(tensor):
    """`24`, or `sharp 19/24` if some elements are too small to be judged."""
    if tensor.probed:
        return f"{tensor.checked} probes"
    if tensor.sharp is None or tensor.sharp == tensor.checked:
        return str(tensor.checked)
    return f"sharp {tensor.sharp}/{tensor.checked}"


def _short(number):
    return "-" if number is None else f"{number:.2g}"


def _shape(shape):
    parts = []
    for n in shape:
        power = n.bit_length() - 1
        parts.append(f"2^{power}" if n > 9999 and n == 1 << power else str(n))
    return "x".join(parts) or "scalar"


def _details(tensor):
    lines = []
    if tensor.verdict not in ("PASS", "VACUOUS") and tensor.worst_index is not None:
        lines.append(f"   worst at {list(tensor.worst_index)}: analytic {tensor.analytic:+.9g}  "
                     f"numeric {tensor.numeric:+.9g} +/- {_short(tensor.numeric_error)}")
    if tensor.left is not None:
        lines.append(f"   slopes: left {tensor.left:+.9g}  right {tensor.right:+.9g}")
    if tensor.reason and tensor.verdict != "PASS":
        lines.append(f"   reason: {tensor.reason}")
    if tensor.hint:
        lines.append(f"   pattern: {tensor.hint['text']}")
    return lines


def _second_order(report):
    if not report.second_order:
        return []
    lines = []
    for name in ("curl", "curvature"):
        entry = report.second_order[name]
        lines.append(f"second order, {name}: {entry['text']}  {entry['verdict']}")
    for entry in report.second_order.get("hvp", []):
        lines.append(f"second order, hvp {entry['path']}: worst |diff| {_short(entry['diff'])}  "
                     f"tolerance {_short(entry['tolerance'])}  {entry['verdict']}")
    return lines


def _result(report):
    counts: dict[str, int] = {}
    for tensor in report.tensors:
        counts[tensor.verdict] = counts.get(tensor.verdict, 0) + 1
    first = counts.pop(report.verdict, 0)
    others = ", ".join(f"{n} {verdict}" for verdict, n in counts.items())
    return (f"RESULT: {report.verdict}, {first} of {len(report.tensors)} tensors"
            f"{f' ({others})' if others else ''}.  {report.evaluations.get('f', 0)} evaluations "
            f"of f, {report.evaluations.get('grads', 0)} of grads.")


def _fold(line, width=WIDTH):
    """A line, broken at spaces where it is longer than `width`."""
    parts = []
    while len(line) > width:
        cut = line.rfind(" ", 8, width)
        cut = cut if cut > 0 else width
        parts.append(line[:cut].rstrip())
        line = "      " + line[cut:].lstrip()
    return parts + [line]
