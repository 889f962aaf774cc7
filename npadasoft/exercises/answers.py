"""Exercises on answers: the best class, the k best, and a training step in little memory."""
import numpy as np

from npadasoft import AdaptiveLogSoftmaxWithLoss as Layer
from npadasoft import fused, search
from npadasoft.cutoffs import Cutoffs
from npadasoft.exercises.exercise import Case, Exercise, Mistake
from npadasoft.exercises.layer import LOG_PROB, scores, weights_of
from npadasoft.exercises.places import CUTOFFS
from npadasoft.exercises.rounding import U, eighths, log_p, logits, product, transposed
from npadasoft.functional import log_softmax, pick, pick_backward
from npadasoft.parameters import Cluster, Linear, Parameters

log_prob = LOG_PROB.ours["log_prob"]


# ------------------------------------------------------------------ predict

def _predict(x, weights, cutoffs):
    return Layer.from_state_dict(weights).predict(x)


def _predict_cases():
    rng = np.random.default_rng(13)
    cases = []
    for tied in (False, False, True):
        weights = weights_of(rng)
        if tied:                                        # classes 1 and 2 are equal, and often best
            weights["head.weight"][2] = weights["head.weight"][1] = 2.0
        x = eighths(rng, 12, 4)
        cases.append(Case("predict", {"x": x, "weights": weights, "cutoffs": CUTOFFS}, ("best",),
                          _predict(x, weights, CUTOFFS)))
    return cases


def _greedy(x, weights, cutoffs):
    column = (x @ weights["head.weight"].T).argmax(-1)
    best = column.copy()
    for i in range(len(cutoffs) - 1):
        rows = (column == cutoffs[0] + i).nonzero()[0]
        best[rows] = cutoffs[i] + scores(x[rows], weights, i)[1].argmax(-1)
    return best


def _raw(x, weights, cutoffs):
    a = x @ weights["head.weight"].T
    tails = [x @ weights[f"tail.{i}.0.weight"].T @ weights[f"tail.{i}.1.weight"].T
             for i in range(len(cutoffs) - 1)]
    return np.concatenate([a[:, :cutoffs[0]], *tails], axis=1).argmax(-1)


def _last(x, weights, cutoffs):
    found = log_prob(x, weights, cutoffs)
    return found.shape[1] - 1 - found[:, ::-1].argmax(-1)


PREDICT = Exercise(
    "e13_predict", {"predict": _predict}, (Layer.predict, search.predict, search._best_of_open),
    _predict_cases,
    {"greedy": Mistake("the best column may be a tail's and yet the best class in the short-list: "
                       "compare the log-probabilities of classes", {"predict": _greedy}),
     "column": Mistake("a column of the head is no class: a tail's column stands for many",
                       {"predict": lambda x, weights, cutoffs:
                        (x @ weights["head.weight"].T).argmax(-1)}),
     "short-list-alone": Mistake("a class of a tail may be the best, too",
                                 {"predict": lambda x, weights, cutoffs:
                                  (x @ weights["head.weight"].T)[:, :cutoffs[0]].argmax(-1)}),
     "scores-compared": Mistake("scores of different softmaxes cannot be compared: "
                                "log-probabilities can", {"predict": _raw}),
     "last-of-equals": Mistake("of equal classes the lowest", {"predict": _last})},
    ("A likely tail may hold many unlikely classes.",
     "The best class is that of the largest log-probability of all.",
     "log_prob(x, weights, cutoffs).argmax(-1)"), uses=("e11_log_prob",))


# ------------------------------------------------------------------ topk

class TailOpened(LookupError):
    """The weights of a tail were read that cannot hold one of the k best."""


class Sealed(dict):
    """Weights of which some may not be read."""

    sealed: tuple[str, ...] = ()

    def __getitem__(self, key):
        if key in self.sealed:
            raise TailOpened(f"{key} was read, but the tail's column of the head is below the k-th "
                             "best class")
        return super().__getitem__(key)


class _Tails(tuple):
    """The tails of weights, read when they are asked for."""

    weights: dict

    def __new__(cls, weights):
        tails = super().__new__(cls)
        tails.weights = weights
        return tails

    def __getitem__(self, i):
        return Cluster(*(Linear(self.weights[f"tail.{i}.{j}.weight"]) for j in (0, 1)))


