"""Forward mode and second order: how results move along a direction, and how gradients do."""
from npadasoft.conformance.golden.recipe import build, config

BOTH = ("jvp", "hvp")
TWO = ("output", "loss")
LAYER = dict(in_features=4, n_classes=9, cutoffs=[3, 6], div_value=2.0, head_bias=True)
HEAD, TAILS = ("head.weight", "head.bias"), tuple(
    f"tail.{i}.{k}.weight" for i in (0, 1) for k in (0, 1))
ALL = ("input", *HEAD, *TAILS)


def recipes():
    return [*_everything(), *_one_at_a_time(), *_beyond(), *_all_classes()]


def _case(id, comment, flags, targets, *, tangents=ALL, cotangents=("loss",), ops=BOTH,
          layer=LAYER, **more):
    options = {name: more.pop(name) for name in ("ignore_index", "reduction", "tail_bias")
               if name in more}
    return build(id, comment, flags, config(**layer, **options), targets, tangents=tangents,
                 cotangents=cotangents, ops=ops, tier="extensions", since="1.1.0", **more)


def _everything():
    return [
        _case("J01", "input and all weights move; the mean loss", ["Tangent"], [0, 4, 7, 2]),
        _case("J02", "input and all weights move; cotangents on output and loss",
              ["Tangent", "Cotangent"], [8, 1, 5], cotangents=TWO),
        _case("J03", "hidden sizes all different, a tail without a target, no bias",
              ["Tangent", "UnusedCluster"], [9, 1, 3, 11], cotangents=TWO,
              layer=dict(in_features=5, n_classes=12, cutoffs=[3, 5, 8], div_value=1.5,
                         head_bias=False),
              tangents=("input", "head.weight", *(
                  f"tail.{i}.{k}.weight" for i in (0, 1, 2) for k in (0, 1)))),
        _case("J04", "generic numbers: nothing that moves is exact", ["Tangent", "Rounding"],
              [3, 0, 8], cotangents=TWO, numbers=lambda draw, shape: draw.generic(shape)),
    ]


def _one_at_a_time():
    return [
        _case("J05", "the input alone moves", ["Tangent"], [0, 4, 7], tangents=("input",)),
        _case("J06", "the head alone moves: no tail has a curvature",
              ["Tangent"], [2, 5, 8], tangents=HEAD),
        _case("J07", "one projection alone moves: its own output matrix feels it",
              ["Tangent"], [3, 4, 5, 0], tangents=("tail.0.0.weight",)),
        _case("J08", "one output matrix alone moves", ["Tangent"], [6, 7, 8, 1],
              tangents=("tail.1.1.weight",)),
        _case("J09", "the bias of the head alone moves", ["Tangent"], [1, 5],
              tangents=("head.bias",)),
    ]


def _beyond():
    return [
        _case("J10", "ignored rows do not move; the mean is over two of four",
              ["Tangent", "IgnoreIndex"], [4, -100, 0, -100], ignore_index=-100, cotangents=TWO),
        _case("J11", "the loss is a sum, and moves as one", ["Tangent", "Reduction"],
              [0, 7, 3], reduction="sum"),
        _case("J12", "no reduction: each row's loss moves, each has its own cotangent",
              ["Tangent", "Reduction"], [5, 8, 1], reduction="none"),
        _case("J13", "a batch of 2 by 2", ["Tangent", "NdBatch"], [[0, 4], [8, 2]],
              cotangents=TWO),
        _case("J14", "biases in the tails move, too", ["Tangent", "TailBias"], [4, 7, 8],
              tail_bias=True, tangents=(*ALL, "tail.0.1.bias", "tail.1.1.bias")),
    ]


def _all_classes():
    return [
        _case("J15", "all log-probabilities along a direction of input and weights",
              ["Tangent"], [0, 0, 0], ops=("log_prob_jvp",)),
        _case("J16", "all log-probabilities along a direction of the input alone, without a batch "
              "axis", ["Tangent", "Unbatched"], 0, ops=("log_prob_jvp",), tangents=("input",)),
    ]
