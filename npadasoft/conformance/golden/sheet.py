"""The expected tensors of one case while they are being filled in."""
from __future__ import annotations

from decimal import Decimal
from math import prod
from typing import Any, Sequence

from npadasoft import reference
from npadasoft.conformance.golden import bounds
from npadasoft.conformance.golden.recipe import Recipe, edges

NAN, ZERO = Decimal("nan"), Decimal(0)
INPUTS = ("input", "target")

Vector = list[Decimal]
Rows = list[Vector]


def number(v) -> Any:
    """A JSON number: an int as it is, a decimal rounded once; nan and inf are strings."""
    if isinstance(v, int):
        return v
    if not v.is_finite():
        return "nan" if v.is_nan() else "inf" if v > 0 else "-inf"
    return float(v) + 0.0


class Sheet:
    """Which rows count and are finite, and the tensors found so far.

    kept, finite, broken : rows that count (not ignored); those of finite numbers; the others
    found : name -> tensor, in the order of computation
    """

    def __init__(self, recipe: Recipe):
        self.recipe, self.cutoffs = recipe, edges(recipe.config)
        D, shape = recipe.config["in_features"], recipe.inputs["input"]["shape"]
        self.lead = shape[:-1]                                      # [], [N] or [B, T]
        flat = [Decimal(v) for v in recipe.inputs["input"]["data"]]
        self.xs = [flat[n * D:(n + 1) * D] for n in range(prod(self.lead))]
        self.targets = recipe.inputs.get("target", {"data": [0] * len(self.xs)})["data"]
        whole = [all(v.is_finite() for v in x) for x in self.xs]
        self.whole = [n for n, good in enumerate(whole) if good]
        ignored = recipe.config.get("ignore_index")
        self.kept = [n for n, y in enumerate(self.targets) if y != ignored]
        self.finite = [n for n in self.kept if whole[n]]
        self.broken = [n for n in self.kept if not whole[n]]
        self.sharp = recipe.tier == "excellence"
        self.found: dict[str, dict[str, Any]] = {}

    def tail(self, n: int) -> int | None:
        """Where row n lives: a tail, or None for the short-list."""
        return reference.locate(self.targets[n], self.cutoffs)[0]

    def put(self, name: str, shape: list[int], values: Sequence, errors: Sequence | None,
            after: Sequence[str], bits: int | None = None) -> None:
        """Store a tensor, rounded once; its bounds are rounded up.  `at` keeps some places alone.

        bits : what `exact_bits` says; a tensor of zeros without errors needs 1
        """
        at = self.recipe.at.get(name)
        block: dict[str, Any] = {"shape": list(shape)}
        if bits is None and errors and not any(values) and not any(errors):
            bits = 1
        if bits is not None and bits <= 53:
            block["exact_bits"] = bits
        if at is not None:
            block["at"] = at
            values = [values[k] for k in at] if len(values) > len(at) else values
            errors = errors and [errors[k] for k in at]
        block["data"] = [number(v) for v in values]
        if errors is not None and self.sharp:
            block["err_sharp"] = [bounds.round_up(abs(e / v)) if v else 0.0
                                  for v, e in zip(values, errors)]
        elif errors is not None:
            block["err"] = [bounds.round_up(e) if v.is_finite() else 0.0
                            for v, e in zip(values, errors)]
        block["after"] = [a for a in after if a in self.found or a in INPUTS
                          or a.startswith(("cotangents.", "tangents."))]
        self.found[name] = block

    def put_trace(self, name: str, rows: Rows, errors: Rows, after: Sequence[str], width: int,
                  places: list[int] | None = None, bits: int | None = None) -> None:
        """A trace tensor: the head's has a row for each that counts, a tail's for each of its own.

        places : which rows of the case these are; rows that are not finite come in between as nan
        """
        part = name.removeprefix("grad.").split(".")
        broken = [n for n in self.broken
                  if part[0] != "tail" or self.tail(n) == int(part[1])]
        places = self.finite if places is None else places
        by_row = dict(zip(places, zip(rows, errors)))
        blank = [NAN] * width, [ZERO] * width
        filled = [by_row.get(n, blank) for n in sorted([*places, *broken])]
        self.put(name, [len(filled), width], [v for row, _ in filled for v in row],
                 [e for _, row in filled for e in row], after, bits)

    def put_batch(self, name: str, rows: Rows, errors: Rows, after: Sequence[str],
                  width: int | None = None, places: list[int] | None = None) -> None:
        """A tensor with one entry (or `width`) for each row of the case; ignored rows are 0."""
        places = self.finite if places is None else places
        n = 1 if width is None else width
        by_row = dict(zip(places, zip(rows, errors)))
        filled = [by_row.get(k, ([ZERO if k in self.whole or k not in self.kept else NAN] * n,
                                 [ZERO] * n)) for k in range(len(self.xs))]
        self.put(name, self.lead + ([] if width is None else [width]),
                 [v for row, _ in filled for v in row], [e for _, row in filled for e in row],
                 after)
