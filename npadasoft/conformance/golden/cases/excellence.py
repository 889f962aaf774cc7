"""The confident example keeps its loss and its gradient: 1 - p and log(1 + s) lose them, expm1 and
log1p do not.

All scores are exact here, so that what is judged is the softmax alone.
"""
from npadasoft.conformance.golden.cases.scores import given, nonzero_loss
from npadasoft.conformance.golden.recipe import ALL, BACKWARD, build, config, tensor

TWO_COLUMNS = config(1, 3, [1], 1.0)
PAIR = config(2, 5, [2], 1.0)


def recipes():
    def case(id, comment, layer, targets, *scores, ops=BACKWARD):
        return build(id, comment, ["Confident", "ExactGemm"], layer, targets, change=given(*scores),
                     tier="excellence", ops=ops, cotangents=nonzero_loss())
    return [
        case("X01", "two columns, a gap of 48: loss and gradient are 1.4e-21, not 0", TWO_COLUMNS,
             [0], [[48, 0]], [[1, 0]]),
        case("X02", "a gap of 20: the textbook keeps half of the digits in float64, none in "
             "float32", TWO_COLUMNS, [0], [[20, 0]], [[1, 0]]),
        case("X04", "a gap of 700, the last that float64 can hold", TWO_COLUMNS, [0], [[700, 0]],
             [[1, 0]]),
        case("X05", "gaps of 12 and 37 beside each other: a loss that is the mean of both", PAIR,
             [0, 1], [[12, 0, -1], [1, 38, 0]], [[0, 1, 2], [1, 0, 0]]),
        case("X06", "confident in the tail: tail column and class both near 1", PAIR, [3, 2],
             [[0, -4, 40], [1, 0, 33]], [[0, 41, 1], [60, 0, 1]]),
        case("X07", "a loss of 5.8e-22, from ten columns that are all far below",
             config(1, 12, [9], 1.0), [3], [[0, -1, 0, 51, 1, -2, 0, 0, 1, 0]], [[0, 1, 2]],
             ops=("forward",)),
        case("X08", "a gap of 17: in float32 the textbook's loss is exactly 0 from here on", PAIR,
             [0, 4], [[17, 0, 0], [0, 0, 17]], [[0, 0, 0], [0, -1, 17]], ops=ALL),
        build("X09", "one log-probability of each confident row goes back, out of all of them",
              ["Confident", "ExactGemm"], PAIR, [0, 3], tier="excellence",
              change=given([[48, 0, 0], [0, 1, 30]], [[0, 0, 0], [0, 40, 1]]), ops=("log_prob",),
              cotangents={"log_prob": tensor([2, 5], [1, 0, 0, 0, 0, 0, 0, 0, 1, 0])}),
        _moving(),
    ]


def _moving():
    """One row, sure of class 0 by 40: what moves is 1 - p = 2 e^-40, and not 0."""
    recipe = build(
        "X20", "a confident row moves by 8.5e-18, and its curvature is that: not 0",
        ["Tangent", "Confident", "ExactGemm"], config(1, 3, [2], 1.0, True), [0],
        ops=("jvp", "hvp"),
        input=tensor([1, 1], [1.0]), tier="excellence", since="1.1.0",
        cotangents={"loss": tensor([], [1.0])}, tangents=("head.bias",))
    recipe.params.update({"head.weight": tensor([3, 1], [0.0] * 3),
                          "head.bias": tensor([3], [40.0, 0.0, 0.0]),
                          "tail.0.0.weight": tensor([1, 1], [0.0]),
                          "tail.0.1.weight": tensor([1, 1], [0.0])})
    recipe.tangents["head.bias"] = tensor([3], [1.0, 0.0, 0.0])
    return recipe
