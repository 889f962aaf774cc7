"""How exact a result can be: the layer once more, in long double, with a bound on the rounding.

An `Approx` is an array with, for every entry, how far any sane evaluation in a number type may be
from it, in units of that type's u: running error analysis, to first order.  The rules allow any
order of summation, with or without FMA, and `LIBRARY` u to each call of exp, expm1 or log1p.

The layer is written down here a second time, from the formulas and without a line of the package,
and every row goes through every cluster: it is a witness as well as a bound.
[Higham 2002, Accuracy and Stability of Numerical Algorithms, section 3.3]
"""
import copy

import numpy as np

LIBRARY = 8             # u granted to one exp, expm1 or log1p: 4 ulp
FIRST_ORDER = 1.01      # for the terms of second order that the rules leave out
UNIT = {"float16": 2.0**-11, "float32": 2.0**-24, "float64": 2.0**-53}


class Approx:
    """An array of long doubles, and an error of each in units of u.

    `tiny` is the smallest normal number of the type that is judged: below it a result
    errs by u · tiny, not by u · |result|.
    """

    def __init__(self, value, error=0, tiny=None):
        value = np.asarray(value)
        if tiny is None:
            tiny = np.finfo(value.dtype).tiny if value.dtype.kind == "f" else 0
        self.value, self.tiny = value.astype(np.longdouble), np.longdouble(tiny)
        self.error = np.zeros(self.value.shape, np.longdouble) + error

    shape = property(lambda self: self.value.shape)
    T = property(lambda self: Approx(self.value.T, self.error.T, self.tiny))

    def __getitem__(self, key):
        return Approx(self.value[key], self.error[key], self.tiny)

    def __neg__(self):
        return Approx(-self.value, self.error, self.tiny)

    def __add__(self, other):
        value = self.value + other.value
        return Approx(value, self.error + other.error + abs(value), max(self.tiny, other.tiny))

    def __sub__(self, other):
        return self + -other

    def __mul__(self, other):
        value, tiny = self.value * other.value, max(self.tiny, other.tiny)
        return Approx(value, abs(self.value) * other.error + self.error * abs(other.value)
                      + np.maximum(abs(value), tiny), tiny)

    def __matmul__(self, other):
        a, b, tiny = abs(self.value), abs(other.value), max(self.tiny, other.tiny)
        n = self.shape[-1]
        return Approx(self.value @ other.value,
                      n * (a @ b + n * tiny) + self.error @ b + a @ other.error, tiny)

    def sum(self, axis):
        """Of n terms: each is rounded at most n - 1 times."""
        terms = max(self.shape[axis] - 1, 0)
        return Approx(self.value.sum(axis),
                      self.error.sum(axis) + terms * abs(self.value).sum(axis), self.tiny)

    def exp(self):
        value = np.exp(self.value)
        return Approx(value, value * self.error + LIBRARY * np.maximum(value, self.tiny), self.tiny)

    def expm1(self):
        value = np.expm1(self.value)
        return Approx(value, np.exp(self.value) * self.error
                      + LIBRARY * np.maximum(abs(value), self.tiny), self.tiny)


def where(mask, a, b):
    """The entries of `a` where `mask`, else those of `b`; both `Approx` or numbers."""
    a, b = (v if isinstance(v, Approx) else Approx(v) for v in (a, b))
    return Approx(np.where(mask, a.value, b.value), np.where(mask, a.error, b.error),
                  max(a.tiny, b.tiny))


def stack(parts, axis):
    """The parts side by side."""
    return Approx(np.concatenate([p.value for p in parts], axis),
                  np.concatenate([p.error for p in parts], axis), max(p.tiny for p in parts))


def log_softmax(z):
    """t - log1p(s), row by row."""
    n = z.shape[-1]
    t = z.value - z.value.max(-1, keepdims=True)
    others = np.exp(t)
    np.put_along_axis(others, t.argmax(-1)[..., None], 0, -1)
    s = others.sum(-1, keepdims=True)
    log_sum = np.log1p(s)
    log_p = t - log_sum
    common = (np.exp(log_p) * (z.error + abs(t) + LIBRARY)).sum(-1, keepdims=True)
    return Approx(log_p, z.error + abs(t) + abs(log_p) + common + (n - 1) * s / (1 + s)
                  + LIBRARY * np.maximum(log_sum, z.tiny), z.tiny)


def one_hot(index, n):
    """(N, n) of 0 and 1."""
    return np.asarray(index)[:, None] == np.arange(n)


def logit_gradient(log_p, index, q):
    """q · ((k = index) - p[k]), with -expm1 at the index."""
    q = q[:, None]
    here = one_hot(index, log_p.shape[-1])
    return where(here, -(q * log_p.expm1()), -(q * log_p.exp()))


