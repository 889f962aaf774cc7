"""nan, inf, and no rows at all.  What is not finite is written by rule, not computed."""
from npadasoft.conformance.golden.cases.scores import nonzero_loss
from npadasoft.conformance.golden.recipe import BACKWARD, FORWARD, build, config, tensor

LAYER = config(4, 10, [3, 6, 8], 1.5, True)
SMALL = config(3, 7, [2, 4], 1.0, True)


def recipes():
    return [*_non_finite(), *_empty()]


def _broken(row, value, column=1):
    def change(params, inputs):
        inputs["input"]["data"][row * inputs["input"]["shape"][1] + column] = value
    return change


def _non_finite():
    def case(id, comment, targets, change, **more):
        return build(id, comment, ["NonFinite"], LAYER, targets, change=change, tier="quality",
                     **more)
    return [
        case("F01", "nan in a row of the shortlist: the other rows keep their values", [0, 4, 9],
             _broken(0, "nan"), ops=FORWARD),
        case("F02", "inf in a row of a tail: the other rows keep their values", [5, 1, 9, 7],
             _broken(2, "inf"), ops=FORWARD),
        case("F03", "nan in a row of the second tail: its gradients and the head's are lost, "
             "those of others not", [0, 4, 6, 9], _broken(2, "nan"), cotangents=("output", "loss")),
        case("F04", "nan in a row of the shortlist, backward: every tail keeps its gradients",
             [4, 1, 8, 7], _broken(1, "nan"), cotangents=nonzero_loss()),
        case("F05", "nan in one row: log_prob of the others is what it was", [0, 4, 9],
             _broken(1, "nan"), ops=("log_prob",)),
    ]


def _empty():
    def case(id, comment, ops, **more):
        return build(id, comment, ["EmptyBatch"], SMALL, [], ops=ops, tier="quality",
                     input=tensor([0, 3], []), **more)
    return [
        _no_rows(case("F06", "no rows: output has none, and their mean is nan", FORWARD)),
        case("F07", "no rows, backward: the parameters' gradients are zeros, not nan", BACKWARD,
             cotangents=nonzero_loss()),
        case("F08", "no rows: log_prob and predict have none", ("log_prob", "predict")),
    ]


def _no_rows(recipe):
    """0 / 0, as PyTorch has it, in every case of a mean that has no row.

    Some have 0, the sum of nothing, which a training loop takes for the best of all batches.
    """
    recipe.given = {
        "output": {"shape": [0], "data": [], "err": [], "after": ["input", "target"]},
        "loss": {"shape": [], "data": ["nan"], "err": [0.0], "after": ["output"]}}
    return recipe
