"""Exercises on the layer: forward and backward, the whole distribution and its transpose.

    N rows   D in_features   C classes   s short-list   J tails   K columns of the head
"""
import numpy as np

from npadasoft import AdaptiveLogSoftmaxWithLoss as Layer
from npadasoft import gradcheck
from npadasoft.exercises.exercise import Case, Exercise, Mistake
from npadasoft.exercises.places import CUTOFFS, ROUTE
from npadasoft.exercises.rounding import (eighths, log_p, logits, logits_of_all, product, total,
                                          transposed)
from npadasoft.functional import log_softmax, log_softmax_backward, pick, pick_backward

route = ROUTE.ours["route"]


def weights_of(rng):
    """Weights in eighths under PyTorch's names: D = 4, cutoffs (3, 5, 9), hidden sizes 2 and 1."""
    return {"head.weight": eighths(rng, 5, 4),
            "tail.0.0.weight": eighths(rng, 2, 4), "tail.0.1.weight": eighths(rng, 2, 2),
            "tail.1.0.weight": eighths(rng, 1, 4), "tail.1.1.weight": eighths(rng, 4, 1)}


def scores(x, weights, i):
    """(hidden, log p) of tail i."""
    hidden = x @ weights[f"tail.{i}.0.weight"].T
    return hidden, log_softmax(hidden @ weights[f"tail.{i}.1.weight"].T)


def _batches():
    rng = np.random.default_rng(9)
    for target in ([0, 3, 8, 4], [5, 2, 7], [1, 4]):    # the last ones leave a tail without a row
        yield {"x": eighths(rng, len(target), 4), "target": np.array(target),
               "weights": weights_of(rng), "cutoffs": CUTOFFS}


# ------------------------------------------------------------------ forward

def _ours(x, target, weights, cutoffs):
    output, loss = Layer.from_state_dict(weights)(x, target)
    return output, loss


def _forward_cases():
    for batch in _batches():
        output, loss = _ours(**batch)
        yield Case("forward", batch, ("output", "loss"), (output, loss),
                   (log_p(output, 5), log_p(loss, 5 + len(output))))


def _forward(head=True, tail=True, loss=lambda output: -output.mean(), width=None):
    def forward(x, target, weights, cutoffs):
        column, rows, places = route(target, cutoffs)
        a = x @ weights["head.weight"].T
        a = log_softmax(a) if width is None else np.concatenate(
            [log_softmax(a[:, :cutoffs[0]]), log_softmax(a[:, cutoffs[0]:])], axis=1)
        output = pick(a, column).astype(np.result_type(x, *weights.values()))
        for i, found in enumerate(rows):
            b = pick(scores(x[found], weights, i)[1], places[i])
            output[found] = head * output[found] + tail * b
        return output, loss(output)
    return {"forward": forward}


FORWARD = Exercise(
    "e09_forward", {"forward": _ours}, (Layer.forward, Layer._logits, Layer._gather),
    lambda: list(_forward_cases()),
    {"tail-alone": Mistake("a tail's class has two terms: its column of the head, and its place in "
                           "the tail", _forward(head=False)),
     "head-alone": Mistake("the column of the head says which tail; the class within it has a term "
                           "of its own", _forward(tail=False)),
     "sum": Mistake("the loss is the mean over the rows, not their sum",
                    _forward(loss=lambda output: -output.sum())),
     "sign": Mistake("the loss is the mean of -output",
                     _forward(loss=lambda output: output.mean())),
     "head-in-two": Mistake("the head is one softmax over the short-list and the tails' columns "
                            "together", _forward(width=2))},
    ("Every row goes through the head, with its column of `route`; each tail takes its own rows.",
     "Tail i: hidden = linear(x[rows[i]], projection), then log_softmax(linear(hidden, weight)).",
     "output = pick(head, column); output[rows[i]] += pick(tail, place[i]); loss = -output.mean()"),
    uses=("e03_linear", "e04_log_softmax", "e05_pick", "e08_route"))


