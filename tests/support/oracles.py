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
        return hidden, self.dot(hidden, self.p[f"tail.{i}.1.weight"].T)

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


def array(tensor, dtype):
    return np.array([float(v) for v in tensor["data"]], dtype=dtype).reshape(tensor["shape"])


def answers(case, dtype, style, order):
    """name -> array of every tensor that a correct port gives on a case."""
    layer, expected = Layer(case, dtype, style, order), case["expected"]
    cotangents = case.get("cotangents", {})
    found = layer.forward() if len(layer.y) or "output" in expected else {}
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
