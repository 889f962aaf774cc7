"""The numbers of an adaptive input: vectors, gradients of its bands, and the bound of each.

    N indices   D features   O_b classes and H_b numbers of band b

Values are those of `reference.embedding`, gradients differences of it.
"""
from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

from npadasoft import reference
from npadasoft.conformance.golden import bounds, oracle
from npadasoft.conformance.golden.expected_values import nested
from npadasoft.conformance.golden.recipe import Recipe, edges
from npadasoft.conformance.golden.sheet import ZERO, Vector, number

SCALE = 3                       # u of √D, of the product with it, and of the same on the way back


def tensors(recipe: Recipe, more: int = 0) -> dict[str, Any]:
    """Name -> expected tensor of an adaptive input."""
    with localcontext() as context:
        context.prec = oracle.DIGITS + more
        case = Input(recipe, oracle.STEP.scaleb(-more // 6))
        if "embed" in recipe.ops:
            case.vectors()
        if "embed" in recipe.cotangents:
            case.gradients()
    return case.found


class Input:
    """One recipe of an adaptive input, its numbers exact decimals."""

    def __init__(self, recipe: Recipe, step: Decimal):
        config, self.step = recipe.config, step
        self.recipe, self.D, self.cutoffs = recipe, config["in_features"], edges(config)
        self.index = recipe.inputs["index"]["data"]
        self.bands = {name: nested(t) for name, t in recipe.params.items()}
        self.scaled = bool(config.get("scaled"))
        self.scale = Decimal(self.D).sqrt() if self.scaled else Decimal(1)
        self.kept = [n for n, k in enumerate(self.index) if k != config.get("padding_index")]
        self.found: dict[str, Any] = {}

    def vector(self, n: int) -> Vector:
        return reference.embedding(self.index[n], self.bands, self.cutoffs, self.scale)

    def place(self, n: int) -> tuple[int, int]:
        """Band and row that index n reads."""
        tail, _, place = reference.locate(self.index[n], self.cutoffs)
        return (0, self.index[n]) if tail is None else (tail + 1, place)

    def put(self, name: str, shape: list[int], values: Vector, errors: Vector,
            after: list[str]) -> None:
        """Store a tensor; where its bounds are 0 its numbers are such that are given."""
        block: dict[str, Any] = {"shape": shape}
        if not any(errors):
            block["exact_bits"] = bounds.exact_bits([values])
        self.found[name] = block | {"data": [number(v) for v in values],
                                    "err": [bounds.round_up(e) for e in errors], "after": after}

    # ------------------------------------------------------------------ forward

    def vectors(self) -> None:
        values, errors = [], []
        for n in range(len(self.index)):
            kept = n in self.kept
            values += self.vector(n) if kept else [ZERO] * self.D
            errors += self._error(n) if kept else [ZERO] * self.D
        self.put("embed", [*self.recipe.inputs["index"]["shape"], self.D], values, errors,
                 ["index"])

    def _error(self, n: int) -> Vector:
        """Of the vector of index n: a dot product of H_b terms, then the scale."""
        band, row = self.place(n)
        vector, projection = self.bands[f"bands.{band}.embedding"][row], self.projection(band)
        size = [abs(v) for v in vector]
        terms = 0
        if projection is not None:
            size = bounds.matmul([size], bounds.magnitudes(projection))[0]
            terms = len(vector)
        return [self.scale * v * (terms + SCALE * self.scaled) for v in size]

    def projection(self, band: int) -> list | None:
        return self.bands.get(f"bands.{band}.projection")

    # ------------------------------------------------------------------ backward

    def gradients(self) -> None:
        tensor = self.recipe.cotangents["embed"]
        flat = [Decimal(v) for v in tensor["data"]]
        g = [flat[n * self.D:(n + 1) * self.D] for n in range(len(self.index))]
        for b in range(len(self.cutoffs)):
            rows = [n for n in self.kept if self.place(n)[0] == b]
            after = ["index", "cotangents.embed"]
            name = f"bands.{b}.embedding"
            self._put_gradient(name, rows, g, self._embedding_errors(b, rows, g), after)
            if self.projection(b) is not None:
                name = f"bands.{b}.projection"
                self._put_gradient(name, rows, g, self._projection_errors(b, rows, g), after)

    def _put_gradient(self, name, rows, g, errors, after) -> None:
        def total(n):
            return sum((a * v for a, v in zip(g[n], self.vector(n))), start=ZERO)
        places = oracle.slots(self.bands[name])
        terms = [oracle.slopes(lambda: total(n), places, self.step) for n in rows]
        values = oracle.weighted_sum([Decimal(1)] * len(rows), terms, len(places))
        self.put(f"grad.{name}", self.recipe.params[name]["shape"], values, errors, after)

    def _embedding_errors(self, b: int, rows: list[int], g: list[Vector]) -> Vector:
        """Each row of the table: a sum over the indices that read it, of products of D terms."""
        table, projection = self.bands[f"bands.{b}.embedding"], self.projection(b)
        errors = []
        for r, row in enumerate(table):
            mine = [[abs(v) for v in g[n]] for n in rows if self.place(n)[1] == r]
            terms = self.D if projection is not None else 0
            if projection is not None and mine:
                mine = bounds.matmul(mine, bounds.transposed(bounds.magnitudes(projection)))
            depth = terms + SCALE * self.scaled + max(len(mine) - 1, 0)
            errors += [self.scale * depth * sum((v[h] for v in mine), start=ZERO)
                       for h in range(len(row))]
        return errors

    def _projection_errors(self, b: int, rows: list[int], g: list[Vector]) -> Vector:
        """A product of N_b terms."""
        table, size = self.bands[f"bands.{b}.embedding"], len(self.projection(b) or ())
        if not rows:
            return [ZERO] * (size * self.D)
        vectors = bounds.magnitudes([table[self.place(n)[1]] for n in rows])
        product = bounds.matmul(bounds.transposed(vectors),
                                bounds.magnitudes([g[n] for n in rows]))
        depth = len(rows) + SCALE * self.scaled
        return [self.scale * depth * v for row in product for v in row]
