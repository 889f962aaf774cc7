"""From a recipe to a case: values from `oracle.py`, bounds from `bounds.py`, and what each tensor comes from.

Shapes: N rows of the case, M rows that count and are finite, K head columns, O classes and H hidden units of a tail.
"""
from __future__ import annotations

from decimal import Decimal, localcontext
from math import prod
from typing import Any, Callable

from npadasoft import reference
from npadasoft.conformance import bounds, oracle
from npadasoft.conformance.recipe import Recipe, edges, parameter_shapes

EXACT_IN_FLOAT32 = 24
NAN = Decimal("nan")


def case_of(recipe: Recipe, more: int = 0) -> dict[str, Any]:
    """The case, as it stands in a file.  `more` digits, and a smaller step, change nothing in it."""
    case = {"id": recipe.id, "since": recipe.since, "tier": recipe.tier, "result": recipe.result,
            "flags": list(recipe.flags), "comment": recipe.comment, "config": recipe.config}
    if recipe.inputs:
        case |= {"params": recipe.params, "inputs": recipe.inputs}
    if recipe.cotangents:
        case["cotangents"] = recipe.cotangents
    if recipe.given is not None:
        return case | {"expected": recipe.given}
    return case | {"expected": Answer(recipe, more).tensors()}


def nested(tensor: dict[str, Any]) -> list:
    """Exact decimals; a matrix becomes a list of rows, everything else stays flat."""
    flat = [Decimal(v) for v in tensor["data"]]
    if len(tensor["shape"]) != 2:
        return flat
    rows, columns = tensor["shape"]
    return [flat[r * columns:(r + 1) * columns] for r in range(rows)]


