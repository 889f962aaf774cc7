"""Correct ports in a few lines each, written apart from the package: they must pass, in any style
and order.

Three ways to write a log-softmax, each with the backward pass that belongs to it, times three
orders of summation, in any NumPy precision.
"""
import math

import numpy as np

STYLES = ("t - log1p(s)", "t - log(sum)", "z - logsumexp")
ORDERS = ("blas", "reversed", "one by one")


class Layer:
    """The adaptive log-softmax on NumPy arrays, one style and one order of summation."""

    def __init__(self, case, dtype, style, order):
        self.style, self.order, self.dtype = style, order, np.dtype(dtype)
        self.config = case["config"]
        self.ends = [*self.config["cutoffs"], self.config["n_classes"]]
        self.p = {name: array(t, dtype) for name, t in case["params"].items()}
        self.x = array(case["inputs"]["input"], dtype).reshape(-1, self.config["in_features"])
        self.y = np.array(case["inputs"].get("target", {"data": []})["data"], dtype=np.int64)
        self.case = case

    # ------------------------------------------------------------ arithmetic

    def dot(self, a, b):
        """a @ b, summed as this layer sums."""
        if self.order == "blas":
            return a @ b
        if self.order == "reversed":
            return np.ascontiguousarray(a[:, ::-1]) @ np.ascontiguousarray(b[::-1])
        return self.sum(a[:, :, None] * b[None], 1)

    def sum(self, a, axis):
        if self.order == "blas" or not a.shape[axis]:
            return a.sum(axis)
        ordered = np.flip(a, axis) if self.order == "reversed" else a
        return np.take(np.cumsum(ordered, axis=axis), -1, axis=axis)

    def log_softmax(self, z):
        m = z.max(-1, keepdims=True) if z.size else z[:, :1]
        t = z - m
        if self.style == "t - log1p(s)":
            others = np.exp(t)
            others[np.arange(len(t)), t.argmax(-1)] = 0
            return t - np.log1p(self.sum(others, -1))[:, None]
        total = np.log(self.sum(np.exp(t), -1))[:, None]
        return t - total if self.style == "t - log(sum)" else z - (m + total)

    def logit_gradient(self, a, z, log_p):
        """Cotangent `a` of the log-softmax pulled back to z."""
        rho = self.sum(a, -1)[:, None]
        if self.style == "z - logsumexp":
            e = np.exp(z - z.max(-1, keepdims=True)) if z.size else z
            return a - rho * (e / self.sum(e, -1)[:, None])
        dz = a - rho * np.exp(log_p)
        if self.style == "t - log1p(s)":              # one entry: -expm1 keeps its digits
            alone = (a != 0).sum(-1) == 1
            rows, k = np.nonzero(alone)[0], np.abs(a).argmax(-1)[alone]
            dz[rows, k] = -a[rows, k] * np.expm1(log_p[rows, k])
        return dz

    # ------------------------------------------------------------ the layer

    def scores(self, x):
        z = self.dot(x, self.p["head.weight"].T)
        return z + self.p["head.bias"] if "head.bias" in self.p else z

    def tail(self, i, x):
        hidden = self.dot(x, self.p[f"tail.{i}.0.weight"].T)
        t = self.dot(hidden, self.p[f"tail.{i}.1.weight"].T)
        return hidden, t + self.p.get(f"tail.{i}.1.bias", self.dtype.type(0))

    def kept(self):
        return np.nonzero(self.y != self.config.get("ignore_index"))[0]

    def forward(self):
        """Everything that a case may want of forward."""
        kept, s = self.kept(), self.ends[0]
        y, x = self.y[kept], self.x[kept]
        cluster = np.searchsorted(self.ends[:-1], y, side="right")
        column = np.where(cluster == 0, y, s + cluster - 1)
        z = self.scores(x)
        log_p = self.log_softmax(z)
        out = log_p[np.arange(len(y)), column]
        found = {"cluster": cluster, "head_column": column,
                 "head_logits": z, "head_log_prob": log_p}
        for i, (low, high) in enumerate(zip(self.ends, self.ends[1:])):
            rows = np.nonzero(cluster == i + 1)[0]
            hidden, t = self.tail(i, x[rows])
            place, b = y[rows] - low, self.log_softmax(t)
            out[rows] = out[rows] + b[np.arange(len(rows)), place]
            found |= {f"tail.{i}.relative_target": place, f"tail.{i}.hidden": hidden,
                      f"tail.{i}.logits": t, f"tail.{i}.log_prob": b}
        full = np.zeros(len(self.y), self.dtype)
        full[kept] = out
        kind = self.config.get("reduction", "mean")
        total = -self.sum(out, 0)
        with np.errstate(invalid="ignore"):
            loss = {"mean": lambda: total / self.dtype.type(len(kept)), "sum": lambda: total,
                    "none": lambda: 0 - full}[kind]()
        return found | {"output": full, "loss": loss}

    def backward(self, f):
        kept, kind = self.kept(), self.config.get("reduction", "mean")
        cotangents = {name: array(t, self.dtype) for name, t in self.case["cotangents"].items()}
        through = cotangents.get("loss", self.dtype.type(0)).ravel()
        through = through[kept] if kind == "none" else through / self.dtype.type(
            max(len(kept), 1) if kind == "mean" else 1)
        q = -through * np.ones(len(kept), self.dtype)
        if "output" in cotangents:
            q = cotangents["output"].ravel()[kept] + q
        self.q = q
        rows = np.arange(len(kept))
        a = np.zeros_like(f["head_log_prob"])
        a[rows, f["head_column"]] = q
        tails = []
        for i in range(len(self.ends) - 1):
            mine = np.nonzero(f["cluster"] == i + 1)[0]
            b = np.zeros_like(f[f"tail.{i}.log_prob"])
            b[np.arange(len(mine)), f[f"tail.{i}.relative_target"]] = q[mine]
            tails.append(
                         (mine, b, f[f"tail.{i}.hidden"], f[f"tail.{i}.logits"],
                          f[f"tail.{i}.log_prob"]))
        found = self.pull_back(self.x[kept], a, f["head_logits"], f["head_log_prob"], tails)
        dx = np.zeros_like(self.x)
        dx[kept] = found["grad.input"]
        return found | {"grad.input": dx}

    def pull_back(self, x, a, z, log_p, tails):
        dz = self.logit_gradient(a, z, log_p)
        dx = self.dot(dz, self.p["head.weight"])
        found = {"grad.head_logits": dz, "grad.head.weight": self.dot(dz.T, x),
                 "grad.head.bias": self.sum(dz, 0)}
        for i, (rows, b, hidden, t, tail_log_p) in enumerate(tails):
            dt = self.logit_gradient(b, t, tail_log_p)
            dh = self.dot(dt, self.p[f"tail.{i}.1.weight"])
            found |= {f"grad.tail.{i}.logits": dt, f"grad.tail.{i}.hidden": dh,
                      f"grad.tail.{i}.1.weight": self.dot(dt.T, hidden),
                      f"grad.tail.{i}.1.bias": self.sum(dt, 0),
                      f"grad.tail.{i}.0.weight": self.dot(dh.T, x[rows])}
            dx[rows] = dx[rows] + self.dot(dh, self.p[f"tail.{i}.0.weight"])
        return found | {"grad.input": dx}

    def log_prob(self):
        z = self.scores(self.x)
        head, s = self.log_softmax(z), self.ends[0]
        tails = [self.tail(i, self.x) for i in range(len(self.ends) - 1)]
        logs = [self.log_softmax(t) for _, t in tails]
        parts = [head[:, :s]] + [head[:, s + i, None] + b for i, b in enumerate(logs)]
        self.saved = z, head, tails, logs
        return np.concatenate(parts, -1)

    def log_prob_backward(self):
        self.log_prob()
        z, head, tails, logs = self.saved
        g = array(self.case["cotangents"]["log_prob"], self.dtype).reshape(len(self.x), -1)
        parts = [g[:, a:b] for a, b in zip(self.ends, self.ends[1:])]
        a = np.concatenate([g[:, :self.ends[0]]] + [self.sum(p, -1)[:, None] for p in parts], -1)
        every = np.arange(len(self.x))
        return self.pull_back(self.x, a, z, head, [
            (every, p, hidden, t, b) for p, (hidden, t), b in zip(parts, tails, logs)])

    # ------------------------------------------------------------ along a direction

    def moving(self):
        """Tangents of the rows that count, of the weights; zeros where none is given."""
        d = {name: array(t, self.dtype) for name, t in self.case["tangents"].items()}
        dx = d.pop("input", np.zeros_like(self.x)).reshape(self.x.shape)
        return dx, {name: d.get(name, np.zeros_like(w)) for name, w in self.p.items()}

    def linear_along(self, x, dx, d, name):
        dz = self.dot(dx, self.p[f"{name}.weight"].T) + self.dot(x, d[f"{name}.weight"].T)
        return dz + d.get(f"{name}.bias", self.dtype.type(0))

    def log_softmax_along(self, log_p, dz):
        weighted = np.exp(log_p) * dz
        moved = dz - self.sum(weighted, -1)[:, None]
        if self.style == "t - log1p(s)" and dz.size:
            rows, top = np.arange(len(dz)), log_p.argmax(-1)
            weighted[rows, top] = 0
            moved[rows, top] = (-np.expm1(log_p[rows, top]) * dz[rows, top]
                                - self.sum(weighted, -1))
        return moved

    def tangents(self, f):
        """jvp.* and hvp.*, from what forward found."""
        kept, (dx, d) = self.kept(), self.moving()
        x, dx, found = self.x[kept], dx[kept], self.backward(f)
        da = self.log_softmax_along(f["head_log_prob"], self.linear_along(x, dx, d, "head"))
        rows = np.arange(len(kept))
        out = da[rows, f["head_column"]]
        dz = found["grad.head_logits"]
        ddz = -self.q[:, None] * np.exp(f["head_log_prob"]) * da
        moved = self.dot(ddz, self.p["head.weight"]) + self.dot(dz, d["head.weight"])
        found = {"hvp.head.weight": self.dot(ddz.T, x) + self.dot(dz.T, dx),
                 "hvp.head.bias": self.sum(ddz, 0), **found}
        for i in range(len(self.ends) - 1):
            mine = np.nonzero(f["cluster"] == i + 1)[0]
            p, u = f"tail.{i}.0", f"tail.{i}.1"
            hidden, b = f[f"tail.{i}.hidden"], f[f"tail.{i}.log_prob"]
            dh = self.linear_along(x[mine], dx[mine], d, p)
            db = self.log_softmax_along(b, self.linear_along(hidden, dh, d, u))
            out[mine] += db[np.arange(len(mine)), f[f"tail.{i}.relative_target"]]
            dt, ds = found[f"grad.tail.{i}.logits"], found[f"grad.tail.{i}.hidden"]
            ddt = -self.q[mine][:, None] * np.exp(b) * db
            dds = self.dot(ddt, self.p[f"{u}.weight"]) + self.dot(dt, d[f"{u}.weight"])
            found |= {f"hvp.{u}.weight": self.dot(ddt.T, hidden) + self.dot(dt.T, dh),
                      f"hvp.{u}.bias": self.sum(ddt, 0),
                      f"hvp.{p}.weight": self.dot(dds.T, x[mine]) + self.dot(ds.T, dx[mine])}
            moved[mine] += self.dot(dds, self.p[f"{p}.weight"]) + self.dot(ds, d[f"{p}.weight"])
        full, dfull = np.zeros(len(self.x), self.dtype), np.zeros_like(self.x)
        full[kept], dfull[kept] = out, moved
        scale = len(kept) if self.config.get("reduction", "mean") == "mean" else 1
        loss = -full if self.config.get("reduction") == "none" else \
            -self.sum(out, 0) / self.dtype.type(scale)
        return found | {"jvp.output": full, "jvp.loss": loss, "hvp.input": dfull}

    def log_prob_along(self):
        self.log_prob()
        (_, head, tails, logs), (dx, d), s = self.saved, self.moving(), self.ends[0]
        da = self.log_softmax_along(head, self.linear_along(self.x, dx, d, "head"))
        parts = [da[:, :s]]
        for i, ((hidden, _), b) in enumerate(zip(tails, logs)):
            dh = self.linear_along(self.x, dx, d, f"tail.{i}.0")
            db = self.log_softmax_along(b, self.linear_along(hidden, dh, d, f"tail.{i}.1"))
            parts.append(da[:, s + i, None] + db)
        return np.concatenate(parts, -1)