def _topk(x, k, weights, cutoffs):
    parameters = Parameters(Linear(weights["head.weight"]), _Tails(weights))
    values, index = search.topk(x[None], parameters, Cutoffs(cutoffs[:-1], cutoffs[-1]), k)
    return values[0], index[0]


def _topk_cases():
    rng = np.random.default_rng(14)
    cases = []
    for n, k in enumerate((2, 9, 4, 1, 3, 2, 1, 3)):
        x, weights = eighths(rng, 4), Sealed(weights_of(rng))
        if n in (2, 4):                                 # classes 1 and 2 are equal
            weights["head.weight"][2] = weights["head.weight"][1]
        values, index = _topk(x, k, weights, CUTOFFS)
        columns = log_softmax((x @ weights["head.weight"].T)[None])[0, CUTOFFS[0]:]
        if n:                                           # the first may read them all
            weights.sealed = tuple(f"tail.{i}.{j}.weight" for i in range(2) for j in (0, 1)
                                   if columns[i] < values[-1])
        cases.append(Case("topk", {"x": x, "k": k, "weights": weights, "cutoffs": CUTOFFS},
                          ("log_p", "index"), (values, index), (log_p(values, 5), 0.0)))
    return cases


def _best(k, values):
    index = np.argsort(-values, kind="stable")[:k]
    return values[index], index


def _changed(change):
    def topk(x, k, weights, cutoffs):
        return change(x, k, weights, cutoffs, *_topk(x, k, weights, cutoffs))
    return {"topk": topk}


def _columns(x, k, weights, cutoffs, values, index):
    head = log_softmax((x @ weights["head.weight"].T)[None])[0]
    return _best(k, head)


def _kth(found, k):
    return np.sort(found)[-k]                           # -inf while there are fewer than k


def _searched(enough=_kth, order=slice(None)):
    """topk that stops at a column below `enough`, and takes equal classes in another order."""
    def topk(x, k, weights, cutoffs):
        head, s = log_softmax((x @ weights["head.weight"].T)[None])[0], cutoffs[0]
        row = np.full(cutoffs[-1], -np.inf)
        row[:s] = head[:s]
        for i in np.argsort(-head[s:], kind="stable"):
            if head[s + i] < enough(row, k):
                break
            row[cutoffs[i]:cutoffs[i + 1]] = head[s + i] + scores(x[None], weights, i)[1][0]
        values, place = _best(min(k, np.isfinite(row).sum()), row[order])
        return values, np.arange(len(row))[order][place]
    return {"topk": topk}


TOPK = Exercise(
    "e14_topk", {"topk": _topk}, (search.topk, search._rounds, search._tail_log_prob), _topk_cases,
    {"opens-all": Mistake(
        "no class of a tail is above the tail's column of the head: begin with the best column, "
        "and stop where a column is below the k-th best that you have",
        {"topk": lambda x, k, weights, cutoffs: _best(k, _whole_row(x, weights, cutoffs))}),
     "stops-at-the-best": Mistake(
         "a tail may hold one of the k best though its column is below the best: compare with the "
         "k-th best so far", _searched(
             lambda found, k: found.max() if np.isfinite(_kth(found, k)) else -np.inf)),
     "fewer-than-k": Mistake(
         "while fewer than k classes are there, go on to the next tail; then compare with the k-th "
         "best, not with the best", _searched(lambda found, k: found.max())),
     "last-of-equals": Mistake("of equal classes the lowest first",
                               _searched(order=slice(None, None, -1))),
     "ascending": Mistake("the best first", _changed(lambda *a: (a[4][::-1], a[5][::-1]))),
     "columns": Mistake("a column of the head is no class: open the tails that may hold one of the "
                        "k best", _changed(_columns)),
     "places": Mistake("the classes of tail i begin at cutoffs[i]: add it to the place", _changed(
         lambda *a: (a[4], a[5] - np.select([a[5] >= 5, a[5] >= 3], [5, 3], 0)))),
     "probabilities": Mistake("these are probabilities: log_p is their logarithm",
                              _changed(lambda *a: (np.exp(a[4]), a[5])))},
    ("log p of a class in a tail is its column of the head plus something that is at most 0.",
     "Keep the k best so far, of the short-list first; look at the tails by their columns, best "
     "first.",
     "Open tail i only while head[s + i] >= the k-th best so far (or fewer than k are there); "
     "merge, sort by -log_p, cut at k."), uses=("e03_linear", "e04_log_softmax"))


