"""What no output can tell apart.

ALIKE    mistakes that give the same numbers on every case that shows either
UNTOLD   wrong habits that change nothing that a port answers; they are no mistakes of the layer
"""

ALIKE: dict[str, tuple[str, ...]] = {
    "confident-row-stands-still": ("textbook-log-softmax",),
    "ignore-index-not-looked-at": ("ignore-index-one-too-high",),
    "ignore-index-one-too-high": ("ignore-index-not-looked-at",),
    "ignores-every-negative-target": ("ignores-minus-one-too",),
    "ignores-minus-one-too": ("ignores-every-negative-target",),
}

UNTOLD = {
    "a log-softmax is applied twice": "it is idempotent: log-softmax of log-probabilities is "
    "themselves (AWD-LSTM does this)",
    "a constant is added to all scores of a softmax, as a bias on a whole tail": "only differences "
    "of scores count",
    "a projection times a matrix and the tail's output matrix times its inverse": "only their "
    "product is seen, and the gradients follow the weights that the port was given",
    "unused tails are computed too": "it costs time, not numbers",
    "of equally probable classes predict takes the last": "rounding may break a tie either way, so "
    "that each of them is accepted",
    "classes are float32 numbers": "it shows above 2**24 classes, more than a case can hold",
    "scores are kept for backward in a buffer that forward overwrites": "it shows where two "
    "forwards come before one backward, and a request is one operation",
    "weights start from another distribution": "a case brings its weights",
}