class Embedding(Layer):
    """The adaptive input, in one order of summation."""

    def __init__(self, case, dtype, style, order):
        self.order, self.dtype = order, np.dtype(dtype)
        self.config, self.case = case["config"], case
        self.p = {name: array(t, dtype) for name, t in case["params"].items()}
        self.index = np.array(case["inputs"]["index"]["data"], int)
        self.ends = [0, *self.config["cutoffs"], self.config["n_classes"]]

    def answers(self):
        D, dtype = self.config["in_features"], self.dtype
        scale = dtype.type(D**0.5 if self.config.get("scaled") else 1)
        kept = self.index != self.config.get("padding_index")
        out = np.zeros((len(self.index), D), dtype)
        g = array(self.case["cotangents"]["embed"], dtype).reshape(out.shape)
        found = {"embed": out}
        for b, (low, high) in enumerate(zip(self.ends, self.ends[1:])):
            rows = np.nonzero(kept & (low <= self.index) & (self.index < high))[0]
            table, projection = self.p[f"bands.{b}.embedding"], self.p.get(f"bands.{b}.projection")
            vectors, back = table[self.index[rows] - low], g[rows]
            out[rows] = scale * (vectors if projection is None else self.dot(vectors, projection))
            if projection is not None:
                found[f"grad.bands.{b}.projection"] = scale * self.dot(vectors.T, back)
                back = self.dot(back, projection.T)
            found[f"grad.bands.{b}.embedding"] = gradient = np.zeros_like(table)
            for r in set(self.index[rows] - low):
                gradient[r] = scale * self.sum(back[self.index[rows] - low == r], 0)
        return found