def _whole_row(x, weights, cutoffs):
    head, tails = log_softmax((x @ weights["head.weight"].T)[None])[0], []
    for i in range(len(cutoffs) - 1):
        tails.append(head[cutoffs[0] + i] + scores(x[None], weights, i)[1][0])
    return np.concatenate([head[:cutoffs[0]], *tails])


# ------------------------------------------------------------------ the blocked step

MEMORY = 2**18


def _step(hidden, index, weight, grad):
    dhidden, dweight = np.empty_like(hidden), np.empty_like(weight)
    part = fused.SubSoftmax(slice(None), index, None, weight, None)
    picked = fused.backpropagate([part], hidden, grad, MEMORY // 2, dhidden,
                                 [(None, dweight, None)])
    return picked, dhidden, dweight


def _step_cases():
    rng = np.random.default_rng(15)
    cases = []
    for n, k in ((3, 4), (250, 500)):
        hidden, weight = eighths(rng, n, 3), eighths(rng, k, 3)
        index, grad = rng.integers(0, k, n), eighths(rng, n) - 2.125
        lp = log_softmax(hidden @ weight.T)
        size, bound = logits(lp, index, grad)
        pair = size, bound + 2 * (k + 20) * U * size    # exp, sum and factor are rounded apart
        bounds = (log_p(pick(lp, index), k), product(pair, weight)[1],
                  product(transposed(pair), hidden)[1])
        arguments = {"hidden": hidden, "index": index, "weight": weight, "grad": grad}
        cases.append(Case("step", arguments, ("picked", "dhidden", "dweight"), _step(**arguments),
                          bounds, MEMORY))
    return cases


def _blocks(size=8, whole=True, add=True, sign=1, upstream=True):
    def step(hidden, index, weight, grad):
        picked, dhidden = np.zeros(len(index)), np.zeros_like(hidden)
        dweight = np.zeros_like(weight)
        for a in range(0, len(index) if whole else len(index) // size * size, size):
            rows = slice(a, a + size)
            lp = log_softmax(hidden[rows] @ weight.T)
            picked[rows] = pick(lp, index[rows])
            q = grad[rows] if upstream else np.ones_like(grad[rows])
            dz = sign * pick_backward(lp, index[rows], q)
            dhidden[rows] = dz @ weight
            dweight = add * dweight + dz.T @ hidden[rows]
        return picked, dhidden, dweight
    return {"step": step}


STEP = Exercise(
    "e15_step", {"step": _step}, (fused.backpropagate, fused._add, fused._whole,
                                  fused._exponentials), _step_cases,
    {"block-too-large": Mistake(
        "the block is too large: one row of 500 scores is 4 kB, and a block holds its scores, "
        "log_p, exp and dz at once: take few rows, and drop them before the next",
        _blocks(size=10**6)),
     "last-block-alone": Mistake("dweight is the sum over the blocks: +=", _blocks(add=False)),
     "rows-left-over": Mistake("the last block may be shorter: no row is left out",
                               _blocks(whole=False)),
     "sign": Mistake("grad is dL/d picked: there is no minus sign in it", _blocks(sign=-1)),
     "upstream-forgotten": Mistake("each row is multiplied by its grad", _blocks(upstream=False))},
    ("Nothing of a row is needed once its gradient is added: work on a few rows at a time.",
     "With R rows in a block there are R K scores, and log_p, and dz: count 8 bytes each.",
     "For each block of 8 rows: z, log_p, pick, dz = pick_backward(...), dhidden[rows] = dz @ "
     "weight, dweight += dz.T @ hidden[rows]."),
    uses=("e04_log_softmax", "e05_pick", "e06_pick_backward"))

EXERCISES = (PREDICT, TOPK, STEP)