# ------------------------------------------------------------------ backward

def _our_backward(x, target, weights, cutoffs):
    layer = Layer.from_state_dict(weights)
    gradients = layer.backward(layer.forward(x, target)[1])
    return gradients.input, dict(gradients.parameters.items())


def _pulled(x, weights, head, tails):
    """Bounds of (dx, gradients) for (size, bound) of the head's dL/dz, (rows, pair) of tails."""
    found = {"head.weight": product(transposed(head), x)[1]}
    dx = [product(head, weights["head.weight"])]
    for i, (rows, pair) in enumerate(tails):
        ds = product(pair, weights[f"tail.{i}.1.weight"])
        found[f"tail.{i}.0.weight"] = product(transposed(ds), x[rows])[1]
        found[f"tail.{i}.1.weight"] = product(transposed(pair), scores(x[rows], weights, i)[0])[1]
        through = product(ds, weights[f"tail.{i}.0.weight"])
        dx.append(tuple(np.zeros_like(x) for _ in through))
        for part, value in zip(dx[-1], through):
            part[rows] = value
    return total(*dx)[1], found


def _backward_cases():
    for batch in _batches():
        x, target, weights, cutoffs = batch.values()
        column, rows, places = route(target, cutoffs)
        q = np.full(len(x), -1 / len(x))
        head = logits(log_softmax(x @ weights["head.weight"].T), column, q)
        tails = [(r, logits(scores(x[r], weights, i)[1], places[i], q[r]))
                 for i, r in enumerate(rows)]
        yield Case("backward", batch, ("dx", "gradients"), _our_backward(**batch),
                   _pulled(x, weights, head, tails))


def _backward(q=lambda n: -1 / n, through_head=True, dx_of_tails=1, unused=True, own_rows=True,
              of_tails=lambda q: q):
    def backward(x, target, weights, cutoffs):
        column, rows, places = route(target, cutoffs)
        grad = np.full(len(x), q(len(x)))
        dz = pick_backward(log_softmax(x @ weights["head.weight"].T), column, grad)
        if not through_head:
            dz[column >= cutoffs[0]] = 0
        dx, found = dz @ weights["head.weight"], {"head.weight": dz.T @ x}
        for i, r in enumerate(rows):
            if not unused and not len(r):
                continue
            hidden, b = scores(x[r], weights, i)
            dt = pick_backward(b, places[i], of_tails(grad[r]))
            ds = dt @ weights[f"tail.{i}.1.weight"]
            found[f"tail.{i}.0.weight"] = ds.T @ (x[r] if own_rows else x[:len(r)])
            found[f"tail.{i}.1.weight"] = dt.T @ hidden
            dx[r] = (dx_of_tails != "only") * dx[r] + (dx_of_tails != 0) * (
                ds @ weights[f"tail.{i}.0.weight"])
        return dx, found
    return {"backward": backward}


def _point(n):
    """A batch of n rows and weights for gradcheck, which needs no exact sums."""
    rng = np.random.default_rng(0)
    return {"x": rng.normal(size=(n, 4)),
            "weights": {key: rng.normal(size=w.shape) for key, w in weights_of(rng).items()}}


def _backward_check(functions):
    target = np.array([0, 3, 8, 4])

    def backward(p):
        dx, found = functions["backward"](p["x"], target, p["weights"], CUTOFFS)
        return {"x": dx, "weights": found}
    forward = _forward()["forward"]
    return gradcheck.check(lambda p: forward(p["x"], target, p["weights"], CUTOFFS)[1], _point(4),
                           backward, method="complex")


