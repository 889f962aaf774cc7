"""The definition of the adaptive log-softmax: one example, plain Python, any number type.

Read this file first.  It says *what* is computed, with loops and scalars and nothing else, and
everything else in the project is held against it.  `cutoffs` c₁ < c₂ < ... < C (the number of
classes) cut the classes into a short-list and clusters:

    class                 0 ... c₁-1  |  c₁ ... c₂-1  |  c₂ ... c₃-1  |  ...
    lives in              short-list  |   cluster 1   |   cluster 2   |  ...
    column of the head    0 ... c₁-1  |      c₁       |     c₁+1      |  ...

The head is one softmax over the short-list and one column a cluster; a cluster is a softmax over
its own classes, reached through a small projection.  With A = head log-probabilities and B = those
of the cluster:

    log p(k | x) = A[k]                             if k is in the short-list
                 = A[column of the cluster] + B[k - first class of the cluster]        otherwise

Numbers are whatever the caller brings: `float`, `decimal.Decimal`, `numpy.longdouble`.  The only
functions needed are `exp` and `log1p`, and the caller passes those of his type.  `parameters` is a
mapping from PyTorch's names to nested lists: `head.weight`, `head.bias` (may be absent), and
for i = 0, 1, ... `tail.{i}.0.weight` (the projection) and `tail.{i}.1.weight`.

[Grave, Joulin, Cissé, Grangier, Jégou 2017, Efficient softmax approximation for GPUs, arXiv
1609.04309]
"""
from math import exp as _exp, log1p as _log1p


def hidden_size(in_features, div_value, i):
    """Width of the projection of cluster `i` (0 is the first): Python's float floor-division."""
    return int(in_features // div_value ** (i + 1))


def locate(target, cutoffs):
    """Where class `target` lives: (cluster, column of the head, place within the cluster).

    Cluster 0 is the short-list.  A class equal to a cutoff belongs to the *next* cluster.
    """
    cluster = sum(1 for c in cutoffs[:-1] if c <= target)
    if cluster == 0:
        return 0, target, None
    return cluster, cutoffs[0] + cluster - 1, target - cutoffs[cluster - 1]


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
    """Scores of the short-list's classes, then of the clusters."""
    return linear(x, parameters["head.weight"], parameters.get("head.bias"))


def tail_hidden(x, parameters, i):
    """Projection of x for cluster `i`: (h,)."""
    return linear(x, parameters[f"tail.{i}.0.weight"])


def tail_logits(x, parameters, i):
    """Scores of the classes of cluster `i`.  With hidden size 0 all are 0: a uniform cluster."""
    hidden = tail_hidden(x, parameters, i)
    if not hidden:
        return [0 * x[0] for _ in parameters[f"tail.{i}.1.weight"]]
    return linear(hidden, parameters[f"tail.{i}.1.weight"])


def output(x, target, parameters, cutoffs, exp=_exp, log1p=_log1p):
    """log p(target | x), in nats.  Only the target's own cluster is looked at."""
    cluster, column, place = locate(target, cutoffs)
    log_p = log_softmax(head_logits(x, parameters), exp, log1p)[column]
    if cluster:
        log_p = log_p + log_softmax(tail_logits(x, parameters, cluster - 1), exp, log1p)[place]
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


def predict(x, parameters, cutoffs, exp=_exp, log1p=_log1p):
    """The most probable class; the lowest one if several are equal."""
    log_p = log_prob(x, parameters, cutoffs, exp, log1p)
    return max(range(len(log_p)), key=lambda k: log_p[k])
