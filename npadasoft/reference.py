"""The definition of the adaptive log-softmax: one example, plain Python, any number type.

Read this file first.  It says *what* is computed, with loops and scalars and nothing else, and
everything else in the project is held against it.  `cutoffs` c_0 < c_1 < ... < c_J = C (the
number of classes) cut the classes, most frequent first, into a short-list of s = c_0 classes and J
tails (the paper calls them clusters):

    class                 0 ... s-1   |  c_0 ... c_1-1  |  c_1 ... c_2-1  |  ...
    lives in              short-list  |     tail 0      |     tail 1      |  ...
    column of the head    0 ... s-1   |       s         |      s+1        |  ...

The head is one softmax over the short-list and one column a tail; a tail is a softmax over its own
classes, reached through a small projection.  With A = log-probabilities of the head and B_i =
those of tail i:

    log p(k | x) = A[k]                         if k is in the short-list
                 = A[s + i] + B_i[k - c_i]      if k is in tail i

Numbers are whatever the caller brings: `float`, `decimal.Decimal`, `numpy.longdouble`.  The only
functions needed are `exp` and `log1p`, and the caller passes those of his type.  `parameters` is a
mapping from PyTorch's names to nested lists: `head.weight`, `head.bias` (may be absent), and
for i = 0, 1, ... `tail.{i}.0.weight` (the projection), `tail.{i}.1.weight` and `tail.{i}.1.bias`
(may be absent, too: neither the paper nor PyTorch has it, five other implementations do).

[Grave, Joulin, Cissé, Grangier, Jégou 2017, Efficient softmax approximation for GPUs, arXiv
1609.04309]
"""
from math import exp as _exp, log1p as _log1p


def hidden_size(in_features, div_value, i):
    """Width of the projection of tail `i`: Python's float floor-division."""
    return int(in_features // div_value ** (i + 1))


def locate(target, cutoffs):
    """Where class `target` lives: (tail, column of the head, place within the tail).

    Tail and place are None for a class of the short-list.  A class equal to the cutoff c_i is the
    first of tail i.
    """
    if target < cutoffs[0]:
        return None, target, None
    i = sum(1 for c in cutoffs[:-1] if c <= target) - 1
    return i, cutoffs[0] + i, target - cutoffs[i]


def linear(x, weight, bias=None):
    """weight · x + bias, for one vector."""
    y = [sum((w * v for w, v in zip(row, x)), start=0 * x[0] if x else 0) for row in weight]
    return y if bias is None else [a + b for a, b in zip(y, bias)]


def log_softmax(z, exp=_exp, log1p=_log1p):
    """log(exp(z) / Σ exp(z)) of one vector, accurate also where it is close to 0.

    The largest entry m is taken out and *set aside*: with s = Σ exp(z[j] - m) over all other j,

        log p[j] = (z[j] - m) - log1p(s)

    so that for the largest entry the result is -log1p(s), right to the last digit however small s
    is, where the textbook's log(1 + s) is 0 as soon as s is below the precision.
    """
    top = max(range(len(z)), key=lambda j: z[j])
    shifted = [v - z[top] for v in z]
    s = sum((exp(t) for j, t in enumerate(shifted) if j != top), start=0 * shifted[top])
    return [t - log1p(s) for t in shifted]


def head_logits(x, parameters):
    """Scores of the short-list's classes, then of the tails."""
    return linear(x, parameters["head.weight"], parameters.get("head.bias"))


def tail_hidden(x, parameters, i):
    """Projection of x for tail `i`: (h,)."""
    return linear(x, parameters[f"tail.{i}.0.weight"])


def tail_logits(x, parameters, i):
    """Scores of the classes of tail `i`.  Without hidden units the biases alone, or 0."""
    weight = parameters[f"tail.{i}.1.weight"]
    bias = parameters.get(f"tail.{i}.1.bias", [0 * x[0]] * len(weight))
    return linear(tail_hidden(x, parameters, i), weight, bias)


def output(x, target, parameters, cutoffs, exp=_exp, log1p=_log1p):
    """log p(target | x), in nats.  Only the target's own tail is looked at."""
    i, column, place = locate(target, cutoffs)
    log_p = log_softmax(head_logits(x, parameters), exp, log1p)[column]
    if i is not None:
        log_p = log_p + log_softmax(tail_logits(x, parameters, i), exp, log1p)[place]
    return log_p


def log_prob(x, parameters, cutoffs, exp=_exp, log1p=_log1p):
    """log p(k | x) for every class k."""
    head = log_softmax(head_logits(x, parameters), exp, log1p)
    result = head[:cutoffs[0]]
    for i in range(len(cutoffs) - 1):
        tail = log_softmax(tail_logits(x, parameters, i), exp, log1p)
        result += [head[cutoffs[0] + i] + b for b in tail]
    return result


def loss(xs, targets, parameters, cutoffs, exp=_exp, log1p=_log1p):
    """Mean of -log p(target | x) over the examples."""
    outputs = [output(x, y, parameters, cutoffs, exp, log1p) for x, y in zip(xs, targets)]
    return -sum(outputs[1:], start=outputs[0]) / len(outputs)


def embedding(index, bands, cutoffs, scale=1):
    """The vector of class `index` in an adaptive input: its row of its band, projected, scaled.

    `bands` is a mapping from `bands.{b}.embedding` (a row a class) and `bands.{b}.projection` (a
    row a number of the vector; may be absent) to nested lists: band 0 for the short-list, band
    i + 1 for tail i.
    """
    tail, _, place = locate(index, cutoffs)
    band = 0 if tail is None else tail + 1
    row = bands[f"bands.{band}.embedding"][index if tail is None else place]
    projection = bands.get(f"bands.{band}.projection")
    if projection is not None:
        row = linear(row, list(zip(*projection)))
    return [scale * v for v in row]


def predict(x, parameters, cutoffs, exp=_exp, log1p=_log1p):
    """The most probable class; the lowest one if several are equal."""
    log_p = log_prob(x, parameters, cutoffs, exp, log1p)
    return max(range(len(log_p)), key=lambda k: log_p[k])
