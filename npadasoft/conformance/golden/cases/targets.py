"""Which class each row has: where it lies, in which order, how often."""
from npadasoft.conformance.golden.recipe import ALL, BACKWARD, build, config

TWO = ("output", "loss")
LAYER = config(6, 12, [3, 5, 8], 1.5, True)         # hidden sizes 4, 2, 1


def recipes():
    return [*_places(), *_orders(), *_batches(), *_state()]


def _places():
    return [
        build("T01", "all in the shortlist: the tails' gradients are zeros of full shape",
              ["Routing", "UnusedCluster"], LAYER, [1, 0, 2, 2], cotangents=TWO, ops=ALL),
        build("T02", "all in the second of three tails", ["Routing", "UnusedCluster"], LAYER,
              [5, 7, 6, 5], cotangents=TWO),
        build("T03", "every cutoff boundary once", ["Boundary", "ExactGemm"],
              config(8, 12, [3, 7], 2.0, True), [0, 2, 3, 6, 7, 11, 1, 5, 10], cotangents=TWO,
              ops=ALL),
        build("T04", "first and last class of the shortlist and of three tails",
              ["Boundary", "ColumnOrder"], LAYER, [0, 2, 3, 4, 5, 7, 8, 11], cotangents=TWO,
              ops=ALL),
        build("T07", "the middle tail is not used, those beside it are",
              ["UnusedCluster", "ColumnOrder"], LAYER, [4, 9, 3, 10, 1], cotangents=TWO),
    ]


def _orders():
    targets = [8, 1, 4, 11, 5, 0, 7, 3, 10]
    order = [4, 8, 0, 6, 2, 7, 1, 5, 3]
    return [
        build("T09", "unsorted targets of all tails", ["Routing"], LAYER, targets,
              cotangents=TWO, ops=ALL),
        permuted("T10", "the rows of T09 in another order: the same numbers in another order",
                 build("T09", "", ["Routing"], LAYER, targets, cotangents=TWO, ops=ALL), order),
        build("T12", "targets in descending order: results in the order of tails are reversed",
              ["Routing"], LAYER, [11, 9, 7, 6, 4, 3, 1, 0], cotangents=TWO),
        build("T14", "one class in several rows, others between: gradients add up",
              ["Accumulation"], LAYER, [6, 2, 6, 9, 6, 2, 9], cotangents=TWO),
        build("T15", "one input with every class: the outputs' exponentials sum to 1",
              ["Accumulation"], config(3, 7, [2, 4], 1.0), list(range(7)), cotangents=TWO, ops=ALL,
              change=_same_rows),
    ]


def permuted(id, comment, twin, order):
    """The same layer, with its rows and their cotangents in another order."""
    D = twin.config["in_features"]
    rows = [twin.inputs["input"]["data"][n * D:(n + 1) * D] for n in order]
    twin.inputs["input"]["data"] = [v for row in rows for v in row]
    for t in (twin.inputs["target"], twin.cotangents["output"]):
        t["data"] = [t["data"][n] for n in order]
    twin.id, twin.comment = id, comment
    return twin


def _same_rows(params, inputs):
    N, D = inputs["input"]["shape"]
    inputs["input"]["data"] = inputs["input"]["data"][:D] * N


def _batches():
    return [
        build("T16", "one row per tail", ["SingleRow", "Routing"], LAYER, [9, 1, 3, 6],
              cotangents=TWO, ops=ALL),
        build("T17", "a batch of one, in the shortlist", ["SingleRow"], LAYER, [2], cotangents=TWO,
              ops=ALL),
        build("T18", "a batch of one, in the last tail", ["SingleRow"], LAYER, [10], cotangents=TWO,
              ops=ALL),
        build("T19", "one example without a batch axis, in the shortlist: output and loss are "
              "scalars", ["Unbatched"], LAYER, 1, cotangents=TWO),
        build("T20", "one example without a batch axis, in a tail", ["Unbatched"], LAYER, 6,
              cotangents=TWO),
    ]


def _state():
    layer = config(5, 10, [3, 6], 2.0, True)
    return [
        build("T22", "the first of four requests of one shape: all tails", ["State"], layer,
              [0, 4, 8, 7], cotangents=TWO, ops=ALL),
        build("T23", "the second: other weights and rows, the first tail alone",
              ["State", "UnusedCluster"], layer, [5, 4, 3, 5], cotangents=TWO, ops=ALL),
        build("T24", "the third: the second tail alone", ["State", "UnusedCluster"], layer,
              [9, 6, 7, 6], cotangents=TWO, ops=ALL),
        build("T25", "the fourth: the shortlist alone, loss without output's cotangent",
              ["State", "UnusedCluster"], layer, [2, 1, 0, 1], ops=BACKWARD),
    ]
