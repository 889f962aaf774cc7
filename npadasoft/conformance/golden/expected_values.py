"""The numbers of one case: scores, log-probabilities, output, loss, and the bound of each.

N rows of the case   M rows that count and are finite   K head columns   O classes, H hidden units
"""
from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from npadasoft import reference
from npadasoft.conformance.golden import bounds, oracle
from npadasoft.conformance.golden.recipe import Recipe
from npadasoft.conformance.golden.sheet import NAN, ZERO, Rows, Sheet, Vector

EXACT_IN_FLOAT32 = 24
CONCEDED = ("required", "extensions", "linear")     # there z - logsumexp(z) is a right style


def nested(tensor: dict[str, Any]) -> list:
    """Exact decimals; a matrix becomes a list of rows, everything else stays flat."""
    flat = [Decimal(v) for v in tensor["data"]]
    if len(tensor["shape"]) != 2:
        return flat
    rows, columns = tensor["shape"]
    return [flat[r * columns:(r + 1) * columns] for r in range(rows)]


@dataclass
class Softmax:
    """One row of scores, its log-probabilities and their bounds."""

    z: Vector
    log_p: Vector
    error: Vector


@dataclass
class Tail:
    """What one tail computes for some rows (their places among the problem's)."""

    rows: list[int]
    hidden: Rows                                # (M, H)
    hidden_error: Rows | None                   # None where float32 holds the products exactly
    softmax: list[Softmax]