BACKWARD = Exercise(
    "e10_backward", {"backward": _our_backward},
    (Layer.backward, Layer._logit_gradients, Layer._pull_back), lambda: list(_backward_cases()),
    {"not-the-mean": Mistake("the loss is a mean: every row begins with -1 / N",
                             _backward(q=lambda n: -1.0)),
     "mean-of-the-tail": Mistake(
         "the mean is over all N rows, in a tail too: -1 / N, not -1 / len(rows)",
         _backward(of_tails=lambda q: np.full(len(q), -1 / max(1, len(q))))),
     "sign": Mistake("the loss is minus the mean: every row begins with -1 / N",
                     _backward(q=lambda n: 1 / n)),
     "dx-overwritten": Mistake("a tail adds to what the head gave its rows: dx[rows] += ...",
                               _backward(dx_of_tails="only")),
     "dx-of-the-head-alone": Mistake("the rows of a tail get a part of dx through it, too",
                                     _backward(dx_of_tails=0)),
     "tails-skip-the-head": Mistake("a row of a tail goes through the head, too, by the tail's "
                                    "column", _backward(through_head=False)),
     "unused-tail-left-out": Mistake("a tail without a row has a gradient of zeros",
                                     _backward(unused=False)),
     "other-rows": Mistake("the projection of a tail saw x[rows], not the first rows of the batch",
                           _backward(own_rows=False))},
    ("Go through forward from its end to its beginning; a sum forward is a copy backward.",
     "dL/d output is -1 / N for every row; pick_backward, then linear_backward, for the head and "
     "for each tail.",
     "Tail: dt = pick_backward(b, place, q[rows]); ds, dU = linear_backward(dt, hidden, U); "
     "dx_rows, dP = linear_backward(ds, x[rows], P); dx[rows] += dx_rows."),
    uses=("e03_linear", "e04_log_softmax", "e06_pick_backward", "e08_route"),
    check=_backward_check)


# ------------------------------------------------------------------ log_prob and its transpose

def _all(x, weights, cutoffs):
    return Layer.from_state_dict(weights).log_prob(x)


def _log_prob_cases():
    for batch in _batches():
        del batch["target"]
        want = _all(**batch)
        yield Case("log_prob", batch, ("log_p",), want, log_p(want, 5))


def _log_prob(column=lambda a, s, i: a[:, s + i], reverse=False, width=None, end=lambda a: a):
    def log_prob(x, weights, cutoffs):
        a, s = log_softmax(x @ weights["head.weight"].T), cutoffs[0]
        tails = [column(a, s, i)[:, None] + scores(x, weights, i)[1]
                 for i in range(len(cutoffs) - 1)]
        first = a[:, :s] if width is None else log_softmax(a[:, :s])
        return end(np.concatenate([first, *(tails[::-1] if reverse else tails)], axis=1))
    return {"log_prob": log_prob}


LOG_PROB = Exercise(
    "e11_log_prob", {"log_prob": _all}, (Layer.log_prob,), lambda: list(_log_prob_cases()),
    {"tails-alone": Mistake("each class of a tail has the log-probability of its tail's column "
                            "added", _log_prob(column=lambda a, s, i: 0 * a[:, s])),
     "one-column": Mistake("each tail has a column of its own: s + i",
                           _log_prob(column=lambda a, s, i: a[:, s])),
     "tails-backwards": Mistake("the classes stand in their own order, tail 0 first",
                                _log_prob(reverse=True)),
     "short-list-alone": Mistake("the short-list is normalised together with the tails' columns",
                                 _log_prob(width=3)),
     "probabilities": Mistake("these are probabilities: the answer is their logarithm",
                              _log_prob(end=np.exp))},
    ("Now every row goes through every tail.", "The short-list's columns are the head's first s.",
     "np.concatenate([a[:, :s], a[:, s:s + 1] + b_0, a[:, s + 1:s + 2] + b_1, ...], axis=1)"),
    uses=("e03_linear", "e04_log_softmax"))


def _our_transpose(x, grad, weights, cutoffs):
    gradients = Layer.from_state_dict(weights).log_prob_backward(x, grad)
    return gradients.input, dict(gradients.parameters.items())


