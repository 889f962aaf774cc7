"""What a check found: one line per tensor for people, the same as JSON for machines."""
import json
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from npadasoft.gradcheck.errors import GradcheckFailed
from npadasoft.gradcheck.page import page
from npadasoft.gradcheck.text import render
from npadasoft.gradcheck.verdicts import worst

SCHEMA = "npadasoft.gradcheck/1"


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
    f: float | None = None          # none was asked: equations alone
    noise: dict = field(default_factory=dict)
    seed: int = 0
    evaluations: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)
    second_order: dict | None = None
    equations: list = field(default_factory=list)   # see `equations`: two numbers that are equal
    points: int = 1
    joint: dict | None = None
    accept: tuple = ("PASS",)
    command: str = ""               # that made the check, if one did

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
            "seed": self.seed, "accept": list(self.accept),
            **({"f": self.f, "noise": self.noise} if self.f is not None else {}),
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
