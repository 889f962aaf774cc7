"""Exercises on the calculus of one softmax: forward, and each step's backward."""
import numpy as np

from npadasoft import functional, gradcheck
from npadasoft.exercises.exercise import Case, Exercise, Mistake
from npadasoft.exercises.rounding import eighths, log_p, logits, logits_of_all

linear, log_softmax, pick = functional.linear, functional.log_softmax, functional.pick


# ------------------------------------------------------------------ linear

def _linear_cases():
    rng = np.random.default_rng(3)
    found = []
    for n, i, o in [(3, 3, 3), (2, 3, 4), (4, 1, 2)]:
        x, weight, bias, dy = (eighths(rng, *s) for s in ((n, i), (o, i), (o,), (n, o)))
        found += [Case("linear", {"x": x, "weight": weight}, ("y",), linear(x, weight)),
                  Case("linear", {"x": x, "weight": weight, "bias": bias}, ("y",),
                       linear(x, weight, bias)),
                  Case("linear_backward", {"dy": dy, "x": x, "weight": weight}, ("dx", "dweight"),
                       functional.linear_backward(dy, x, weight))]
    return sorted(found, key=lambda case: case.function)


def _linear_check(functions):
    rng = np.random.default_rng(0)
    point = {"x": eighths(rng, 2, 3), "weight": eighths(rng, 4, 3)}

    def backward(p, dy):
        dx, dweight = functions["linear_backward"](dy, p["x"], p["weight"])
        return {"x": dx, "weight": dweight}
    return gradcheck.check(lambda p: linear(p["x"], p["weight"]), point, backward)


LINEAR = Exercise(
    "e03_linear", {"linear": linear, "linear_backward": functional.linear_backward},
    (linear, functional.linear_backward), _linear_cases,
    {"weight-not-transposed": Mistake(
        "a row of weight belongs to one output: x @ weight.T",
        {"linear": lambda x, weight, bias=None: x @ weight + (0 if bias is None else bias)}),
     "no-bias": Mistake("the bias is not added",
                        {"linear": lambda x, weight, bias=None: x @ weight.T}),
     "dx-with-the-transpose": Mistake(
         "forward went through weight.T, so backward goes through weight: dx = dy @ weight",
         {"linear_backward": lambda dy, x, weight: (dy @ weight.T, dy.T @ x)}),
     "dweight-transposed": Mistake(
         "dweight has the shape of weight, (O, I): dy.T @ x",
         {"linear_backward": lambda dy, x, weight: (dy @ weight, x.T @ dy)}),
     "mean-over-rows": Mistake(
         "the rows are summed in dweight; a mean is the business of the loss",
         {"linear_backward": lambda dy, x, weight: (dy @ weight, dy.T @ x / len(x))}),
     "answers-swapped": Mistake(
         "first dx, then dweight",
         {"linear_backward": lambda dy, x, weight: (dy.T @ x, dy @ weight)})},
    ("y[n, o] = Σ_i x[n, i] weight[o, i] + bias[o]: write dL/dx[n, i] by the chain rule.",
     "Each backward is a matrix product of the two that are there, in the one order whose shapes "
     "fit.", "x @ weight.T (+ bias);  dy @ weight, dy.T @ x"), check=_linear_check)


# ------------------------------------------------------------------ log_softmax

def _scores():
    """Scores (N, K) in eighths: ordinary, confident, large, and rows that have little in common."""
    rng = np.random.default_rng(4)
    return [eighths(rng, 3, 4), np.array([[2.0**30, 2.0**30 + 0.5], [-1000.0, -1001.0]]),
            np.array([[50.0, 0.0, -1.5], [0.25, 0.5, 60.0]]), eighths(rng, 2, 1)]


def _log_softmax_cases():
    return [Case("log_softmax", {"z": z}, ("log_p",), log_softmax(z),
                 log_p(log_softmax(z), z.shape[1])) for z in _scores()]


def _textbook(z, axis=-1):
    t = z - z.max(axis, keepdims=True)
    return t - np.log(np.exp(t).sum(-1, keepdims=True))


def _over(axis):
    def over(z):
        t = z - z.max(axis)
        return t - np.log(np.exp(t).sum(axis))
    return over


def _top_counted_twice(z):
    t = z - z.max(-1, keepdims=True)
    return t - np.log1p(np.exp(t).sum(-1, keepdims=True))


def _shift_added_back(z):
    m = z.max(-1, keepdims=True)
    return z - (m + (-log_softmax(z).max(-1, keepdims=True)))