class Answer:
    """All expected tensors of one recipe."""

    def __init__(self, recipe: Recipe, more: int = 0):
        self.recipe, self.more = recipe, more
        self.cutoffs = edges(recipe.config)
        self.sharp, self.concession = recipe.tier == "excellence", recipe.tier in ("required", "extensions")
        D, shape = recipe.config["in_features"], recipe.inputs["input"]["shape"]
        self.lead = shape[:-1]                                          # [] or [N] or [B, T]
        flat = [Decimal(v) for v in recipe.inputs["input"]["data"]]
        self.all_xs = [flat[n * D:(n + 1) * D] for n in range(prod(self.lead))]
        targets = recipe.inputs.get("target", {"data": [0] * len(self.all_xs)})["data"]
        ignored = recipe.config.get("ignore_index")
        self.kept = [n for n, y in enumerate(targets) if y != ignored]
        self.finite = [n for n in self.kept if all(v.is_finite() for v in self.all_xs[n])]
        self.broken = [n for n in self.kept if n not in self.finite]
        self.all_targets = targets
        self.parameters = {name: nested(t) for name, t in recipe.params.items()}
        self.problem = self._problem(self.finite)
        self.found: dict[str, dict[str, Any]] = {}

    def _problem(self, rows: list[int]) -> oracle.Problem:
        return oracle.Problem(self.cutoffs, self.parameters, [self.all_xs[n] for n in rows],
                              [self.all_targets[n] for n in rows])

    def tensors(self) -> dict[str, Any]:
        """Name -> tensor with bound and origin, in the order of computation."""
        ops, everyone = self.recipe.ops, self._problem(
            [n for n, x in enumerate(self.all_xs) if all(v.is_finite() for v in x)])
        with localcontext() as context:
            context.prec = oracle.digits(everyone) + self.more
            self.step = oracle.STEP.scaleb(-self.more // 6)
            self.forward(public="forward" in ops)
            if {"log_prob", "predict", "topk"} & set(ops):
                self.log_prob(everyone, ops)
            if "log_prob" in self.recipe.cotangents:
                self.log_prob_backward()
            elif "backward" in ops:
                self.backward()
        return self.found

    # ------------------------------------------------------------------ one tensor

    def put(self, name: str, shape: list[int], values: list, errors: list | None, after: list[str],
            bits: int | None = None) -> None:
        """Store a tensor: rounded once, its bounds rounded up; `at` keeps some places of it alone."""
        at = self.recipe.at.get(name)
        block: dict[str, Any] = {"shape": list(shape)}
        if bits is None and errors and not any(values) and not any(errors):
            bits = 1
        if bits is not None and bits <= 53:
            block["exact_bits"] = bits
        if at is not None:
            block["at"] = at
            if len(values) > len(at):
                values = [values[k] for k in at]
            errors = errors and [errors[k] for k in at]
        block["data"] = [number(v) for v in values]
        if errors is not None and self.sharp:
            block["err_sharp"] = [bounds.round_up(abs(e / v)) if v else 0.0 for v, e in zip(values, errors)]
        elif errors is not None:
            block["err"] = [bounds.round_up(e) if v == v else 0.0 for v, e in zip(values, errors)]
        block["after"] = [a for a in after if a in self.found or "." not in a and a in INPUTS
                          or a.startswith("cotangents.")]
        self.found[name] = block

    def put_rows(self, name, rows: list[list], errors, after, bits=None, width=None, places=None):
        """A tensor of rows that count; those that are not finite are nan."""
        places = self.finite if places is None else places
        count = sorted([*places, *[n for n in self.broken if self._belongs(name, n)]])
        width = len(rows[0]) if rows and width is None else width or 0
        by_row = dict(zip(places, zip(rows, errors)))
        blank = ([NAN] * width, [Decimal(0)] * width)
        filled = [by_row.get(n, blank) for n in count]
        self.put(name, [len(count), width], [v for row, _ in filled for v in row],
                 [e for _, row in filled for e in row], after, bits)

    def _belongs(self, name: str, n: int) -> bool:
        """Whether row n is among those of a trace tensor: all are in the head's, its own in a tail's."""
        part = name.removeprefix("grad.").split(".")
        return part[0] != "tail" or reference.locate(self.all_targets[n], self.cutoffs)[0] == int(part[1]) + 1

    def put_batch(self, name, rows: list[list], errors, after, width=None, places=None):
        """A public tensor with one entry (or `width`) a row of the case; ignored rows are 0."""
        places = self.finite if places is None else places
        n = width or 1
        by_row = dict(zip(places, zip(rows, errors)))
        zero, blank = ([Decimal(0)] * n, [Decimal(0)] * n), ([NAN] * n, [Decimal(0)] * n)
        broken = {k for k, x in enumerate(self.all_xs) if not all(v.is_finite() for v in x)}
        filled = [by_row.get(k, blank if k in broken and k in self.kept else zero)
                  for k in range(len(self.all_xs))]
        self.put(name, self.lead + ([width] if width else []), [v for row, _ in filled for v in row],
                 [e for _, row in filled for e in row], after)

    # ------------------------------------------------------------------ forward

    def forward(self, public: bool) -> None:
        """Scores, log-probabilities and their bounds; stored where they are asked for."""
        p, xs = self.parameters, self.problem.xs
        places = [reference.locate(y, self.cutoffs) for y in self.problem.targets]
        if public:
            self._routing()
        z = [reference.head_logits(x, p) for x in xs]                   # (M, K)
        bits = bounds.exact_bits(xs, p["head.weight"], bias=p.get("head.bias"))
        errors = self._head_errors(xs)
        self.head = [self._softmax(row, e, bits) for row, e in zip(z, errors)]
        if public:
            K = len(p["head.weight"])
            self.put_rows("head_logits", z, errors, ["input"], bits, K)
            self.put_rows("head_log_prob", *self._columns(self.head), ["head_logits"], None, K)
        self.tails = [self._tail(i, self.problem.rows_of(i), public)
                      for i in range(self.problem.n_clusters)]
        if public:
            self._output(places)

    def _routing(self) -> None:
        found = [reference.locate(self.all_targets[n], self.cutoffs) for n in self.kept]
        for name, k, after in (("cluster", 0, ["target"]), ("head_column", 1, ["target", "cluster"])):
            values = [f[k] for f in found]
            self.put(name, [len(values)], values, None, after, max([1] + [v.bit_length() for v in values]))
        for i in range(len(self.cutoffs) - 1):
            values = [f[2] for f in found if f[0] == i + 1]
            self.put(f"tail.{i}.relative_target", [len(values)], values, None, ["target", "cluster"],
                     max([1] + [v.bit_length() for v in values]))

    def _head_errors(self, xs):
        bias = self.parameters.get("head.bias") or [Decimal(0)] * len(self.parameters["head.weight"])
        n = len(xs[0]) + ("head.bias" in self.parameters) if xs else 0
        size = bounds.matmul(bounds.magnitudes(xs),
                             bounds.transposed(bounds.magnitudes(self.parameters["head.weight"])))
        return [[n * (v + abs(b)) if b.is_finite() else Decimal(0) for v, b in zip(row, bias)] for row in size]

    def _softmax(self, z, ez, bits):
        """(z, log p, its bound), the scores counting as exact where float32 holds them."""
        log_p = oracle.log_softmax(z)
        if self.sharp:
            return z, log_p, bounds.log_softmax_sharp(z, log_p)
        exact = bits is not None and bits <= EXACT_IN_FLOAT32
        return z, log_p, bounds.log_softmax(z, log_p, None if exact else ez, self.concession)

    @staticmethod
    def _columns(softmaxes):
        return [s[1] for s in softmaxes], [s[2] for s in softmaxes]

    def _tail(self, i, rows, public, xs=None):
        """Everything of tail i for these rows of the problem."""
        first, second = self.parameters[f"tail.{i}.0.weight"], self.parameters[f"tail.{i}.1.weight"]
        x = [(xs or self.problem.xs)[n] for n in rows]
        hidden = [reference.linear(v, first) for v in x]                # (M_i, H)
        e_hidden = bounds.product(x, bounds.transposed(first)) if x and first else [[] for _ in x]
        h_bits = bounds.exact_bits(x, first) if first else 1
        bits = bounds.exact_bits(x, first, second) if first else 1
        used = e_hidden if h_bits > EXACT_IN_FLOAT32 else None
        z = [reference.linear(h, second) if h else [Decimal(0)] * len(second) for h in hidden]
        errors = (bounds.product(hidden, bounds.transposed(second), e_hidden) if x and first
                  else [[Decimal(0)] * len(second) for _ in x])
        softmaxes = [self._softmax(row, e, bits) for row, e in zip(z, errors)]
        if public:
            places, name = [self.finite[n] for n in rows], f"tail.{i}"
            self.put_rows(f"{name}.hidden", hidden, e_hidden, ["input", "cluster"], h_bits, len(first), places)
            self.put_rows(f"{name}.logits", z, errors, [f"{name}.hidden"], bits, len(second), places)
            self.put_rows(f"{name}.log_prob", *self._columns(softmaxes), [f"{name}.logits"], None,
                          len(second), places)
        return {"rows": rows, "hidden": hidden, "hidden_error": used, "softmax": softmaxes}

    def _output(self, places) -> None:
        values, errors = [], []
        for n, (cluster, column, place) in enumerate(places):
            value, error = oracle.output(self.problem, n), self.head[n][2][column]
            if cluster:
                tail = self.tails[cluster - 1]
                error += tail["softmax"][tail["rows"].index(n)][2][place] + abs(value)
            values.append(value)
            errors.append(error)
        used = [f"tail.{i}.{part}" for i, t in enumerate(self.tails) if t["rows"] or self.broken
                for part in ("log_prob", "relative_target")]
        self.put_batch("output", [[v] for v in values], [[e] for e in errors],
                       ["head_log_prob", "head_column", "cluster", *used])
        self._loss(values, errors)

    def _loss(self, values, errors) -> None:
        kind, M = self.recipe.config.get("reduction", "mean"), len(self.kept)
        if kind == "none":
            self.put_batch("loss", [[-v] for v in values], [[e] for e in errors], ["output"])
            return
        value, error = -sum(values, start=Decimal(0)), sum(errors, start=Decimal(0))
        error += max(M - 1, 0) * sum(map(abs, values), start=Decimal(0))
        if self.broken or kind == "mean" and not M:
            value, error = NAN, Decimal(0)
        elif kind == "mean":
            value, error = value / M, error / M
            error += abs(value)
        self.put("loss", [], [value], [error], ["output"])

    # ------------------------------------------------------------------ log_prob and predict

    def log_prob(self, everyone: oracle.Problem, ops) -> None:
        """All classes of all rows, ignored ones too."""
        mine, self.problem = self.problem, everyone
        finite = [n for n, x in enumerate(self.all_xs) if all(v.is_finite() for v in x)]
        rows = [oracle.log_prob(everyone, n) for n in range(len(finite))]
        errors = self._log_prob_errors(everyone, rows)
        self.problem = mine
        after = ["head_log_prob", *[f"tail.{i}.log_prob" for i in range(everyone.n_clusters)]]
        if "head_log_prob" not in self.found:
            after = ["input"]
        if "log_prob" in ops:
            self.put_batch("log_prob", rows, errors, after, self.cutoffs[-1], finite)
        if "predict" in ops:
            sets = [near(row, e, row.index(max(row))) for row, e in zip(rows, errors)]
            self.found["predict"] = {"shape": self.lead, "sets": sets,
                                     "after": ["log_prob"] if "log_prob" in self.found else ["input"]}

        if "topk" in ops:
            self._topk(rows, errors)

    def _topk(self, rows, errors) -> None:
        """The k largest in descending order, and which classes may stand at each place."""
        k = self.recipe.inputs["k"]["data"][0]
        order = [sorted(range(len(row)), key=lambda c: -row[c])[:k] for row in rows]
        values = [[row[c] for c in found] for row, found in zip(rows, order)]
        limits = [[max(e[d] for d in near(row, e, c)) for c in found]
                  for row, e, found in zip(rows, errors, order)]
        self.put_batch("topk.log_prob", values, limits, ["input"], k)
        self.found["topk.index"] = {
            "shape": [*self.lead, k], "after": ["topk.log_prob"],
            "sets": [near(row, e, c) for row, e, found in zip(rows, errors, order) for c in found]}

    def _log_prob_errors(self, everyone, rows):
        p, xs = self.parameters, everyone.xs
        z = [reference.head_logits(x, p) for x in xs]
        bits = bounds.exact_bits(xs, p["head.weight"], bias=p.get("head.bias"))
        head = [self._softmax(row, e, bits) for row, e in zip(z, self._head_errors(xs))]
        tails = [self._tail(i, list(range(len(xs))), False, xs) for i in range(everyone.n_clusters)]
        self.all_head, self.all_tails = head, tails
        result, s = [], self.cutoffs[0]
        for n, row in enumerate(rows):
            error = list(head[n][2][:s])
            for i, tail in enumerate(tails):
                error += [head[n][2][s + i] + e for e in tail["softmax"][n][2]]
            result.append([e + (abs(v) if k >= s and v.is_finite() else 0)
                           for k, (e, v) in enumerate(zip(error, row))])
        return result

    # ------------------------------------------------------------------ gradients

    def _seeds(self) -> tuple[list[Decimal], list[Decimal]]:
        """What arrives at each row's output, from output itself and through the loss, and its bound."""
        def read(name, n):
            t = self.recipe.cotangents.get(name)
            return Decimal(t["data"][n if t["shape"] else 0]) if t else Decimal(0)
        kind, M = self.recipe.config.get("reduction", "mean"), len(self.kept)
        seeds, errors = [], []
        for n in self.finite:
            direct, through = read("output", n), -read("loss", n) / (M if kind == "mean" else 1)
            seeds.append(direct + through)
            error = abs(through) if kind == "mean" and M > 1 else Decimal(0)
            errors.append(error + (abs(seeds[-1]) if direct and through else 0))
        return seeds, errors

    def backward(self) -> None:
        seeds, e_seeds = self._seeds()
        after = ["head_log_prob", "head_column", *[f"cotangents.{c}" for c in self.recipe.cotangents]]
        places = [reference.locate(y, self.cutoffs) for y in self.problem.targets]
        head = [self._picked(s, place[1], q, e) for s, place, q, e in
                zip(self.head, places, seeds, e_seeds)]
        values = [oracle.logit_gradient(s[0], place[1], q, self.step) if q else [Decimal(0)] * len(s[0])
                  for s, place, q in zip(self.head, places, seeds)]
        K = len(self.parameters["head.weight"])
        self.put_rows("grad.head_logits", values, [e for _, e in head], after, None, K)
        for i, tail in enumerate(self.tails):
            self._tail_logit_gradients(i, tail, places, seeds, e_seeds, after)
        limits = bounds.pull_back(([s for s, _ in head], [e for _, e in head]), self.tails,
                                  self.problem.xs, self.parameters)
        self._hidden_gradients(limits, places, seeds)
        self._pulled_back(seeds, limits, trace=True)

    def _picked(self, softmax, place, q, e):
        z, log_p, el = softmax
        a, ea = [Decimal(0)] * len(z), [Decimal(0)] * len(z)
        a[place], ea[place] = q, e
        return bounds.logit_gradient(a, z, log_p, el, ea, self.sharp)

    def _tail_logit_gradients(self, i, tail, places, seeds, e_seeds, after) -> None:
        found = [self._picked(s, places[n][2], seeds[n], e_seeds[n])
                 for n, s in zip(tail["rows"], tail["softmax"])]
        tail["size"], tail["error"] = [s for s, _ in found], [e for _, e in found]
        values = [oracle.logit_gradient(s[0], places[n][2], seeds[n], self.step)
                  for n, s in zip(tail["rows"], tail["softmax"])]
        O = self.cutoffs[i + 1] - self.cutoffs[i]
        self.put_rows(f"grad.tail.{i}.logits", values, tail["error"],
                      [f"tail.{i}.log_prob", f"tail.{i}.relative_target", *after[2:]], None, O,
                      [self.finite[n] for n in tail["rows"]])

    def _hidden_gradients(self, limits, places, seeds) -> None:
        for i, tail in enumerate(self.tails):
            weight = self.parameters[f"tail.{i}.1.weight"]
            values = [oracle.hidden_gradient(h, weight, places[n][2], seeds[n], self.step) if h else []
                      for n, h in zip(tail["rows"], tail["hidden"])]
            self.put_rows(f"grad.tail.{i}.hidden", values, limits[f"grad.tail.{i}.hidden"],
                          [f"grad.tail.{i}.logits"], None, len(self.parameters[f"tail.{i}.0.weight"]),
                          [self.finite[n] for n in tail["rows"]])

    def log_prob_backward(self) -> None:
        """Every row goes through every tail."""
        C = self.cutoffs[-1]
        flat = [Decimal(v) for v in self.recipe.cotangents["log_prob"]["data"]]
        seeds = [flat[n * C:(n + 1) * C] for n in range(len(self.all_xs))]
        if not hasattr(self, "all_head"):
            self._log_prob_errors(self.problem, [oracle.log_prob(self.problem, n)
                                                 for n in range(len(self.problem.xs))])
        s, ends = self.cutoffs[0], self.cutoffs
        arriving, off = [], []
        for row in seeds:
            parts = [row[a:b] for a, b in zip(ends, ends[1:])]
            arriving.append(row[:s] + [bounds.total(part) for part in parts])
            off.append([Decimal(0)] * s + [(len(part) - 1) * bounds.total(map(abs, part)) for part in parts])
        head = [bounds.logit_gradient(a, *softmax, e) for a, softmax, e in zip(arriving, self.all_head, off)]
        for i, tail in enumerate(self.all_tails):
            found = [bounds.logit_gradient(row[ends[i]:ends[i + 1]], *softmax)
                     for row, softmax in zip(seeds, tail["softmax"])]
            tail["size"], tail["error"] = [f[0] for f in found], [f[1] for f in found]
        limits = bounds.pull_back(([f[0] for f in head], [f[1] for f in head]), self.all_tails,
                                  self.problem.xs, self.parameters)
        self._pulled_back(seeds, limits, trace=False)

    def _pulled_back(self, seeds, limits, trace: bool) -> None:
        """grad.input and the gradients of all parameters."""
        cotangents = [f"cotangents.{c}" for c in self.recipe.cotangents]
        hidden = [f"grad.tail.{i}.hidden" for i, t in enumerate(self.tails) if t["rows"]]
        D = self.recipe.config["in_features"]
        plain = ["log_prob", *cotangents]
        self.put_batch("grad.input", oracle.input_gradient(self.problem, seeds, self.step),
                       limits["grad.input"], ["grad.head_logits", *hidden] if trace else plain, D)
        for name, shape in parameter_shapes(self.recipe.config).items():
            part = name.split(".")
            after = {"head.weight": ["grad.head_logits", "input"], "head.bias": ["grad.head_logits"]}.get(
                name) or ([f"grad.tail.{part[1]}.hidden", "input"] if part[2] == "0" else
                          [f"grad.tail.{part[1]}.logits", f"tail.{part[1]}.hidden"])
            errors = [e for row in limits.get(f"grad.{name}", [])
                      for e in (row if isinstance(row, list) else [row])]
            values = self._parameter_gradient(name, seeds, prod(shape))
            self.put(f"grad.{name}", shape, values, errors or [Decimal(0)] * prod(shape),
                     after if trace else plain)

    def _parameter_gradient(self, name: str, seeds, size: int) -> list[Decimal]:
        tail = name.split(".")[1] if name.startswith("tail") else None
        if any(tail is None or self._belongs(f"tail.{tail}.x", n) for n in self.broken):
            return [NAN] * size
        return oracle.parameter_gradient(self.problem, name, seeds, self.recipe.at.get(f"grad.{name}"),
                                         self.step)


INPUTS = ("input", "target")


def number(v) -> Any:
    """A JSON number: an int as it is, a decimal rounded once; nan and inf are strings."""
    if isinstance(v, int):
        return v
    if not v.is_finite():
        return "nan" if v.is_nan() else "inf" if v > 0 else "-inf"
    return float(v) + 0.0


def near(row: list[Decimal], errors: list[Decimal], k: int) -> list[int]:
    """The classes that a correct float32 port may not tell from class k by their log-probability."""
    u = Decimal(2) ** -EXACT_IN_FLOAT32
    return [j for j, v in enumerate(row)
            if j == k or v.is_finite() and abs(row[k] - v) <= (errors[j] + errors[k]) * u]
