"""The adaptive input: an embedding that is cut by the same cutoffs (arXiv 1809.10853)."""
from math import prod

from npadasoft.conformance.golden.recipe import (Draw, Recipe, config, edges, integer_tensor)

OPS = ("embed", "embed_backward")
D, C, CUTS = 4, 10, [3, 6]


def recipes():
    return [*_shapes(), *_reading(), *_options(), *_refused()]


def _case(id, comment, index, *, sizes=(4, 2, 1), projected=(True, True, True), features=D,
          n_classes=C, cutoffs=CUTS, flags=("AdaptiveInput",), ops=OPS, numbers=None, div_value=2.0,
          tier="extensions", result="valid", given=None, **options):
    """`sizes`: length of the vectors of each band; `projected`: which bands have a projection."""
    draw = Draw(id)
    numbers = numbers or (lambda d, shape: d.dyadic(shape))
    layer = config(features, n_classes, cutoffs, div_value, **options)
    ends, params = (0, *edges(layer)), {}
    for b, (size, there) in enumerate(zip(sizes, projected)):
        params[f"bands.{b}.embedding"] = numbers(draw, [ends[b + 1] - ends[b], size])
        if there:
            params[f"bands.{b}.projection"] = numbers(draw, [size, features])
    target = integer_tensor(index)
    shape = [*target["shape"], features]
    cotangents = {"embed": draw.cotangent(shape)} if "embed_backward" in ops else {}
    if not prod(shape):
        cotangents = {name: {"shape": shape, "data": []} for name in cotangents}
    return Recipe(id, comment, tuple(flags), layer, params, {"index": target}, cotangents, {}, ops,
                  tier, result, given=given, since="1.1.0")


def _shapes():
    return [
        _case("I01", "three bands, each with a projection", [0, 5, 9, 3, 7, 2]),
        _case("I02", "band 0 is as wide as the model, and has no projection", [2, 8, 4, 0],
              projected=(False, True, True)),
        _case("I03", "band 0 has vectors of a size of its own", [1, 3, 6, 9], sizes=(3, 2, 1)),
        _case("I04", "equal bands, square projections: they can be exchanged, or turned, unseen",
              [1, 4, 8, 2, 5, 7], sizes=(4, 4, 4), n_classes=9, div_value=1.0,
              flags=["AdaptiveInput", "EqualClusters", "Square"]),
        _case("I05", "two bands as wide as the model, none with a projection", [0, 6, 2, 5],
              sizes=(4, 4), projected=(False, False), cutoffs=[5], div_value=1.0),
        _case("I06", "one feature, one class a band", [0, 1, 2], sizes=(1, 1, 1), features=1,
              n_classes=3, cutoffs=[1, 2], div_value=1.0, flags=["AdaptiveInput", "Minimal"]),
    ]


def _reading():
    return [
        _case("I07", "every cutoff, and the class before it", [2, 3, 5, 6, 9, 0],
              flags=["AdaptiveInput", "Boundary"]),
        _case("I08", "some classes are read many times: their gradients add up",
              [4, 1, 4, 9, 4, 1, 4, 9, 4], flags=["AdaptiveInput", "Accumulation"]),
        _case("I09", "no index lies in some bands: their gradients are zeros", [4, 5, 3],
              flags=["AdaptiveInput", "UnusedCluster"]),
        _case("I10", "indices of 2 by 3: the vectors have these axes, too",
              [[0, 9, 3], [9, 4, 1]], flags=["AdaptiveInput", "NdBatch"]),
        _case("I11", "one index without an axis", 7, flags=["AdaptiveInput", "Unbatched"]),
        _case("I12", "no indices at all", [], flags=["AdaptiveInput", "EmptyBatch"]),
        _case("I13", "generic numbers, with repetitions", [8, 1, 5, 8, 0, 8, 5],
              flags=["AdaptiveInput", "Rounding"],
              numbers=lambda draw, shape: draw.generic(shape)),
    ]


def _options():
    return [
        _case("I14", "scaled by the square root of 4", [0, 5, 9, 5], scaled=True),
        _case("I15", "scaled by the square root of 3, band 0 without a projection", [1, 4, 8, 1, 8],
              sizes=(3, 2, 1), features=3, projected=(False, True, True), scaled=True),
        _case("I16", "padding is a class of band 0", [1, 5, 1, 9, 0, 2], padding_index=1,
              flags=["AdaptiveInput", "IgnoreIndex"]),
        _case("I17", "padding is a class of a tail, and class 1 is none", [1, 7, 4, 7, 0],
              padding_index=7, flags=["AdaptiveInput", "IgnoreIndex"]),
        _case("I18", "padding is 0: it is no absent one", [0, 3, 6, 0, 1], padding_index=0,
              flags=["AdaptiveInput", "IgnoreIndex"]),
        _case("I19", "padding is -100, which is no class", [-100, 4, 9, -100], padding_index=-100,
              flags=["AdaptiveInput", "IgnoreIndex"]),
    ]


def _refused():
    def bad(id, comment, index, **options):
        return _case(id, comment, index, ops=("embed",), flags=["AdaptiveInput", "Refusal"],
                     result="error", given={"error": {"kind": "target", "op": "embed"}}, **options)
    return [
        bad("I20", "an index of -1", [3, -1]),
        bad("I21", "an index of n_classes", [10, 2]),
        bad("I22", "an index of -100, where there is no padding", [-100]),
    ]
