"""What must be refused: targets that are no class, batches that do not match, configurations that
make no layer.
"""
from npadasoft.conformance.golden.recipe import FORWARD, Recipe, build, config, tensor

LAYER = config(4, 9, [3, 6], 2.0, True)


def recipes():
    return [*_targets(), *_batches(), *_cutoffs(), *_others()]


def _refused(id, comment, kind, targets, *, rows=None, features=4, tier="required", **more):
    recipe = build(id, comment, ["Refusal"], LAYER, targets, ops=FORWARD, tier=tier, **more)
    if rows is not None:
        recipe.inputs["input"] = tensor([*rows, features], [0.25 * (k % 5 - 2) for k in range(
            features * (rows[0] if rows else 1))])
    recipe.result, recipe.given = "error", {"error": {"kind": kind}}
    return recipe


def _unbuildable(id, comment, kind, layer, tier="required", flag="Configuration"):
    return Recipe(id, comment, (flag,), layer, tier=tier, result="error",
                  given={"error": {"kind": kind}})


def _targets():
    return [
        _refused("E01", "a target of -1 is no class: in Python it would silently be the last",
                 "target", [0, -1, 4]),
        _refused("E02", "a target of n_classes is no class, whatever torch's page says", "target",
                 [0, 9, 4]),
        _refused("E03", "a target of -100, which other losses ignore, is refused by this layer",
                 "target", [0, -100, 4]),
        _refused("E05", "an illegal target in the last row, all others in the shortlist", "target",
                 [0, 1, 2, 0, 9]),
        _padded("E26", "a target of -1 where -100 is ignored: that one alone is"),
    ]


def _padded(id, comment):
    recipe = _refused(id, comment, "target", [0, -1, -100, 4], tier="extensions")
    recipe.config = {**LAYER, "ignore_index": -100}
    return recipe


def _batches():
    return [
        _refused("E06", "three targets for four rows: libtorch takes them, and answers three",
                 "shape", [0, 4, 8], rows=[4]),
        _refused("E07", "five targets for four rows", "shape", [0, 4, 8, 1, 2], rows=[4]),
        _refused("E24", "one target for four rows: it must not be stretched", "shape", [4],
                 rows=[4]),
        _refused("E09", "rows of five features for a layer of four", "shape", [0, 4], rows=[2],
                 features=5, tier="quality"),
        _asked("log_prob", _refused(
            "E27", "all log-probabilities of rows of five features: the fifth must not be dropped",
            "shape", [0, 4], rows=[2], features=5, tier="quality")),
        _asked("predict", _refused(
            "E28", "the best class of rows of three features, where the layer has four", "shape",
            [0, 4], rows=[2], features=3, tier="quality")),
        _axes("E29", "targets of 3 by 2 for rows of 2 by 3: as many, in another shape"),
    ]


def _asked(op, recipe):
    """A refusal that another operation than forward must give."""
    recipe.given["error"]["op"] = op
    return recipe


def _axes(id, comment):
    recipe = _refused(id, comment, "shape", [[0, 4], [8, 1], [5, 2]], tier="extensions")
    recipe.inputs["input"] = tensor([2, 3, 4], [0.25 * (k % 5 - 2) for k in range(24)])
    return recipe


def _cutoffs():
    return [
        _unbuildable("E10", "no cutoffs: there is no tail", "cutoffs", config(4, 9, [])),
        _unbuildable("E11", "decreasing cutoffs", "cutoffs", config(4, 9, [6, 3])),
        _unbuildable("E12", "a repeated cutoff: a tail without classes", "cutoffs",
                     config(4, 9, [3, 3, 6])),
        _unbuildable("E13", "a cutoff of 0: no shortlist", "cutoffs", config(4, 9, [0, 3])),
        _unbuildable("E14", "n_classes among the cutoffs, as some other projects want it",
                     "cutoffs", config(4, 9, [3, 6, 9])),
        _unbuildable("E15", "a cutoff beyond n_classes", "cutoffs", config(4, 9, [3, 12]),
                     "quality"),
        _unbuildable("E16", "a negative cutoff", "cutoffs", config(4, 9, [-1, 3]), "quality"),
        _unbuildable("E17", "a cutoff that is no integer", "cutoffs", config(4, 9, [2.5, 6]),
                     "quality"),
    ]


def _others():
    return [
        _unbuildable("E18", "a div_value of 0", "config", config(4, 9, [3, 6], 0.0), "quality"),
        _unbuildable("E19", "a negative div_value: hidden sizes below 0", "config",
                     config(4, 9, [3, 6], -2.0), "quality"),
        _unbuildable("E20", "no features", "config", config(0, 9, [3, 6]), "quality"),
        _unbuildable("E21", "a single class leaves no room for a tail", "config", config(4, 1, [1]),
                     "quality"),
        _unbuildable("E22", "hidden sizes that are not finite: 1e300 to the second", "config",
                     config(4, 9, [3, 6], 1e300), "quality"),
    ]
