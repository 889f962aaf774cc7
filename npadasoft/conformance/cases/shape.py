"""Sizes: the smallest, the unequal, the square, the empty."""
from npadasoft.conformance.recipe import ALL, Recipe, build, config, parameter_shapes


def recipes():
    return [
        build("S01", "the smallest legal layer: one feature, two classes, one of them in a tail of one",
              ["Minimal"], config(1, 2, [1], 1.0), [1, 0], ops=ALL),
        build("S02", "three tails, hidden sizes 4, 2, 1, and N, K, D all different",
              ["Routing"], config(8, 14, [3, 6, 10], 2.0, True), [2, 11, 4, 7, 13],
              cotangents=("output", "loss"), ops=ALL),
        hidden_sizes("S08", "1024 // 1.6 is 639, where 1024 / 1.6 rounds to 640", config(1024, 100, [10], 1.6)),
    ]


def hidden_sizes(id, comment, layer, tier="required"):
    """A case that asks for the shapes of the weights alone."""
    return Recipe(id, comment, ("HiddenSize",), layer, tier=tier, given={"shapes": parameter_shapes(layer)})
