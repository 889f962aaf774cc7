"""What torch's layer does not offer: more batch axes, padding, other reductions, the k best."""
from npadasoft.conformance.golden.recipe import ALL, BACKWARD, build, config, tensor

TWO = ("output", "loss")
LAYER = dict(in_features=4, n_classes=10, cutoffs=[3, 6], div_value=2.0, head_bias=True)


def recipes():
    return [*_shapes(), *_ignored(), *_reductions(), *_top()]


def _case(id, comment, flags, targets, *, cotangents=TWO, ops=BACKWARD, change=None, **options):
    return build(id, comment, flags, config(**LAYER, **options), targets, cotangents=cotangents,
                 ops=ops, tier="extensions", change=change)


def _shapes():
    return [
        _case("A01", "a batch of 2 by 3: output has its shape", ["NdBatch"], [[0, 4, 9], [7, 2, 3]],
              ops=ALL),
        _case("A02", "three batch axes, one of them of length 1", ["NdBatch"],
              [[[5, 1]], [[8, 6]], [[0, 9]]], ops=ALL),
        _case("A03", "one example without a batch axis: log_prob has C entries, predict none",
              ["Unbatched"], 4, ops=("log_prob", "predict")),
        _case("A04", "gradients of all log-probabilities of one example without a batch axis",
              ["Unbatched", "LogProbBackward"], 7, cotangents=("log_prob",), ops=("log_prob",)),
    ]


def _ignored():
    return [
        _case("A05", "padding of -100 in two of five rows: the mean is over three", ["IgnoreIndex"],
              [4, -100, 9, 1, -100], ignore_index=-100),
        _case("A06", "an ignored index that is a legal class, in a tail", ["IgnoreIndex"],
              [4, 7, 9, 1, 7], ignore_index=7),
        _case("A07", "an ignored index of 1, and tail classes that are second in their tails, "
              "which count", ["IgnoreIndex"], [4, 1, 7, 1, 0], ignore_index=1),
        _case("A22", "an ignored index of 0: it is no absent one", ["IgnoreIndex"],
              [4, 0, 9, 0, 2], ignore_index=0),
        _case("A23", "an ignored index far above the classes", ["IgnoreIndex"], [4, 255, 9, 1],
              ignore_index=255),
        _case("A08", "all rows are ignored: a loss of nan, gradients of 0", ["IgnoreIndex"],
              [-100, -100], ignore_index=-100),
        _case("A09", "an ignored row of nan touches nothing", ["IgnoreIndex"], [2, -100, 8],
              ignore_index=-100, change=_spoil),
    ]


def _spoil(params, inputs):
    D = inputs["input"]["shape"][1]
    inputs["input"]["data"][D:2 * D] = ["nan"] * D


def _reductions():
    return [
        _case("A11", "the loss is a sum", ["Reduction"], [0, 5, 9, 3], reduction="sum"),
        _case("A12", "the loss is not reduced, and each row's loss has its own cotangent",
              ["Reduction", "Cotangent"], [0, 5, 9, 3], reduction="none"),
        _case("A13", "a sum over rows of which one is ignored", ["Reduction", "IgnoreIndex"],
              [6, -1, 2, 4], reduction="sum", ignore_index=-1),
        _case("A14", "no reduction, one row ignored: its loss and its gradient are 0",
              ["Reduction", "IgnoreIndex"], [6, -1, 2, 4], reduction="none", ignore_index=-1),
    ]


def _top():
    recipes = [
        _case("A16", "the five best of ten classes, over shortlist and tails", ["TopK"], [0, 0, 0],
              ops=("topk",)),
        _case("A17", "all classes in order", ["TopK"], [0], ops=("topk",)),
        _wide("A18", "the two best of forty: they lie in the shortlist, in one tail, in both",
              12, numbers=lambda draw, shape: draw.dyadic(shape, 8, 6)),
        _wide("A19", "the best of forty classes, many of which are equally probable", 4,
              numbers=lambda draw, shape: draw.dyadic(shape, 2, 2)),
        _wide("A20", "the best none of forty classes", 2),
        _wide("A21", "the sixteen best of forty: more than the shortlist holds", 4),
    ]
    for recipe, k in zip(recipes, (5, 10, 2, 3, 0, 16)):
        del recipe.inputs["target"]
        recipe.inputs["k"] = tensor([], [k])
    return recipes


def _wide(id, comment, rows, **more):
    return build(id, comment, ["TopK"], config(4, 40, [12, 27], 2.0, True), [0] * rows,
                 ops=("topk",), tier="extensions", **more)
