"""Biases in the tails: neither the paper nor PyTorch has them, five other implementations do."""
from npadasoft.conformance.golden.recipe import ALL, BACKWARD, build, config

LAYER = dict(in_features=4, n_classes=10, cutoffs=[3, 6], div_value=2.0, tail_bias=True)


def recipes():
    return [
        _case("B01", "a bias in every tail and in the head", [0, 4, 9, 7, 2], head_bias=True,
              ops=ALL),
        _case("B02", "biases in the tails, none in the head", [3, 5, 8], cotangents=("output",)),
        _case("B03", "gradients of all log-probabilities of a layer with biases in its tails",
              [0, 0], head_bias=True, cotangents=("log_prob",), ops=("log_prob",)),
        _case("B04", "a tail without a target: its bias has a gradient of zeros", [1, 7, 6]),
        _case("B05", "hidden size 0: the bias is all that a tail's classes differ in",
              [5, 8, 0], layer=dict(LAYER, in_features=2, div_value=3.0), ops=ALL),
        _case("B06", "generic numbers, three rows in a tail: the gradient of its bias is a sum",
              [7, 9, 8, 4], flags=["TailBias", "Rounding"],
              numbers=lambda draw, shape: draw.generic(shape)),
        _case("B07", "tails of equal sizes: their biases can be exchanged unseen", [4, 8, 1, 6, 3],
              flags=["TailBias", "EqualClusters"], layer=dict(LAYER, n_classes=9, div_value=1.0)),
    ]


def _case(id, comment, targets, *, flags=("TailBias",), head_bias=False, layer=LAYER,
          cotangents=("output", "loss"), ops=BACKWARD, **more):
    return build(id, comment, flags, config(**layer, head_bias=head_bias), targets,
                 cotangents=cotangents, ops=ops, tier="extensions",
                 since="1.1.0", **more)