def _transpose(columns=lambda part: part.sum(-1), pull=_pulled, tails=1, step=log_softmax_backward,
               of_head=lambda dz, s: dz):
    """The transpose; with `logits_of_all` and `_pulled` in place of the steps, its bounds."""
    def log_prob_backward(x, grad, weights, cutoffs):
        s, a = cutoffs[0], log_softmax(x @ weights["head.weight"].T)
        parts = [grad[:, c:d] for c, d in zip(cutoffs, cutoffs[1:])]
        dhead = np.concatenate([grad[:, :s], *(columns(p)[:, None] for p in parts)], axis=1)
        each = [(slice(None), step(scores(x, weights, i)[1], part))
                for i, part in enumerate(parts)]
        return pull(x, weights, of_head(step(a, dhead), s), each)

    def values(x, weights, dz, each):
        dx, found = dz @ weights["head.weight"], {"head.weight": dz.T @ x}
        for i, (_, dt) in enumerate(each):
            ds = dt @ weights[f"tail.{i}.1.weight"]
            found[f"tail.{i}.0.weight"] = ds.T @ x
            found[f"tail.{i}.1.weight"] = dt.T @ scores(x, weights, i)[0]
            dx = dx + tails * (ds @ weights[f"tail.{i}.0.weight"])
        return dx, found
    if pull is None:
        pull = values
    return {"log_prob_backward": log_prob_backward}


def _transposes():
    rng = np.random.default_rng(12)
    for batch in _batches():
        x, _, weights, cutoffs = batch.values()
        yield {"x": x, "grad": eighths(rng, len(x), 9) + 0.0625, "weights": weights,
               "cutoffs": cutoffs}


def _transpose_cases():
    bounds = _transpose(step=logits_of_all)["log_prob_backward"]
    return [Case("log_prob_backward", batch, ("dx", "gradients"), _our_transpose(**batch),
                 bounds(**batch)) for batch in _transposes()]


def _transpose_check(functions):

    def backward(p, grad):
        dx, found = functions["log_prob_backward"](p["x"], grad, p["weights"], CUTOFFS)
        return {"x": dx, "weights": found}
    log_prob = _log_prob()["log_prob"]
    return gradcheck.check(lambda p: log_prob(p["x"], p["weights"], CUTOFFS), _point(3), backward,
                           method="complex")


TRANSPOSE = Exercise(
    "e12_log_prob_backward", {"log_prob_backward": _our_transpose}, (Layer.log_prob_backward,),
    _transpose_cases,
    {"short-list-alone": Mistake("a tail's column of the head gets the sum of its classes' grads, "
                                 "not 0", _transpose(lambda part: 0 * part[:, 0], None)),
     "columns-of-the-tails-dropped": Mistake(
         "the head's columns of the tails have a gradient, too: all s + J rows of its weight",
         _transpose(pull=None, of_head=lambda dz, s: dz * (np.arange(dz.shape[1]) < s))),
     "mean-over-classes": Mistake("a tail's column gets the sum of its classes' grads, no mean",
                                  _transpose(lambda part: part.mean(-1), None)),
     "first-class-alone": Mistake("a tail's column was added to every one of its classes: sum "
                                  "their grads", _transpose(lambda part: part[:, 0], None)),
     "dx-of-the-head-alone": Mistake("dx has a part from each tail, too",
                                     _transpose(pull=None, tails=0)),
     "not-normalised": Mistake("each log_softmax has its own backward: grad alone forgets what "
                               "normalises", _transpose(pull=None, step=lambda lp, grad: grad))},
    ("What was added to many classes forward is summed over them backward.",
     "The head's grad: the short-list's own columns, then one sum for each tail.",
     "dhead = [grad[:, :s], sums of grad over each tail]; log_softmax_backward, then "
     "linear_backward, for the head and for each tail; dx is the sum."),
    uses=("e03_linear", "e04_log_softmax", "e07_log_softmax_backward"), check=_transpose_check)

EXERCISES = (FORWARD, BACKWARD, LOG_PROB, TRANSPOSE)