class Expected:
    """What one recipe leads to; each part is put on its sheet when it is asked for."""

    def __init__(self, recipe: Recipe, more: int = 0):
        self.recipe, self.more = recipe, more
        self.sheet = Sheet(recipe)
        self.cutoffs = self.sheet.cutoffs
        self.parameters = {name: nested(t) for name, t in recipe.params.items()}
        self.problem = self._problem(self.sheet.finite)
        self.everyone = self._problem(self.sheet.whole)
        self.places = [reference.locate(y, self.cutoffs) for y in self.problem.targets]
        self.step = oracle.STEP.scaleb(-more // 6)

    def _problem(self, rows: list[int]) -> oracle.Problem:
        return oracle.Problem(self.cutoffs, self.parameters, [self.sheet.xs[n] for n in rows],
                              [self.sheet.targets[n] for n in rows])

    # ------------------------------------------------------------------ forward

    def forward(self) -> None:
        self._routing()
        K = len(self.parameters["head.weight"])
        z, errors, bits = self._head_scores(self.problem.xs)
        self.head = self._head(self.problem.xs)
        self.sheet.put_trace("head_logits", z, errors, ["input"], K, bits=bits)
        self.sheet.put_trace("head_log_prob", [s.log_p for s in self.head],
                             [s.error for s in self.head], ["head_logits"], K)
        self.tails = [self._tail(i, self.problem.rows_of(i), self.problem.xs, stored=True)
                      for i in range(self.problem.n_clusters)]
        self._output()

    def _routing(self) -> None:
        put = self.sheet.put
        found = [reference.locate(self.sheet.targets[n], self.cutoffs) for n in self.sheet.kept]
        values = {"cluster": [0 if f[0] is None else f[0] + 1 for f in found],
                  "head_column": [f[1] for f in found]}
        for i in range(self.problem.n_clusters):
            values[f"tail.{i}.relative_target"] = [f[2] or 0 for f in found if f[0] == i]
        for name, column in values.items():
            put(name, [len(column)], column, None, ["target", "cluster"],
                max([1] + [v.bit_length() for v in column]))

    def _head_scores(self, xs: Rows) -> tuple[Rows, Rows, int]:
        """Scores of the head, their bounds, and the precision that holds them."""
        p, weight = self.parameters, self.parameters["head.weight"]
        bias = p.get("head.bias")
        z = [reference.head_logits(x, p) for x in xs]                   # (M, K)
        size = bounds.matmul(bounds.magnitudes(xs), bounds.transposed(bounds.magnitudes(weight)))
        n = self.recipe.config["in_features"] + (bias is not None)
        errors = [[n * (v + abs(b)) if b.is_finite() else ZERO
                   for v, b in zip(row, bias or [ZERO] * len(row))] for row in size]
        return z, errors, bounds.exact_bits(xs, weight, bias=bias)

    def _head(self, xs: Rows) -> list[Softmax]:
        z, errors, bits = self._head_scores(xs)
        return [self._softmax(row, e, bits) for row, e in zip(z, errors)]

    def _softmax(self, z: Vector, ez: Vector, bits: int) -> Softmax:
        """Scores count as exact where float32 holds them."""
        log_p = oracle.log_softmax(z)
        if self.sheet.sharp:
            return Softmax(z, log_p, bounds.log_softmax_sharp(z, log_p))
        exact, conceded = bits <= EXACT_IN_FLOAT32, self.recipe.tier in CONCEDED
        return Softmax(z, log_p, bounds.log_softmax(z, log_p, None if exact else ez, conceded))

    def _tail(self, i: int, rows: list[int], xs: Rows, stored: bool = False) -> Tail:
        """Everything of tail i for these rows."""
        first, second = (self.parameters[f"tail.{i}.{k}.weight"] for k in (0, 1))
        bias = self.parameters.get(f"tail.{i}.1.bias")
        x = [xs[n] for n in rows]
        hidden = [reference.linear(v, first) for v in x]                # (M_i, H)
        z = [reference.tail_logits(v, self.parameters, i) for v in x]
        if first:
            h_bits = bounds.exact_bits(x, first)
            bits = bounds.exact_bits(x, first, second, bias=bias)
            e_hidden = bounds.product(x, bounds.transposed(first))
            errors = bounds.product(hidden, bounds.transposed(second), e_hidden)
            if bias:                                                    # one rounding more
                errors = [[e + abs(v) for e, v in zip(*row)] for row in zip(errors, z)]
        else:                                                           # a uniform tail
            h_bits, bits, e_hidden = 1, 1, [[] for _ in x]
            errors = [[ZERO] * len(second) for _ in x]
        softmax = [self._softmax(row, e, bits) for row, e in zip(z, errors)]
        if stored:
            places, put = [self.sheet.finite[n] for n in rows], self.sheet.put_trace
            put(f"tail.{i}.hidden", hidden, e_hidden, ["input", "cluster"], len(first), places,
                h_bits)
            put(f"tail.{i}.logits", z, errors, [f"tail.{i}.hidden"], len(second), places, bits)
            put(f"tail.{i}.log_prob", [s.log_p for s in softmax], [s.error for s in softmax],
                [f"tail.{i}.logits"], len(second), places)
        return Tail(rows, hidden, e_hidden if h_bits > EXACT_IN_FLOAT32 else None, softmax)

    def _output(self) -> None:
        values, errors = [], []
        for n, (i, column, place) in enumerate(self.places):
            value, error = oracle.output(self.problem, n), self.head[n].error[column]
            if i is not None and place is not None:
                tail = self.tails[i]
                error += tail.softmax[tail.rows.index(n)].error[place] + abs(value)
            values.append(value)
            errors.append(error)
        used = sorted({tail for tail in map(self.sheet.tail, self.sheet.kept) if tail is not None})
        self.sheet.put_batch(
            "output", [[v] for v in values], [[e] for e in errors],
            ["head_log_prob", "head_column", "cluster",
             *[f"tail.{i}.{part}" for i in used for part in ("log_prob", "relative_target")]])
        self.loss("loss", values, errors, ["output"])

    def loss(self, name: str, values: Vector, errors: Vector, after: list[str]) -> None:
        """The loss of outputs with these values and bounds, stored as `name`."""
        kind, M = self.recipe.config.get("reduction", "mean"), len(self.sheet.kept)
        if kind == "none":
            self.sheet.put_batch(name, [[-v] for v in values], [[e] for e in errors], after)
            return
        value, error = -bounds.total(values), bounds.total(errors)
        error += max(M - 1, 0) * bounds.total(map(abs, values))
        if self.sheet.broken or kind == "mean" and not M:
            value, error = NAN, ZERO
        elif kind == "mean":
            value = value / M
            error = error / M + abs(value)
        self.sheet.put(name, [], [value], [error], after)

    # ------------------------------------------------------------------ log_prob, predict, topk

    def log_prob(self, ops: tuple[str, ...]) -> None:
        """All classes of all rows, ignored ones too."""
        rows = [oracle.log_prob(self.everyone, n) for n in range(len(self.everyone.xs))]
        errors = self._log_prob_errors(rows)
        after = ["head_log_prob", *[f"tail.{i}.log_prob" for i in range(self.everyone.n_clusters)]]
        if "log_prob" in ops:
            self.sheet.put_batch("log_prob", rows, errors,
                                 after if "forward" in ops else ["input"], self.cutoffs[-1],
                                 self.sheet.whole)
        if "predict" in ops:
            sets = [alike(row, e, row.index(max(row))) for row, e in zip(rows, errors)]
            self.sheet.found["predict"] = {
                "shape": self.sheet.lead, "sets": sets,
                "after": ["log_prob"] if "log_prob" in ops else ["input"]}
        if "topk" in ops:
            self._topk(rows, errors)

    def own_softmaxes(self) -> tuple[list[Softmax], list[Tail]]:
        """Of every row that counts through the head and through its target's tail, as forward."""
        problem = self.problem
        return self._head(problem.xs), [self._tail(i, problem.rows_of(i), problem.xs)
                                        for i in range(problem.n_clusters)]

    def all_softmaxes(self) -> tuple[list[Softmax], list[Tail]]:
        """Of every row through the head and through every tail, as log_prob needs them."""
        xs = self.everyone.xs
        return self._head(xs), [self._tail(i, list(range(len(xs))), xs)
                                for i in range(self.everyone.n_clusters)]

    def _log_prob_errors(self, rows: Rows) -> Rows:
        head, tails = self.all_softmaxes()
        result, s = [], self.cutoffs[0]
        for n, row in enumerate(rows):
            error = list(head[n].error[:s])
            for i, tail in enumerate(tails):
                error += [head[n].error[s + i] + e for e in tail.softmax[n].error]
            result.append([e + (abs(v) if k >= s and v.is_finite() else 0)
                           for k, (e, v) in enumerate(zip(error, row))])
        return result

    def _topk(self, rows: Rows, errors: Rows) -> None:
        """The k largest in descending order, and which classes may stand at each place."""
        k = self.recipe.inputs["k"]["data"][0]
        order = [sorted(range(len(row)), key=lambda c: -row[c])[:k] for row in rows]
        sets = [[alike(row, e, c) for c in found] for row, e, found in zip(rows, errors, order)]
        self.sheet.put_batch(
            "topk.log_prob", [[row[c] for c in found] for row, found in zip(rows, order)],
            [[max(e[c] for c in place) for place in row] for row, e in zip(sets, errors)],
            ["input"], k)
        self.sheet.found["topk.index"] = {"shape": [*self.sheet.lead, k],
                                          "sets": [place for row in sets for place in row],
                                          "after": ["topk.log_prob"]}


def alike(row: Vector, errors: Vector, k: int) -> list[int]:
    """The classes that a correct float32 port may not tell from class k by log-probability."""
    u = Decimal(2) ** -EXACT_IN_FLOAT32
    return [j for j, v in enumerate(row)
            if j == k or v.is_finite() and abs(row[k] - v) <= (errors[j] + errors[k]) * u]