LOG_SOFTMAX = Exercise(
    "e04_log_softmax", {"log_softmax": log_softmax}, (log_softmax, functional.normalise),
    _log_softmax_cases,
    {"no-shift": Mistake("exp of a large score overflows: subtract the largest of the row first",
                         {"log_softmax": lambda z: z - np.log(np.exp(z).sum(-1, keepdims=True))}),
     "one-shift-for-all": Mistake(
         "exp of a row far below the largest score of all is 0: subtract the row's own largest",
         {"log_softmax": lambda z: _textbook(z, axis=None)}),
     "log-of-one-plus-s": Mistake(
         "log(1 + s) is 0 as soon as s is below 1e-16: leave the largest entry out of the sum and "
         "take log1p", {"log_softmax": _textbook}),
     "wrong-axis": Mistake("each row is a softmax of its own: the largest and the sum are taken "
                           "along axis -1", {"log_softmax": _over(0)}),
     "top-counted-twice": Mistake(
         "log1p adds the 1 of the largest entry: it has to be left out of the sum",
         {"log_softmax": _top_counted_twice}),
     "shift-added-back": Mistake(
         "the largest score swallows log1p(s) when they are added: subtract them one after the "
         "other", {"log_softmax": _shift_added_back}),
     "probabilities": Mistake("these are probabilities: the answer is their logarithm",
                              {"log_softmax": lambda z: np.exp(log_softmax(z))})},
    ("Two rows break the textbook's formula: one with large scores, one whose winner is clear.",
     "Subtract the largest score of the row; then log(1 + s) with s the sum of the other exp's.",
     "t = z - z[top]; s = the sum of exp(t) without the entry `top` (set it to 0); t - log1p(s)."))


# ------------------------------------------------------------------ pick and its backward

def _picks():
    """(log_p, index, q) with the clear winner picked, and not."""
    rng = np.random.default_rng(5)
    scores = [eighths(rng, 3, 3), eighths(rng, 4, 3), np.array([[50.0, 0.0, -1.5],
                                                                [0.25, 40.0, 2.0]])]
    index = [np.array([2, 0, 0]), np.array([1, 1, 0, 2]), np.array([0, 2])]
    return [(log_softmax(z), i, eighths(rng, len(i)) - 2.125) for z, i in zip(scores, index)]


def _pick_cases():
    return [Case("pick", {"log_p": lp, "index": i}, ("picked",), pick(lp, i))
            for lp, i, _ in _picks()]


PICK = Exercise(
    "e05_pick", {"pick": pick}, (pick,), _pick_cases,
    {"columns-for-every-row": Mistake(
        "[:, index] takes these columns of every row: pair each row with its own entry",
        {"pick": lambda log_p, index: log_p[:, index]}),
     "rows-and-columns-swapped": Mistake(
         "the first index is the row: log_p[n, index[n]]",
         {"pick": lambda log_p, index: log_p[index % len(log_p), np.arange(len(index))
                                             % log_p.shape[1]]}),
     "negative-log": Mistake("the loss has the minus sign; this is log p itself",
                             {"pick": lambda log_p, index: -log_p[np.arange(len(index)), index]}),
     "largest": Mistake("what is picked is the entry of the index, not the largest",
                        {"pick": lambda log_p, index: log_p.max(-1)}),
     "summed": Mistake("one number a row: nothing is summed yet",
                       {"pick": lambda log_p, index: pick(log_p, index).sum()})},
    ("One number of each row.", "NumPy pairs two index arrays of one length element by element.",
     "log_p[np.arange(len(index)), index]"))


def _pick_backward_cases():
    return [Case("pick_backward", {"log_p": lp, "index": i, "grad": q}, ("dz",),
                 functional.pick_backward(lp, i, q), logits(lp, i, q)[1]) for lp, i, q in _picks()]


def _pick_backward(scale=lambda q: q, sign=1.0):
    def backward(log_p, index, grad):
        return sign * functional.pick_backward(log_p, index, scale(grad))
    return backward


def _one_minus_p(log_p, index, grad):
    return grad[:, None] * (np.eye(log_p.shape[1])[index] - np.exp(log_p))


def _grad_on_the_picked_alone(log_p, index, grad):
    dz = -np.exp(log_p)
    dz[np.arange(len(index)), index] += grad
    return dz


def _pick_check(functions):
    rng = np.random.default_rng(0)
    index = np.array([2, 0])
    return gradcheck.check(
        lambda p: pick(log_softmax(p["z"]), index), {"z": eighths(rng, 2, 3)},
        lambda p, q: {"z": functions["pick_backward"](log_softmax(p["z"]), index, q)})