def vjp(log_p, grad):
    """Transpose of log-softmax: grad - ρ p; the largest p without the cancellation in 1 - p."""
    p = log_p.exp()
    plain = grad - grad.sum(-1)[:, None] * p
    top = one_hot(log_p.value.argmax(-1), log_p.shape[-1])
    others = where(top, 0, grad).sum(-1)
    return where(top, -(log_p.expm1() * grad) - p * others[:, None], plain)


def jvp(log_p, dz):
    """Tangent of log-softmax: dz - <p, dz>; the largest p without the cancellation in 1 - p."""
    weighted = log_p.exp() * dz
    top = one_hot(log_p.value.argmax(-1), log_p.shape[-1])
    others = where(top, 0, weighted).sum(-1)[:, None]
    return where(top, -(log_p.expm1() * dz) - others, dz - weighted.sum(-1)[:, None])


class Model:
    """What a layer with these weights is due to answer, and how exactly.

    Parameters
    ----------
    weights : mapping from PyTorch's names to arrays or `Approx`
    cutoffs : with the number of classes at the end
    x : (N, D) array
    """

    def __init__(self, weights, cutoffs, x):
        self.w = {k: v if isinstance(v, Approx) else Approx(v) for k, v in weights.items()}
        self.cutoffs, self.x = cutoffs, x if isinstance(x, Approx) else Approx(x)
        self.n_clusters = len(cutoffs) - 1
        z = self.x @ self.w["head.weight"].T
        self.z = z + self.w["head.bias"] if "head.bias" in self.w else z
        self.head = log_softmax(self.z)
        self.hidden = [self.x @ self.w[f"tail.{i}.0.weight"].T for i in range(self.n_clusters)]
        self.t = [h @ self.w[f"tail.{i}.1.weight"].T for i, h in enumerate(self.hidden)]
        self.t = [t + self.w[f"tail.{i}.1.bias"] if f"tail.{i}.1.bias" in self.w else t
                  for i, t in enumerate(self.t)]
        self.tails = [log_softmax(t) for t in self.t]

    @classmethod
    def of(cls, layer, x):
        return cls(dict(layer.parameters.items()), layer.cutoffs, x)

    def log_prob(self):
        """(N, C)."""
        s = self.cutoffs[0]
        return stack([self.head[:, :s], *(self.head[:, s + i, None] + tail
                                          for i, tail in enumerate(self.tails))], 1)

    def output(self, y):
        """(N,); 0 where y is no class."""
        rows, known = np.arange(len(y)), (0 <= y) & (y < self.cutoffs[-1])
        log_p = self.log_prob()[rows, np.where(known, y, 0)]
        return where(known, log_p, 0)

    def loss(self, y, reduction):
        if reduction == "none":
            return -self.output(y)
        total = -self.output(y).sum(0)
        counted = ((0 <= y) & (y < self.cutoffs[-1])).sum()
        return total if reduction == "sum" else total * reciprocal(counted)

    def gradients(self, y, grad_output, grad_loss, reduction):
        """{name: Approx} of the weights, and of "input"."""
        known = (0 <= y) & (y < self.cutoffs[-1])
        scale = reciprocal(known.sum()) if reduction == "mean" else Approx(1)
        q = Approx(grad_output) - Approx(grad_loss) * scale
        q = where(known, q, 0)
        self.dhead, self.dtails, _ = self.pick_back(np.where(known, y, 0), q)
        return self.pull_back(self.dhead, self.dtails)

    def pick_back(self, y, q):
        """What q does to the logits: of the head, of the tails, and q of the rows of each tail."""
        cluster = (y[:, None] >= np.array(self.cutoffs[:-1])).sum(-1)
        column = np.where(cluster == 0, y, self.cutoffs[0] + cluster - 1)
        dtails, of_tails = [], []
        for i, tail in enumerate(self.tails):
            here = cluster == i + 1
            place = np.where(here, y - self.cutoffs[i], 0)
            of_tails.append(where(here, q, 0))
            dtails.append(logit_gradient(tail, place, of_tails[-1]))
        return logit_gradient(self.head, column, q), dtails, of_tails

    def log_prob_gradients(self, grad):
        """Of Σ grad · log_prob."""
        grad, s = Approx(grad), self.cutoffs[0]
        parts = [grad[:, a:b] for a, b in zip(self.cutoffs, self.cutoffs[1:])]
        dhead = stack([grad[:, :s], *(part.sum(-1)[:, None] for part in parts)], 1)
        return self.pull_back(vjp(self.head, dhead),
                              [vjp(tail, part) for tail, part in zip(self.tails, parts)])

    def pull_back(self, dhead, dtails):
        self.dhead, self.dtails = dhead, dtails
        dx = dhead @ self.w["head.weight"]
        found = {"head.weight": dhead.T @ self.x}
        if "head.bias" in self.w:
            found["head.bias"] = dhead.sum(0)
        for i, dt in enumerate(dtails):
            ds = dt @ self.w[f"tail.{i}.1.weight"]
            found[f"tail.{i}.0.weight"] = ds.T @ self.x
            found[f"tail.{i}.1.weight"] = dt.T @ self.hidden[i]
            if f"tail.{i}.1.bias" in self.w:
                found[f"tail.{i}.1.bias"] = dt.sum(0)
            dx = dx + ds @ self.w[f"tail.{i}.0.weight"]
        return {**found, "input": dx}

    # ------------------------------------------------------------ forward mode, second order

    def move(self, direction):
        """Set the tangents along {name: array}, "input" among them."""
        d = {name: Approx(value) for name, value in direction.items()}
        self.d, w = d, self.w
        dz = d["input"] @ w["head.weight"].T + self.x @ d["head.weight"].T
        self.d_head = jvp(self.head, dz + d["head.bias"] if "head.bias" in d else dz)
        self.d_hidden, self.d_tails = [], []
        for i, tail in enumerate(self.tails):
            p, u = f"tail.{i}.0.weight", f"tail.{i}.1.weight"
            ds = d["input"] @ w[p].T + self.x @ d[p].T
            self.d_hidden.append(ds)
            dt, a = ds @ w[u].T + self.hidden[i] @ d[u].T, f"tail.{i}.1.bias"
            self.d_tails.append(jvp(tail, dt + d[a] if a in d else dt))
        return self

    def log_prob_jvp(self):
        """(N, C); `output` and `loss` of this model are those of the tangent."""
        moved = copy.copy(self)
        moved.head, moved.tails = self.d_head, self.d_tails
        return moved

    def hvp(self, y, grad_output, grad_loss, reduction, gauss_newton=False):
        """{name: Approx}: the Hessian, or the Gauss-Newton matrix, times the direction."""
        known = (0 <= y) & (y < self.cutoffs[-1])
        scale = reciprocal(known.sum()) if reduction == "mean" else Approx(1)
        q = where(known, Approx(grad_output) - Approx(grad_loss) * scale, 0)
        dhead, dtails, of_tails = self.pick_back(np.where(known, y, 0), q)
        rhead = -(q[:, None] * self.head.exp() * self.d_head)
        rtails = [-(qi[:, None] * b.exp() * db)
                  for qi, b, db in zip(of_tails, self.tails, self.d_tails)]
        if gauss_newton:
            return self.pull_back(rhead, rtails)
        w, d, x, dx = self.w, self.d, self.x, self.d["input"]
        moved = rhead @ w["head.weight"] + dhead @ d["head.weight"]
        found = {"head.weight": rhead.T @ x + dhead.T @ dx}
        if "head.bias" in w:
            found["head.bias"] = rhead.sum(0)
        for i, (dt, rt) in enumerate(zip(dtails, rtails)):
            p, u = f"tail.{i}.0.weight", f"tail.{i}.1.weight"
            ds, rs = dt @ w[u], rt @ w[u] + dt @ d[u]
            found[u] = rt.T @ self.hidden[i] + dt.T @ self.d_hidden[i]
            found[p] = rs.T @ x + ds.T @ dx
            if f"tail.{i}.1.bias" in w:
                found[f"tail.{i}.1.bias"] = rt.sum(0)
            moved = moved + (rs @ w[p] + ds @ d[p])
        return {**found, "input": moved}


def reciprocal(count):
    """1 / count, 0 for no rows: there nothing has a gradient."""
    value = 1 / max(int(count), 1)
    return Approx(np.longdouble(1) / max(int(count), 1), value)


def excess(found, wanted, error, dtype):
    """|found - wanted| in units of what `error` (in u) allows; at most 1 where all is well."""
    dtype = np.dtype(dtype).newbyteorder("=")
    found, wanted = (np.asarray(a).astype(np.longdouble) for a in (found, wanted))
    assert found.shape == wanted.shape, (found.shape, wanted.shape)
    allowed = FIRST_ORDER * UNIT[dtype.name] * np.asarray(error, np.longdouble)
    allowed = allowed + 4 * np.finfo(dtype).smallest_subnormal
    return float((abs(found - wanted) / allowed).max(initial=0))


def assert_within(found, wanted, error, dtype, name=""):
    """Every entry of `found` is as near to `wanted` as `error`, in units of u, says."""
    ratio = excess(found, wanted, error, dtype)
    assert ratio <= 1, f"{name}: {ratio:.3g} times the bound on rounding"
