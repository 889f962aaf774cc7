"""The head alone: cross-entropy of a linear map over all classes (`cutoffs` is empty)."""
from typing import Any

from npadasoft.conformance.golden.recipe import (BACKWARD, FORWARD, Recipe, build, config,
                                                 integer_tensor, tensor)

NEW: dict[str, Any] = {"since": "1.1.0"}
LINEAR: dict[str, Any] = {**NEW, "tier": "linear"}


def recipes():
    return [*_ordinary(), *_numbers(), *_refused(), *_beyond()]


def head(D, C, bias=True, **options):
    return config(D, C, [], 1.0, bias, **options)


def _case(id, comment, flags, targets, layer=None, *, ops=BACKWARD, more=LINEAR, **options):
    return build(id, comment, ["LinearHead", *flags], layer or head(4, 9, **options), targets,
                 ops=ops, **more)


def _ordinary():
    rows = [0, 8, 3, 3, 7]
    padded = [4, -100, 8, 1, -100]
    return [
        _case("L01", "the mean over five rows, with a bias", ["ExactGemm", "HeadBias"], rows),
        _case("L02", "without a bias", ["ExactGemm"], rows, head(4, 9, False)),
        _case("L03", "a sum", ["Reduction"], rows, reduction="sum"),
        _case("L04", "not reduced: each row's loss has its own cotangent", ["Reduction"], rows,
              reduction="none"),
        _case("L05", "the head alone, padding of -100 in two of five rows: the mean is over three",
              ["IgnoreIndex"], padded, ignore_index=-100),
        _case("L06", "padding, and not reduced: rows of padding cost 0", ["IgnoreIndex",
              "Reduction"], padded, ignore_index=-100, reduction="none"),
        _case("L07", "a sum over rows of which two are padding", ["IgnoreIndex", "Reduction"],
              padded, ignore_index=-100, reduction="sum"),
        _case("L08", "labels are smoothed by an eighth", ["LabelSmoothing"], rows,
              label_smoothing=0.125),
        _case("L09", "labels are smoothed, two rows are padding", ["LabelSmoothing", "IgnoreIndex"],
              padded, ignore_index=-100, label_smoothing=0.25),
        _case("L10", "one class: it costs nothing", ["Minimal"], [0, 0], head(3, 1)),
        _case("L11", "one row", ["SingleRow"], [5]),
        _case("L12", "one feature", ["Minimal"], [2, 0], head(1, 3)),
    ]


def _numbers():
    def numbers(draw, shape):
        return draw.generic(shape)
    many = [(7 * n) % 24 for n in range(40)]
    return [
        build("L13", "generic numbers", ["LinearHead", "Rounding"], head(16, 20),
              [0, 19, 7, 12, 3, 3], numbers=numbers, **LINEAR),
        build("L14", "forty rows and 24 classes: blocks of rows and of classes end within them",
              ["LinearHead", "Accumulation"], head(5, 24), many, **LINEAR),
        build("L15", "the bias alone decides: all weights are 0", ["LinearHead", "HeadBias"],
              head(3, 8), [1, 6, 0], change=_no_weights, **LINEAR),
        build("L16", "scores of about 1024, close to each other", ["LinearHead", "Shift"],
              head(3, 7), [2, 5, 0], change=_lifted, **LINEAR),
        build("L17", "scores that are 400 apart: all but one probability are below 1e-170",
              ["LinearHead", "Spread"], head(1, 4), [0, 3], change=_spread, **LINEAR),
    ]


def _refused():
    def case(id, comment, target, **options):
        x = tensor([2, 3], [0.5, -0.25, 1.0, 0.75, 0.5, -1.0])
        whole = build(id, comment, ["LinearHead", "Refusal"], head(3, 6, **options), [0, 0],
                      input=x, ops=FORWARD, **LINEAR)
        whole.inputs["target"] = integer_tensor([target, 2])
        return Recipe(**{**vars(whole), "result": "error", "given": {
            "error": {"kind": "target", "op": "linear"}}})
    return [
        case("L18", "a target of n_classes, in the head alone", 6),
        case("L19", "a target of -1 that is not the ignored index, in the head alone", -1,
             ignore_index=-100),
    ]


def _beyond():
    sharp: dict[str, Any] = {**NEW, "tier": "excellence"}
    quality: dict[str, Any] = {**NEW, "tier": "quality"}
    return [
        build("L20", "confident rows of the head alone: losses of 1e-5 to 1e-19",
              ["LinearHead", "Confident"], head(1, 4, False, reduction="none"), [0, 0, 0],
              input=tensor([3, 1], [12.0, 24.0, 48.0]), change=_confident, **sharp),
        build("L21", "a confident row of the head alone, and its mean",
              ["LinearHead", "Confident"], head(1, 3, False), [0],
              input=tensor([1, 1], [40.0]), change=_confident, **sharp),
        _case("L22", "all rows are padding: a loss of nan, gradients of 0", ["IgnoreIndex"],
              [-100, -100], ignore_index=-100, more=quality),
        build("L23", "no rows, in the head alone: gradients of zeros", ["LinearHead", "EmptyBatch"],
              head(3, 7), [], input=tensor([0, 3], []), **quality),
    ]


def _no_weights(params, inputs):
    params["head.weight"]["data"] = [0.0] * len(params["head.weight"]["data"])


def _lifted(params, inputs):
    params["head.bias"]["data"] = [1024 + v for v in params["head.bias"]["data"]]


def _spread(params, inputs):
    params["head.weight"]["data"] = [400.0, 0.0, -400.0, 8.0]
    params["head.bias"]["data"] = [0.0, 0.5, -0.5, 0.25]
    inputs["input"]["data"] = [1.0, -1.0]


def _confident(params, inputs):
    C = len(params["head.weight"]["data"])
    params["head.weight"]["data"] = [1.0] + [k / 16 for k in range(C - 1)]