PICK_BACKWARD = Exercise(
    "e06_pick_backward", {"pick_backward": functional.pick_backward}, (functional.pick_backward,),
    _pick_backward_cases,
    {"one-minus-p": Mistake(
        "1 - p cancels to 0 when p is near 1: the picked entry is -grad * expm1(log p)",
        {"pick_backward": _one_minus_p}),
     "sign": Mistake("the other sign: grad is dL/d(log p), and log p rises with its own score",
                     {"pick_backward": _pick_backward(sign=-1.0)}),
     "upstream-forgotten": Mistake("each row is multiplied by its grad",
                                   {"pick_backward": _pick_backward(np.ones_like)}),
     "mean-over-rows": Mistake("nothing is divided by the number of rows here: that is in grad",
                               {"pick_backward": _pick_backward(lambda q: q / len(q))}),
     "upstream-on-the-picked-alone": Mistake(
         "grad multiplies the whole row, not the picked entry alone",
         {"pick_backward": _grad_on_the_picked_alone}),
     "picked-entry-forgotten": Mistake(
         "the picked entry has the extra term: (k = index[n]) - p[n, k]",
         {"pick_backward": lambda log_p, index, grad: -grad[:, None] * np.exp(log_p)})},
    ("log p[picked] = z[picked] - log Σ exp(z): differentiate by z[k].",
     "Every entry is -grad p; the picked one is grad (1 - p). And 1 - p?",
     "dz = -grad[:, None] * exp(log_p); dz[n, index] = -grad * expm1(log_p[n, index])"),
    check=_pick_check)


# ------------------------------------------------------------------ backward of log_softmax

def _softmax_cases():
    rng = np.random.default_rng(7)
    found = []
    for z in _scores()[:3]:
        lp, grad = log_softmax(z), eighths(rng, *z.shape) + 0.0625
        if z.max() == 60:               # where the others have no grad, 1 - p alone is left
            grad = np.array([[1.5, 2.0**-66, 0.0], [0.0, 0.0, -2.0]])
        found.append(Case("log_softmax_backward", {"log_p": lp, "grad": grad}, ("dz",),
                          functional.log_softmax_backward(lp, grad), logits_of_all(lp, grad)[1]))
    return found


def _rho(rho):
    """The backward with another factor before p."""
    return lambda log_p, grad: grad - rho(grad, np.exp(log_p)) * np.exp(log_p)


def _top(others, p=np.exp):
    """The backward with another sum of the others' grads, or another p, at the largest."""
    def backward(log_p, grad):
        rows, top = np.arange(len(log_p)), log_p.argmax(-1)
        dz, best = _rho(lambda g, p: g.sum(-1, keepdims=True))(log_p, grad), log_p[rows, top]
        dz[rows, top] = -np.expm1(best) * grad[rows, top] - p(best) * others(grad, rows, top)
        return dz
    return {"log_softmax_backward": backward}


def _others(grad, rows, top):
    rest = grad.copy()
    rest[rows, top] = 0
    return rest.sum(-1)


def _softmax_check(functions):
    rng = np.random.default_rng(0)
    return gradcheck.check(
        lambda p: log_softmax(p["z"]), {"z": eighths(rng, 2, 3)},
        lambda p, grad: {"z": functions["log_softmax_backward"](log_softmax(p["z"]), grad)})


LOG_SOFTMAX_BACKWARD = Exercise(
    "e07_log_softmax_backward", {"log_softmax_backward": functional.log_softmax_backward},
    (functional.log_softmax_backward,), _softmax_cases,
    {"cancels": Mistake(
        "grad - p * (sum of the row's grads) cancels at the entry of the largest probability: form "
        "it as (1 - p) grad - p * (sum of the other grads), with 1 - p = -expm1(log p)",
        {"log_softmax_backward": _rho(lambda g, p: g.sum(-1, keepdims=True))}),
     "others-by-subtraction": Mistake(
         "the sum of the row minus the entry's own grad loses the others where they are small: set "
         "that grad to 0 in a copy, and sum",
         _top(lambda grad, rows, top: grad.sum(-1) - grad[rows, top])),
     "p-before-the-others-forgotten": Mistake(
         "the sum of the other grads is multiplied by p, too: (1 - p) grad - p * (their sum)",
         _top(_others, np.ones_like)),
     "sum-taken-for-one": Mistake("p is multiplied by the sum of the row's grads",
                                  {"log_softmax_backward": _rho(lambda g, p: 1.0)}),
     "own-grad-alone": Mistake("every grad reaches every score: the sum of the row, not grad p",
                               {"log_softmax_backward": _rho(lambda g, p: g)}),
     "mean": Mistake("the grads of the row are summed, not averaged",
                     {"log_softmax_backward": _rho(lambda g, p: g.mean(-1, keepdims=True))}),
     "of-softmax": Mistake(
         "that is the backward of softmax: of its logarithm it is grad - p * (sum of grad)",
         {"log_softmax_backward": lambda log_p, grad: np.exp(log_p) * (
             grad - (grad * np.exp(log_p)).sum(-1, keepdims=True))}),
     "wrong-axis": Mistake("the sum is taken over the row, along axis -1",
                           {"log_softmax_backward": _rho(lambda g, p: g.sum(0))})},
    ("dL/d z[k] is the sum over j of grad[j] * d log_p[j] / d z[k].",
     "dz = grad - p * (sum of the row's grads). Then look at the entry where p is nearly 1.",
     "At the largest: -expm1(log_p) * grad - p * (sum of the others' grads)."),
    check=_softmax_check)

EXERCISES = (LINEAR, LOG_SOFTMAX, PICK, PICK_BACKWARD, LOG_SOFTMAX_BACKWARD)
