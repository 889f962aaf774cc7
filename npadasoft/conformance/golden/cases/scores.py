"""Ways to write down the scores of a case directly, instead of drawing weights.

Row n's input is the n-th unit vector, so that its head scores are column n of `head.weight`; with a
div_value of 1 a tail's projection is square and can be the identity.
"""
from npadasoft.conformance.golden.recipe import tensor


def transposed(rows):
    return [v for column in zip(*rows) for v in column]


def identity(n):
    return tensor([n, n], [float(i == j) for i in range(n) for j in range(n)])


def given(head, *tails):
    """A `change` for `build`: head scores per row, and those of each tail (None: as drawn)."""
    def change(params, inputs):
        D = params["head.weight"]["shape"][1]
        inputs["input"] = tensor([len(head), D],
                                 [float(n == j) for n in range(len(head)) for j in range(D)])
        put(params, "head.weight", head)
        for i, scores in enumerate(tails):
            if scores is not None:
                params[f"tail.{i}.0.weight"] = identity(D)
                put(params, f"tail.{i}.1.weight", scores)
    return change


def put(params, name, scores):
    """Weights with which the n-th unit vector scores scores[n]; features beyond the rows weigh 0.
    """
    K, D = params[name]["shape"]
    rows = [*scores, *[[0.0] * K for _ in range(D - len(scores))]]
    params[name] = tensor([K, D], [float(v) for v in transposed(rows)])


def both(*changes):
    def change(params, inputs):
        for each in changes:
            each(params, inputs)
    return change


def scaled(name, factor):
    """One weight, or the input, times a power of 2."""
    def change(params, inputs):
        group = inputs if name == "input" else params
        group[name] = tensor(group[name]["shape"], [v * factor for v in group[name]["data"]])
    return change


def zeros(*names):
    def change(params, inputs):
        for name in names:
            group = inputs if name == "input" else params
            group[name] = tensor(group[name]["shape"], [0.0] * len(group[name]["data"]))
    return change


def nonzero_loss(*names):
    """The plain mean loss as torch's `loss.backward()` has it."""
    return {"loss": tensor([], [1.0])}
