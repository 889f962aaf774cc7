"""The layer once more, in NumPy, cut into steps small enough that each can be done wrongly.

    N rows   M rows that count   N_i of them in tail i   D in_features   K head columns
    O_i classes and H_i hidden units of tail i   s shortlist size   J tails

`Layer` is right, and passes every case; its steps along a direction, those of an adaptive input and
those of the head alone stand in files of their own.  A known mistake is a subclass that replaces
one step, in a few lines; two mistakes at once are a class with two such parents.
"""
from types import SimpleNamespace

import numpy as np

from npadasoft.conformance.mistakes.formulas import linear, log_softmax, pick, pick_backward
from npadasoft.conformance.mistakes.steps_input import Input
from npadasoft.conformance.mistakes.steps_linear import Linear
from npadasoft.conformance.mistakes.steps_tangents import Tangents
from npadasoft.conformance.ports.base import Refused
from npadasoft.cutoffs import Cutoffs, divisor, integer
from npadasoft.functional import bias_backward, log_softmax_backward


class Layer(Tangents, Input, Linear):
    """One layer with its weights, for one request.

    Parameters
    ----------
    config : mapping
    params : mapping
        Name -> array, in the dtype to compute in.
    memory : dict
        What an earlier request left; a right layer leaves nothing.
    """

    def __init__(self, config, params, memory):
        self.config, self.memory = config, memory
        self.edges = [*config["cutoffs"], config["n_classes"]]
        self.s, self.J = self.edges[0], len(self.edges) - 1
        read = self.read if "head.weight" in params else self.read_bands
        self.p = read(dict(params))

    # ---------------------------------------------------------------- construction

    @classmethod
    def check(cls, config):
        """Refuse a configuration that makes no layer."""
        integer("in_features", config["in_features"], minimum=1)
        integer("n_classes", config["n_classes"], minimum=2)
        divisor(config["div_value"])
        try:
            Cutoffs(config["cutoffs"], config["n_classes"])
        except (TypeError, ValueError) as error:
            raise Refused("cutoffs", str(error)) from error

    @classmethod
    def hidden_size(cls, D, div_value, i):
        return int(D // div_value ** (i + 1))

    @classmethod
    def shapes(cls, config):
        """Name -> shape of every weight."""
        cls.check(config)
        D, edges = config["in_features"], [*config["cutoffs"], config["n_classes"]]
        found: dict[str, tuple[int, ...]] = {"head.weight": (edges[0] + len(edges) - 1, D)}
        if config["head_bias"]:
            found["head.bias"] = found["head.weight"][:1]
        for i, (low, high) in enumerate(zip(edges, edges[1:])):
            h = cls.hidden_size(D, config["div_value"], i)
            found |= {f"tail.{i}.0.weight": (h, D), f"tail.{i}.1.weight": (high - low, h)}
            if config.get("tail_bias"):
                found[f"tail.{i}.1.bias"] = (high - low,)
        return found

    def read(self, params):
        """The weights as the port takes them in."""
        return params

    def read_bands(self, params):
        """The same, of an adaptive input."""
        return params

    def read_input(self, x):
        return x

    # ---------------------------------------------------------------- routing

    def check_batch(self, x, y):
        if x.shape[:-1] != y.shape:
            raise Refused("shape", f"{x.shape} and {y.shape}")
        return x, y

    def check_features(self, x):
        if x.shape[-1] != self.config["in_features"]:
            raise Refused("shape", f"{x.shape[-1]} features")

    def check_targets(self, y):
        if y.size and not 0 <= y.min() <= y.max() < self.config["n_classes"]:
            raise Refused("target", f"targets from {y.min()} to {y.max()}")
        return y

    def kept(self, y):
        """Which rows count: (N,) bool."""
        ignored = self.config.get("ignore_index")
        return np.ones(y.shape, bool) if ignored is None else y != ignored

    def cluster(self, y):
        """0 for the shortlist, i + 1 for tail i."""
        return np.searchsorted(self.edges[:-1], y, side="right")

    def column_of(self, i):
        """Column of the head for tail i."""
        return self.s + i

    def head_column(self, y, cluster):
        columns = np.array([self.column_of(i) for i in range(max(self.J, 1))])
        return np.where(cluster == 0, y, columns[np.maximum(cluster, 1) - 1])

    def place(self, y, i):
        """Place within tail i of targets that live there."""
        return y - self.edges[i]

    # ---------------------------------------------------------------- forward

    def head_weight(self):
        return self.p["head.weight"]

    def head_bias(self):
        return self.p.get("head.bias")

    def projection(self, i):
        return self.p[f"tail.{i}.0.weight"]

    def output_weight(self, i):
        return self.p[f"tail.{i}.1.weight"]

    def tail_bias(self, i):
        return self.p.get(f"tail.{i}.1.bias")

    def head_logits(self, x):
        return linear(x, self.head_weight(), self.head_bias())

    def hidden(self, x, i):
        return linear(x, self.projection(i))

    def tail_logits(self, hidden, i):
        return linear(hidden, self.output_weight(i), self.tail_bias(i))

    def log_softmax(self, z):
        return log_softmax(z) if z.size else z

    def head_log_softmax(self, z):
        return self.log_softmax(z)

    def tail_log_softmax(self, z, x, i):
        return self.log_softmax(z)

    def compute(self, x, y):
        """All of forward, up to the log-probabilities."""
        x, y = self.check_batch(x, y)
        self.check_features(x)
        f = SimpleNamespace(lead=y.shape, x=x.reshape(-1, x.shape[-1]))
        y = y.reshape(-1)
        f.kept = np.flatnonzero(self.kept(y))
        f.y = self.check_targets(y[f.kept])
        self.through(f)
        return f

    def through(self, f):
        """Route the rows that count and send them through head and tails."""
        f.n = f.x.shape[0]
        f.cluster = self.cluster(f.y)
        f.column = self.head_column(f.y, f.cluster)
        f.z = self.head_logits(f.x[f.kept])
        f.a = self.head_log_softmax(f.z)
        f.rows, f.place, f.hidden, f.t, f.b = [], [], [], [], []
        for i in range(self.J):
            mine = np.flatnonzero(f.cluster == i + 1)
            rows = f.kept[mine]
            hidden = self.hidden(f.x[rows], i)
            t = self.tail_logits(hidden, i)
            f.rows.append(rows)
            f.place.append(self.place(f.y[mine], i))
            f.hidden.append(hidden)
            f.t.append(t)
            f.b.append(self.tail_log_softmax(t, f.x[rows], i))

    def pick(self, log_p, index):
        return pick(log_p, index)

    def join(self, head, tail):
        """log p of a class, from the tail's and that within the tail."""
        return head + tail

    def output(self, f):
        """(N,) log p of the target, 0 where it is ignored."""
        found = np.zeros(f.n, f.a.dtype)
        found[f.kept] = self.scored(f)
        for rows, b, place in zip(f.rows, f.b, f.place):
            found[rows] = self.join(found[rows], self.pick(b, place))
        return found

    def reduce(self, output, f):
        kind = self.config.get("reduction", "mean")
        if kind == "none":
            return 0 - output
        total = (0 - output).sum()
        if kind == "sum":
            return total
        return total / len(f.kept) if len(f.kept) else total * float("nan")

    def shaped(self, rows, lead):
        """Results of rows in the shape of the batch."""
        return rows.reshape((*lead, *rows.shape[1:]))

    def forward(self, x, y):
        f = self.compute(self.read_input(x), y)
        output = self.output(f)
        loss = self.reduce(output, f)
        found = {"output": self.shaped(output, f.lead), "loss": np.reshape(
            loss, f.lead if np.ndim(loss) else ()), "cluster": f.cluster, "head_column": f.column,
            "head_logits": f.z, "head_log_prob": f.a}
        for i in range(self.J):
            found |= {f"tail.{i}.relative_target": f.place[i], f"tail.{i}.hidden": f.hidden[i],
                      f"tail.{i}.logits": f.t[i], f"tail.{i}.log_prob": f.b[i]}
        return found

    # ---------------------------------------------------------------- backward

    def of_loss(self, grad_loss, f):
        """What dL/d loss is for each row's output: (N,)."""
        kind = self.config.get("reduction", "mean")
        scale = max(len(f.kept), 1) if kind == "mean" else 1
        return 0 - np.broadcast_to(np.reshape(grad_loss, -1) / scale, (f.n,))

    def upstream(self, grad_output, grad_loss, f):
        """dL/d output: (N,)."""
        return np.reshape(grad_output, -1) + self.of_loss(grad_loss, f)

    def pick_backward(self, log_p, index, q):
        return pick_backward(log_p, index, q)

    def head_logit_gradient(self, f, q):
        return self.scored_backward(f, q[f.kept])

    def tail_logit_gradient(self, f, q, i):
        return self.pick_backward(f.b[i], f.place[i], q[f.rows[i]])

    def weight_gradient(self, dy, x):
        return dy.T @ x

    def head_weight_gradient(self, dz, x):
        return self.weight_gradient(dz, x)

    def bias_gradient(self, dz):
        return bias_backward(dz)

    def tail_bias_gradient(self, dt):
        return bias_backward(dt)

    def output_weight_gradient(self, dt, hidden, i):
        return self.weight_gradient(dt, hidden)

    def hidden_gradient(self, dt, i):
        return dt @ self.output_weight(i)

    def projection_gradient(self, ds, x, i):
        return self.weight_gradient(ds, x)

    def head_to_input(self, dz):
        return dz @ self.head_weight()

    def tail_to_input(self, ds, i):
        return ds @ self.projection(i)

    def scatter(self, dx, rows, part):
        """Add what a tail has for the input to its rows."""
        dx[rows] += part

    def pull_back(self, f, dz, dt):
        """Every gradient, from those of the scores."""
        dx = np.zeros(f.x.shape, f.x.dtype)
        dx[f.kept] = self.head_to_input(dz)
        found = {"grad.head_logits": dz, "grad.head.weight":
                 self.head_weight_gradient(dz, f.x[f.kept])}
        if self.head_bias() is not None:
            found["grad.head.bias"] = self.bias_gradient(dz)
        for i, rows in enumerate(f.rows):
            ds = self.hidden_gradient(dt[i], i)
            self.scatter(dx, rows, self.tail_to_input(ds, i))
            found |= {f"grad.tail.{i}.logits": dt[i], f"grad.tail.{i}.hidden": ds,
                      f"grad.tail.{i}.1.weight": self.output_weight_gradient(
                          dt[i], f.hidden[i], i),
                      f"grad.tail.{i}.0.weight": self.projection_gradient(ds, f.x[rows], i)}
            if self.tail_bias(i) is not None:
                found[f"grad.tail.{i}.1.bias"] = self.tail_bias_gradient(dt[i])
        found["grad.input"] = self.input_rows(dx, f)
        return self.finish(found)

    def input_rows(self, dx, f):
        return dx.reshape((*f.lead, dx.shape[-1]))

    def finish(self, gradients):
        """The gradients as they are handed out."""
        return gradients

    def backward(self, x, y, cotangents):
        f = self.compute(self.read_input(x), y)
        q = self.upstream(cotangents.get("output", np.zeros(f.lead, f.x.dtype)),
                          cotangents.get("loss", f.x.dtype.type(0)), f)
        dz = self.head_logit_gradient(f, q)
        return self.pull_back(f, dz, [self.tail_logit_gradient(f, q, i) for i in range(self.J)])

    # ---------------------------------------------------------------- all classes

    def everywhere(self, x):
        """Every row through the head and through every tail."""
        self.check_features(x)
        f = SimpleNamespace(lead=x.shape[:-1], x=x.reshape(-1, x.shape[-1]))
        f.n = f.x.shape[0]
        f.kept = np.arange(f.n)
        f.rows = [f.kept] * self.J
        f.z = self.head_logits(f.x)
        f.a = self.head_log_softmax(f.z)
        f.hidden = [self.hidden(f.x, i) for i in range(self.J)]
        f.t = [self.tail_logits(h, i) for i, h in enumerate(f.hidden)]
        f.b = [self.tail_log_softmax(t, f.x, i) for i, t in enumerate(f.t)]
        return f

    def shortlist(self, f):
        """Log-probabilities of the shortlist's classes: (N, s)."""
        return f.a[:, :self.s]

    def log_prob_column(self, i):
        return self.column_of(i)

    def all_classes(self, f):
        """(N, C) from the head's and the tails' log-probabilities."""
        tails = [self.join(f.a[:, self.log_prob_column(i), None], b) for i, b in enumerate(f.b)]
        return np.concatenate([self.shortlist(f), *tails], axis=1)

    def log_prob(self, x):
        f = self.everywhere(self.read_input(x))
        return self.shaped(self.all_classes(f), f.lead)

    def column_cotangent(self, g):
        """What the column of a tail receives from its classes' cotangents g (N, O): (N,)."""
        return g.sum(-1)

    def log_softmax_backward(self, log_p, g):
        return log_softmax_backward(log_p, g)

    def log_prob_backward(self, x, grad):
        f = self.everywhere(self.read_input(x))
        grad = grad.reshape(f.n, -1)
        parts = [grad[:, a:b] for a, b in zip(self.edges, self.edges[1:])]
        head = np.zeros_like(f.a)
        head[:, :self.s] = grad[:, :self.s]
        for i, part in enumerate(parts):
            head[:, self.column_of(i)] = self.column_cotangent(part)
        dt = [self.log_softmax_backward(b, part) for b, part in zip(f.b, parts)]
        return self.pull_back(f, self.log_softmax_backward(f.a, head), dt)

    # ---------------------------------------------------------------- the best

    def best(self, f):
        """The most probable class of each row: that of the head's scores, if it is a class."""
        top = f.z.argmax(-1)
        return np.where(top < self.s, top, self.all_classes(f).argmax(-1))

    def predict(self, x):
        f = self.everywhere(self.read_input(x))
        best = self.best(f) if f.n else np.zeros(0, np.int64)
        return self.shaped(best, f.lead)

    def ranked(self, f):
        """(N, C): log-probabilities by which the best are chosen."""
        return self.all_classes(f)

    def topk(self, x, k):
        f = self.everywhere(self.read_input(x))
        log_p = self.ranked(f)
        order = np.argsort(-log_p, axis=-1, kind="stable")[:, :k]
        return {"topk.log_prob": self.shaped(np.take_along_axis(log_p, order, -1), f.lead),
                "topk.index": self.shaped(order, f.lead)}