def array(tensor, dtype):
    return np.array([float(v) for v in tensor["data"]], dtype=dtype).reshape(tensor["shape"])


def answers(case, dtype, style, order):
    """name -> array of every tensor that a correct port gives on a case."""
    if "index" in case["inputs"]:
        found = Embedding(case, dtype, style, order).answers()
        return {name: np.asarray(found[name]) for name in case["expected"]}
    layer, expected = Layer(case, dtype, style, order), case["expected"]
    cotangents = case.get("cotangents", {})
    found = layer.forward() if len(layer.y) or "output" in expected or "jvp.output" in expected \
        else {}
    if "log_prob" in expected or "predict" in expected:
        found["log_prob"] = layer.log_prob()
        found["predict"] = found["log_prob"].argmax(-1)
    if "topk.index" in expected:
        log_p = layer.log_prob()
        index = np.argsort(-log_p, kind="stable")[:, :case["inputs"]["k"]["data"][0]]
        found |= {"topk.index": index, "topk.log_prob": np.take_along_axis(log_p, index, -1)}
    if "log_prob" in cotangents:
        found |= layer.log_prob_backward()
    elif "grad.input" in expected:
        found |= layer.backward(found)
    if "jvp.log_prob" in expected:
        found["jvp.log_prob"] = layer.log_prob_along()
    if "hvp.input" in expected:
        found |= layer.tangents(found)
    return {name: np.asarray(found[name]) for name in expected}


