"""Planted mistakes in ten small layers; correct gradients of the same."""
import warnings
from collections import Counter

import numpy as np
import pytest
from planted_layers import LAYERS, generic

from npadasoft import gradcheck
from npadasoft.gradcheck import tree

NAMES = [layer.name for layer in LAYERS]
SMOOTH_AT_1E6 = {"linear", "layer norm", "embedding", "convolution", "log-sum-exp",
                 "L2 normalisation", "adaptive softmax"}


def check(layer, params, grads, seed=0, **options):
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return gradcheck.check(layer.f, params, grads, seed=seed, **options)


def by_path(layer, params, cotangent, slip=None):
    found = tree.ends(layer.grads(params, cotangent, slip))
    return {path: g for path, g in found.items() if g is not None}


def truly_wrong(layer, params, report, slip):
    """Paths whose gradient the slip really changes, and where."""
    problem = gradcheck.problem.Problem(layer.f, params, layer.grads, seed=report.seed)
    problem.start(None)
    right = by_path(layer, params, problem.cotangent)
    wrong = by_path(layer, params, problem.cotangent, slip)
    return {path: np.abs(wrong[path] - right[path]) > 1e-9 * np.abs(right[path]).max()
            for path in right}


@pytest.mark.parametrize("layer", LAYERS, ids=NAMES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_each_slip_fails_at_its_tensors_and_names_a_wrong_element(layer, dtype):
    params = layer.draw(np.random.default_rng(1), dtype, 1.0)
    for slip, paths in layer.slips.items():
        report = check(layer, params, lambda p, c: layer.grads(p, c, slip))
        bad = {t.path: t for t in report.tensors if t.verdict == "FAIL"}
        assert set(paths) <= set(bad), (slip, str(report))
        where = truly_wrong(layer, params, report, slip)
        for path, tensor in bad.items():
            assert where[path][tensor.worst_index], (slip, path)


def generic_run(layer, dtype, seed, part=1):
    """(mistakes planted, FAIL at that tensor alone with a wrong element named).

    Of the six mistakes every `part`-th, another one for each tensor.
    """
    params = layer.draw(np.random.default_rng(seed), dtype, 1.0)
    planted = caught = 0
    for k, path in enumerate(t.path for t in check(layer, params, layer.grads).tensors):
        for mistake in list(generic(dtype).values())[k % part::part]:
            report = check(layer, params, planted_in(layer, path, mistake), seed)
            tensors = {t.path: t.verdict for t in report.tensors}
            planted += 1
            caught += (tensors.pop(path) == "FAIL" and set(tensors.values()) == {"PASS"}
                       and report[path].worst_index is not None)
    return planted, caught


def planted_in(layer, path, mistake):
    def grads(p, c):
        found = by_path(layer, p, c)
        found[path] = mistake(np.asarray(found[path]))
        return found
    return grads


@pytest.mark.parametrize("layer", LAYERS, ids=NAMES)
def test_six_mistakes_in_the_tensors_of_every_layer_are_named(layer):
    """Each of the six in some tensor of a layer; in every tensor: in the figure."""
    params = layer.draw(np.random.default_rng(0), np.float64, 1.0)
    part = min(6, len(by_path(layer, params, layer.f(params))))
    planted, caught = generic_run(layer, np.float64, 0, part)
    assert planted >= 6 and caught == planted


def clean_run(layer, dtype, scale, seeds):
    """Verdicts of right gradients: (Counter over tensors, worst ratio of a PASS)."""
    verdicts, ratio = Counter(), 0.0
    for seed in seeds:
        params = layer.draw(np.random.default_rng(seed), dtype, scale)
        for tensor in check(layer, params, layer.grads, seed).tensors:
            vanished = abs(tensor.numeric or 0) + abs(tensor.analytic or 0) == 0
            underflow = vanished and tensor.verdict in ("INCONCLUSIVE", "VACUOUS")
            verdicts["underflow" if underflow else tensor.verdict] += 1
            if tensor.verdict == "PASS":
                ratio = max(ratio, tensor.ratio)
    return verdicts, ratio


@pytest.mark.parametrize("layer", LAYERS, ids=NAMES)
def test_right_gradients_never_fail(layer):
    for dtype, scale in ((np.float64, 1e-6), (np.float64, 1.0), (np.float64, 1e6),
                         (np.float32, 1.0)):
        verdicts, _ = clean_run(layer, dtype, scale, range(1))
        assert not verdicts["FAIL"]
        if scale <= 1 or layer.name in SMOOTH_AT_1E6:
            assert set(verdicts) == {"PASS"}, (dtype, scale, verdicts)


@pytest.mark.figures
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("layer", LAYERS, ids=NAMES)
def test_figure_of_right_gradients(layer, dtype, scale):
    """Rows: layer, dtype, scale, the worst ratio, and verdicts of tensors over 200 seeds."""
    verdicts, ratio = clean_run(layer, dtype, scale, range(200))
    print(f"{layer.name:17} {dtype.__name__:8} {scale:<8g} worst ratio {ratio:.2f}  "
          + ", ".join(f"{n} {v}" for v, n in sorted(verdicts.items())), flush=True)
    smooth = sum(verdicts.values()) - verdicts["underflow"]
    assert not verdicts["FAIL"] and (scale > 1 or verdicts["PASS"] >= 0.999 * smooth)


@pytest.mark.figures
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("layer", LAYERS, ids=NAMES)
def test_figure_of_planted_mistakes(layer, dtype):
    """Rows: layer, dtype, mistakes caught at the tensor concerned and there alone / planted."""
    counts = np.sum([generic_run(layer, dtype, seed) for seed in range(20)], axis=0)
    print(f"{layer.name:17} {dtype.__name__:8} {counts[1]} / {counts[0]}", flush=True)
    assert counts[0] == counts[1]
