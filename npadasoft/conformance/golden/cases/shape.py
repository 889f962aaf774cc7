"""Sizes: the smallest, the unequal, the square, the equal, and the hidden sizes of the tails."""
from npadasoft.conformance.golden.recipe import ALL, Recipe, build, config, parameter_shapes

TWO = ("output", "loss")


def recipes():
    return [*_small(), *_hidden_sizes(), *_unequal(), *_deceptive()]


def hidden_sizes(id, comment, layer, tier="required", flags=("HiddenSize",)):
    """A case that asks for the shapes of the weights alone."""
    return Recipe(id, comment, tuple(flags), layer, tier=tier,
                  given={"shapes": parameter_shapes(layer)})


def _small():
    return [
        build("S01", "the smallest legal layer: one feature, two classes, one of them in a tail "
              "of one", ["Minimal"], config(1, 2, [1], 1.0), [1, 0], ops=ALL),
        build("S03", "a shortlist of one class and two tails: the head has more tails than "
              "classes", ["Minimal", "Routing"], config(6, 8, [1, 4], 2.0, True), [0, 1, 3, 4, 7],
              cotangents=TWO, ops=ALL),
        build("S04", "the last cutoff is n_classes - 1: a tail of one class, whose probability is "
              "the tail's", ["Minimal"], config(4, 7, [3, 6], 2.0), [6, 3, 0, 6], cotangents=TWO,
              ops=ALL),
        build("S07", "hidden size 1 in the second tail: 4 // 4 is 1", ["HiddenSize"],
              config(4, 11, [3, 7], 2.0), [4, 10, 7, 2, 9], cotangents=TWO, ops=ALL),
    ]


def _hidden_sizes():
    return [
        hidden_sizes("S08", "1024 // 1.6 is 639, where 1024 / 1.6 rounds to 640",
                     config(1024, 100, [10], 1.6)),
        hidden_sizes("S09", "11 // 1.1 is 9, where 11 / 1.1 rounds to 10",
                     config(11, 30, [10], 1.1)),
        hidden_sizes("S10", "1 // 0.1 is 9, where 1 / 0.1 is 10", config(1, 30, [10], 0.1)),
        hidden_sizes("S30", "9 // 3 and 9 // 9 are 3 and 1, where a power by logarithms is a "
                     "little too large", config(9, 20, [5, 10], 3.0)),
        hidden_sizes("S31", "36 // 1.2 is 30, where a power or a quotient in float32 gives 29; the "
                     "head alone has a bias", config(36, 20, [5, 10], 1.2, True)),
        hidden_sizes("S11", "the default div_value of 4: 100, 25, 6, 1, not 100 in the first tail",
                     config(100, 60, [10, 20, 40], 4.0)),
        hidden_sizes("S13", "a div_value below 1: hidden sizes grow, 16 and 32",
                     config(8, 20, [5, 10], 0.5)),
        hidden_sizes("S14", "one floor for each tail, not one upon the other: 20 // 1.7**3 is 4, "
                     "not 3", config(20, 40, [5, 10, 20], 1.7)),
        hidden_sizes("S15", "hidden size 0 in the second tail: 16 // 4**3 is 0",
                     config(16, 40, [5, 10, 20], 4.0), "quality", ("HiddenSize", "ZeroHidden")),
        build("S16", "hidden size 0: the second tail is uniform, its weights have no numbers",
              ["ZeroHidden"], config(3, 9, [3, 5], 2.0), [1, 3, 8, 5], cotangents=TWO, ops=ALL,
              tier="quality"),
        build("S17", "a div_value of 1: hidden sizes are D", ["HiddenSize"],
              config(4, 10, [3, 6], 1.0, True), [0, 5, 9, 3, 6], cotangents=TWO, ops=ALL),
        build("S18", "a div_value of 0.5: the projection makes vectors longer", ["HiddenSize"],
              config(3, 8, [2, 5], 0.5), [0, 4, 7, 5], cotangents=TWO, ops=ALL),
    ]


def _unequal():
    return [
        build("S02", "three tails, hidden sizes 4, 2, 1, and N, K, D all different",
              ["Routing", "ColumnOrder"], config(8, 14, [3, 6, 10], 2.0, True), [2, 11, 4, 7, 13],
              cotangents=TWO, ops=ALL),
        build("S19", "five tails of hidden sizes 6, 4, 3, 2, 1",
              ["Routing", "ColumnOrder", "HiddenSize"],
              config(9, 19, [2, 5, 9, 12, 17], 1.4, True), [18, 3, 0, 10, 16, 6, 8, 13],
              cotangents=TWO, ops=ALL),
        build("S21", "a bias in the head that outweighs the products, on classes and tails",
              ["HeadBias"], config(4, 9, [3, 6], 2.0, True), [2, 3, 8, 0, 5, 6], cotangents=TWO,
              ops=ALL, change=_heavy_bias),
        build("S23", "one row, eighty classes", ["SingleRow"], config(4, 80, [20, 50], 2.0), [63],
              ops=ALL),
        build("S29", "three hundred classes: places and classes that one byte does not hold",
              ["Boundary"], config(2, 300, [20, 40], 1.0), [299, 21, 168, 5, 295],
              ops=("forward", "log_prob", "predict")),
        build("S24", "cutoffs 1, 2, 3, ...: every tail is one class, and the layer the plain "
              "softmax", ["Minimal", "ColumnOrder"], config(5, 6, [1, 2, 3, 4, 5], 2.0, True),
              [0, 5, 2, 3], cotangents=TWO, ops=ALL, tier="quality"),
    ]


def _heavy_bias(params, inputs):
    params["head.bias"]["data"] = [2.0, -1.5, 0.75, 3.25, -2.5]


def _deceptive():
    """Shapes that let a wrong port through without a complaint, so that the numbers must catch it.
    """
    return [
        build("S25", "N = K = D, and every weight of the tail square: a transposed matrix fits",
              ["Square"], config(5, 9, [4], 1.0, True), [0, 8, 4, 2, 6], cotangents=TWO, ops=ALL),
        build("S26", "everything is 4: rows, features, columns, hidden units, classes of each tail",
              ["Square", "EqualClusters"], config(4, 10, [2, 6], 1.0), [9, 1, 2, 5], cotangents=TWO,
              ops=ALL),
        build("S27", "three tails of equal size: exchanged tails fit",
              ["EqualClusters", "ColumnOrder"], config(3, 11, [2, 5, 8], 1.0, True),
              [2, 5, 8, 10, 7, 4, 0], cotangents=TWO, ops=ALL),
    ]
