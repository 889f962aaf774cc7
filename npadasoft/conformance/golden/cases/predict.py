"""The most probable class: never the best class of the best tail without a look at the others.
"""
from npadasoft.conformance.golden.cases.scores import both, given, scaled
from npadasoft.conformance.golden.recipe import build, config

ROWS4 = config(4, 10, [3, 7], 1.0)              # head: classes 0, 1, 2, tails [3, 7), [7, 10)
BOTH = ("log_prob", "predict")


def recipes():
    return [*_winners(), *_ties(), *_drawn()]


def _scored(id, comment, flags, layer, head, *tails, tier="required"):
    recipe = build(id, comment, ["Predict", *flags], layer, [0] * len(head), ops=BOTH, tier=tier,
                   change=given(head, *tails))
    del recipe.inputs["target"]
    return recipe


FLAT = [[0, 0, 0, 0]] * 4
SMALL = [[0.25, 0, 0.5, 0.125]] * 4
THREE = [[0, 1, 0.5]] * 4


def _winners():
    return [
        _scored("P01", "a class of the shortlist wins in every row, each of them once",
                ["ExactGemm"], ROWS4,
                [[5, 0, 1, 0, 0], [0, 5, 1, 0, 1], [1, 0, 5, 1, 0], [6, 5, 0, 2, 2]], SMALL, THREE),
        _scored("P02", "a class of a tail wins in every row: first, last and middle of both",
                ["ExactGemm"], ROWS4,
                [[0, 0, 0, 6, 0], [0, 1, 0, 0, 6], [0, 0, 1, 6, 0], [0, 0, 0, 0, 6]],
                [[6, 0, 1, 0], [0, 1, 0, 0], [0, 1, 0, 6], [0, 0, 0, 0.5]],
                [[1, 0, 0], [6, 0, 1], [0, 0, 1], [0, 1, 6]]),
        _scored("P03", "the shortlist, the first tail, the second tail, and the shortlist again",
                ["ExactGemm"], ROWS4,
                [[0, 4, 0, 0, 0], [0, 0, 0, 5, 1], [0, 1, 0, 0, 5], [3, 0, 0, 1, 2]],
                [[0, 1, 0, 0], [0, 0, 5, 0], [1, 0, 0, 0], [0, 0, 0, 1]],
                [[0, 0, 1], [0, 1, 0], [0, 5, 0], [1, 0, 0]]),
        _scored("P04", "the tail's column is the largest of the head, yet the best class is in "
                "the shortlist", ["ExactGemm"], ROWS4,
                [[1, 0, 0, 1.5, 0], [0, 2, 0, 0, 2.5], [0, 0, 1, 2, 0], [0, 3, 2, 3.25, 1]], FLAT,
                [[0, 0, 0]] * 4),
        _scored("P05", "the best class is in the second best tail: peaked there, flat in the "
                "best", ["ExactGemm"], ROWS4,
                [[0, 0, 0, 4, 3.5], [0, 1, 0, 3.5, 4], [0, 0, 0, 5, 4.5], [0, 0, 1, 4.5, 5]],
                [[0, 0, 0, 0], [8, 0, 0, 0], [0, 0.5, 0, 0], [0, 0, 0, 9]],
                [[0, 9, 0], [0, 0, 0.25], [7, 0, 0], [0, 0, 0]]),
        _scored("P06", "the third tail of three wins, then the first, then the second: columns do "
                "not follow rows", ["ColumnOrder", "ExactGemm"], config(3, 11, [2, 5, 8], 1.0),
                [[0, 1, 0, 1, 6], [0, 0, 6, 0, 1], [1, 0, 0, 6, 0]],
                [[0, 1, 0], [0, 5, 0], [1, 0, 0]], [[1, 0, 0], [0, 0, 1], [0, 0, 5]],
                [[5, 0, 0], [0, 1, 0], [0, 0, 1]]),
        _scored("P16", "three hundred classes, and the best ones above 255: one byte does not "
                "hold them", ["ExactGemm"], config(2, 300, [20, 40], 1.0),
                [[0] * 20 + [0, 6], [0] * 20 + [1, 6]], [[0] * 20] * 2,
                [[0] * 250 + [9] + [0] * 9, [0] * 259 + [9]]),
    ]


def _ties():
    pair = config(2, 8, [3, 6], 1.0)
    return [
        _scored("P07", "two classes of the shortlist are equally probable", ["Ties", "ExactGemm"],
                pair, [[4, 1, 4, 0, 0], [0, 3, 3, 1, 0]], [[0, 0, 1]] * 2, [[0, 1]] * 2),
        _scored("P08", "two classes of a tail are equally probable, the first and the last",
                ["Ties", "ExactGemm"], pair, [[0, 0, 0, 6, 0], [0, 0, 1, 0, 6]],
                [[3, 1, 3], [0, 0, 0]], [[0, 1], [2, 2]]),
        _scored("P10", "the best two differ by 1/64 and lie in different tails",
                ["Ties", "ExactGemm"], pair, [[0, 0, 0, 4, 4.015625], [0, 1, 0, 4.015625, 4]],
                [[9, 0, 0], [0, 9, 0]], [[9, -20], [-20, 9]]),
        _scored("P11", "the best two differ by 2^-22: float64 must tell them apart, float32 need "
                "not", ["Ties"], pair, [[1 + 2 ** -22, 1, 0, 0, 0], [0, 1, 1 + 2 ** -22, 0, 0]],
                [[0, 0, 0]] * 2, [[0, 1]] * 2, tier="quality"),
        _scored("P12", "a tail of one class ties with a class of the shortlist",
                ["Ties", "ExactGemm"], config(2, 6, [3, 5], 1.0),
                [[2, 0, 1, 0, 2], [0, 3, 1, 1, 3]], [[0, 1]] * 2, [[5]] * 2),
    ]


def _drawn():
    return [
        _spread("P13", "twenty-four rows of a drawn layer with larger scores: shortlist and every "
                "tail win", config(6, 15, [3, 6, 10], 1.0, True), 24),
        _spread("P15", "twelve rows of a drawn layer with flat tails: a tail's column often "
                "wins, its best class seldom does", config(5, 16, [4, 8, 12], 1.0), 12,
                both(*[scaled(f"tail.{i}.1.weight", 1 / 8) for i in range(3)])),
    ]


def _spread(id, comment, layer, rows, change=None):
    recipe = build(id, comment, ["Predict"], layer, [0] * rows, ops=BOTH, change=change,
                   numbers=lambda draw, shape: draw.dyadic(shape, 16, 6))
    del recipe.inputs["target"]
    return recipe
