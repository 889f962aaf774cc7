"""Every gradient: of loss, of output, of all log-probabilities; of one number, of none, of many
rows.
"""
from npadasoft.conformance.golden.cases.scores import nonzero_loss
from npadasoft.conformance.golden.recipe import build, config, tensor

TWO = ("output", "loss")
THREE = config(10, 17, [4, 7, 12], 1.5, True)       # hidden sizes 6, 4, 2; K = 7
FOUR = config(9, 16, [2, 5, 9, 11], 1.4)            # hidden sizes 6, 4, 3, 2; K = 6


def recipes():
    return [*_unequal(), *_cotangents(), *_rows(), *_log_prob()]


def _unequal():
    """Three tails and more; hidden sizes all different, N, K and D too."""
    return [
        build("G01", "the mean loss through three tails of hidden sizes 6, 4, 2", ["Gradient"],
              THREE, [3, 5, 11, 16, 0, 8], cotangents=nonzero_loss()),
        build("G02", "cotangents on output and loss through three tails", ["Gradient", "Cotangent"],
              THREE, [16, 4, 7, 1, 10], cotangents=TWO),
        build("G03", "four tails of hidden sizes 6, 4, 3, 2 without a bias",
              ["Gradient", "Cotangent"], FOUR, [10, 1, 15, 5, 2, 8, 12], cotangents=TWO),
        build("G04", "all log-probabilities of a layer of three tails",
              ["Gradient", "LogProbBackward"], THREE, [0, 0], cotangents=("log_prob",),
              ops=("log_prob",)),
        build("G05", "two rows in each of four tails and in the shortlist",
              ["Gradient", "Accumulation"], FOUR, [0, 2, 5, 9, 11, 1, 4, 8, 10, 15],
              cotangents=TWO),
    ]


LAYER = config(5, 11, [3, 6], 1.5, True)            # hidden sizes 3, 2
TARGETS = [0, 4, 10, 7]


def vector(*values):
    return tensor([len(values)], [float(v) for v in values])


def scalar(value):
    return tensor([], [float(value)])


def _cotangents():
    def case(id, comment, cotangents, flags=("Cotangent",), **more):
        return build(id, comment, flags, LAYER, TARGETS, cotangents=cotangents, **more)
    return [
        case("G06", "output alone: nothing arrives through the loss",
             {"output": vector(1.5, -0.75, 0.5, -2)}),
        case("G07", "loss alone, twice and with its sign changed: -2", {"loss": scalar(-2)}),
        case("G08", "one row's output alone, in the second tail", {"output": vector(0, 0, 1, 0)}),
        case("G10", "all cotangents 0: all gradients are exactly 0",
             {"output": vector(0, 0, 0, 0), "loss": scalar(0)}),
        case("G13", "output's cotangent undoes the loss's in two of four rows",
             {"output": vector(0.25, 0, 0.25, 0.5), "loss": scalar(1)}),
        case("G14", "cotangents from 2^-10 to 2^10",
             {"output": vector(2 ** -10, 1024, -32, 0.125), "loss": scalar(64)}),
    ]


def _rows():
    small = config(3, 8, [3, 5], 1.0)
    return [
        build("G16", "twenty rows, five of them of one class", ["Accumulation"], small,
              [0, 4, 7, 4, 2, 4, 6, 3, 1, 4, 5, 0, 7, 6, 4, 3, 2, 5, 1, 7], cotangents=TWO),
        build("G17", "the same row twice, with opposite cotangents: the weights' gradients cancel "
              "exactly", ["Accumulation", "Cotangent"], small, [4, 4],
              cotangents={"output": vector(1, -1)}, change=_twice),
        build("G20", "one row in a tail, five in the shortlist", ["SingleRow", "Gradient"], LAYER,
              [0, 2, 8, 1, 1, 0], cotangents=TWO),
        build("G21", "generic numbers: no gradient is exact, no sum either",
              ["Rounding", "Gradient"], config(7, 13, [3, 5, 9], 1.5, True),
              [4, 2, 12, 6, 9, 0, 11, 3], cotangents=TWO, numbers=lambda draw,
              shape: draw.generic(shape)),
    ]


def _twice(params, inputs):
    data, D = inputs["input"]["data"], inputs["input"]["shape"][1]
    inputs["input"]["data"] = data[:D] * 2


def _log_prob():
    def case(id, comment, rows, cotangent=("log_prob",), layer=LAYER, **more):
        recipe = build(id, comment, ["LogProbBackward", "Cotangent"], layer, [0] * rows,
                       ops=("log_prob",), cotangents=cotangent, **more)
        del recipe.inputs["target"]
        return recipe

    def filled(rows, entries):
        data = [0.0] * (rows * 11)
        for (n, k), v in entries.items():
            data[n * 11 + k] = v
        return {"log_prob": tensor([rows, 11], data)}
    return [
        case("G23", "all log-probabilities, cotangents that differ in every entry", 3),
        case("G24", "one class of one row: it is the gradient of that output", 3,
             filled(3, {(1, 8): 1.0})),
        case("G25", "one class of the shortlist: the tails receive nothing", 2,
             filled(2, {(0, 1): -1.5})),
        case("G26", "cotangents that sum to 0 within a tail: nothing reaches its column of the "
             "head", 2, filled(2, {(0, 3): 1.0, (0, 5): -1.0, (1, 6): 2.0, (1, 10): -2.0})),
        case("G27", "cotangents that sum to 0 over the row, not within the tails", 2,
             filled(2, {(0, 0): 1.0, (0, 4): -3.0, (0, 9): 2.0, (1, 2): -1.0, (1, 7): 1.0})),
        case("G29", "square weights and equal tails", 4, layer=config(4, 10, [2, 6], 1.0)),
    ]