def worst_ratio(case, dtype, found):
    """(largest |got - want| / bound, its tensor); inf where exact numbers, sets or shapes differ.
    """
    u, bits = float(np.finfo(dtype).eps) / 2, np.finfo(dtype).nmant + 1
    tiny = float(np.finfo(dtype).smallest_subnormal) * 300
    worst = (0.0, "")
    for name, block in case["expected"].items():
        got = found[name].astype(np.float64).ravel()
        if "sets" in block:
            bad = [k for k, allowed in zip(got, block["sets"]) if k not in allowed]
            worst = max(worst, (math.inf if bad else 0.0, name))
            continue
        want = np.array([float(v) for v in block["data"]])
        got = got[block["at"]] if "at" in block else got
        loose = "NonFinite" in case["flags"]
        same = (got == want) | np.isnan(want) & (np.isnan(got) | loose & ~np.isfinite(got))
        if block.get("exact_bits", 99) <= bits or ("err" not in block and "err_sharp" not in block):
            ratio = np.where(same, 0.0, math.inf)
        else:
            scale = np.abs(want) if "err_sharp" in block else 1.0
            with np.errstate(invalid="ignore"):
                err = np.array(block.get("err", block.get("err_sharp"))) * scale
                bound = 1.01 * err * u + np.spacing(np.abs(want)) / 2 + tiny
                ratio = np.where(same, 0.0, np.abs(got - want) / bound)
        if ratio.size:
            worst = max(worst, (float(np.nan_to_num(ratio, nan=math.inf).max()), name))
    return worst
