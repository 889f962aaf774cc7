"""Steps of the derivatives along a direction, for `Layer`: what moves, and how gradients move.

    dz   of scores      da, db   of the head's and a tail's log-probabilities      q   what arrives
"""
from types import SimpleNamespace
from typing import Any

import numpy as np

from npadasoft.tangents import log_softmax_jvp


class Tangents:
    """What `Layer` takes on the way through `jvp`, `log_prob_jvp` and `hvp`."""

    p: Any                              # and the steps of `Layer` that are taken here, too
    s: Any
    read_input: Any
    compute: Any
    everywhere: Any
    head_weight: Any
    head_bias: Any
    projection: Any
    output_weight: Any
    pick: Any
    reduce: Any
    shaped: Any
    log_prob_column: Any
    upstream: Any
    head_logit_gradient: Any
    tail_logit_gradient: Any
    hidden_gradient: Any

    def moving(self, tangents, x):
        """Name -> tangent of the input (N, D) and of every weight; 0 where none is given."""
        d = {name: tangents.get(name, 0 * w) for name, w in self.p.items()}
        dx = tangents.get("input", 0 * x)
        return d | {"input": dx.reshape(-1, dx.shape[-1])}

    def product_along(self, x, weight, dx, d_weight):
        return dx @ weight.T + x @ d_weight.T

    def bias_along(self, dz, d_bias):
        return dz if d_bias is None else dz + d_bias

    def head_along(self, x, dx, d):
        dz = self.product_along(x, self.head_weight(), dx, d["head.weight"])
        return self.bias_along(dz, d.get("head.bias"))

    def hidden_along(self, x, dx, d, i):
        return self.product_along(x, self.projection(i), dx, d[f"tail.{i}.0.weight"])

    def tail_along(self, hidden, d_hidden, d, i):
        dz = self.product_along(hidden, self.output_weight(i), d_hidden, d[f"tail.{i}.1.weight"])
        return self.bias_along(dz, d.get(f"tail.{i}.1.bias"))

    def log_softmax_along(self, log_p, dz):
        return log_softmax_jvp(log_p, dz) if dz.size else dz

    def along(self, f, d):
        """How all of a forward `f` moves."""
        dx = d["input"]
        da = self.log_softmax_along(f.a, self.head_along(f.x[f.kept], dx[f.kept], d))
        m = SimpleNamespace(dx=dx, a=da, hidden=[], b=[])
        for i, rows in enumerate(f.rows):
            m.hidden.append(self.hidden_along(f.x[rows], dx[rows], d, i))
            m.b.append(self.log_softmax_along(
                f.b[i], self.tail_along(f.hidden[i], m.hidden[i], d, i)))
        return m

    def output_along(self, f, m):
        found = np.zeros(f.n, m.a.dtype)
        found[f.kept] = self.pick(m.a, f.column)
        for rows, b, place in zip(f.rows, m.b, f.place):
            found[rows] = self.join_along(found[rows], self.pick(b, place))
        return found

    def join_along(self, head, tail):
        return head + tail

    def loss_along(self, output, f):
        return self.reduce(output, f)

    def jvp(self, x, y, tangents):
        x = self.read_input(x)
        f = self.compute(x, y)
        output = self.output_along(f, self.along(f, self.moving(tangents, x)))
        loss = self.loss_along(output, f)
        return {"jvp.output": self.shaped(output, f.lead),
                "jvp.loss": np.reshape(loss, f.lead if np.ndim(loss) else ())}

    def log_prob_jvp(self, x, tangents):
        x = self.read_input(x)
        f = self.everywhere(x)
        m = self.along(f, self.moving(tangents, x))
        parts = [self.join_along(m.a[:, self.log_prob_column(i), None], b)
                 for i, b in enumerate(m.b)]
        return self.shaped(np.concatenate([m.a[:, :self.s], *parts], axis=1), f.lead)

    # ---------------------------------------------------------------- second order

    def curvature(self, log_p, d_log_p, q):
        """How the gradient at the scores moves: -q p d(log p)."""
        return np.exp(log_p) * d_log_p * -q[:, None]

    def weight_gradient_along(self, dy, ddy, x, dx):
        return ddy.T @ x + dy.T @ dx

    def bias_gradient_along(self, ddy):
        return ddy.sum(0)

    def back_along(self, dy, ddy, weight, d_weight):
        return ddy @ weight + dy @ d_weight

    def scatter_along(self, moved, rows, part):
        moved[rows] += part

    def hvp(self, x, y, cotangents, tangents):
        x = self.read_input(x)
        f = self.compute(x, y)
        d = self.moving(tangents, x)
        m = self.along(f, d)
        q = self.upstream(cotangents.get("output", np.zeros(f.lead, f.x.dtype)),
                          cotangents.get("loss", f.x.dtype.type(0)), f)
        dz, ddz = self.head_logit_gradient(f, q), self.curvature(f.a, m.a, q[f.kept])
        moved = np.zeros(f.x.shape, f.x.dtype)
        moved[f.kept] = self.back_along(dz, ddz, self.head_weight(), d["head.weight"])
        found = {"hvp.head.weight": self.weight_gradient_along(dz, ddz, f.x[f.kept],
                                                               m.dx[f.kept])}
        if self.head_bias() is not None:
            found["hvp.head.bias"] = self.bias_gradient_along(ddz)
        for i, rows in enumerate(f.rows):
            found |= self.tail_products(f, m, d, q, i)
            self.scatter_along(moved, rows, found.pop("moved"))
        found["hvp.input"] = moved.reshape((*f.lead, moved.shape[-1]))
        return found

    def tail_products(self, f, m, d, q, i):
        """The products of tail i's weights, and under "moved" what it adds to the input's."""
        rows, second = f.rows[i], f"tail.{i}.1.weight"
        dt, ddt = self.tail_logit_gradient(f, q, i), self.curvature(f.b[i], m.b[i], q[rows])
        ds = self.hidden_gradient(dt, i)
        dds = self.back_along(dt, ddt, self.output_weight(i), d[second])
        found = {f"hvp.{second}": self.weight_gradient_along(dt, ddt, f.hidden[i], m.hidden[i]),
                 f"hvp.tail.{i}.0.weight": self.weight_gradient_along(ds, dds, f.x[rows],
                                                                      m.dx[rows]),
                 "moved": self.back_along(ds, dds, self.projection(i), d[f"tail.{i}.0.weight"])}
        if f"tail.{i}.1.bias" in self.p:
            found[f"hvp.tail.{i}.1.bias"] = self.bias_gradient_along(ddt)
        return found
