"""gradcheck against the adaptive softmax: 16 rows, 12 features, 40 classes, cutoffs 8 and 20."""
import time
import warnings

import numpy as np
import pytest
from planted_layers import ALS_SLIPS, als, als_backward

from npadasoft import AdaptiveLogSoftmaxWithLoss, gradcheck
from npadasoft.gradcheck.numeric import Numeric
from npadasoft.gradcheck.problem import Problem, quiet


def failed(report):
    return {tensor.path for tensor in report.tensors if tensor.verdict == "FAIL"}


def test_the_written_out_loss_and_backward_are_right():
    f, params, grads, target = als(plain=False)
    assert als()[0](params) == pytest.approx(f(params), rel=1e-14)
    assert gradcheck.check(f, params, lambda p: als_backward(p, target)).verdict == "PASS"


@pytest.mark.parametrize("slip", ALS_SLIPS)
def test_a_planted_mistake_fails_at_exactly_its_tensors_with_its_hint(slip):
    f, params, _, target = als()
    paths, kind, words = ALS_SLIPS[slip]
    report = gradcheck.check(f, params, lambda p: als_backward(p, target, slip))
    assert failed(report) == set(paths)
    assert all(t.verdict == "PASS" for t in report.tensors if t.path not in paths)
    if kind:
        assert report[paths[0]].hint["kind"] == kind
        assert words in report[paths[0]].hint["text"]


def test_a_missing_one_hot_is_seen_in_the_sums_over_the_classes():
    f, params, _, target = als()
    report = gradcheck.check(f, params,
                             lambda p: als_backward(p, target, "one-hot missing for clusters"))
    assert report["parameters.tail.0.1.weight"].hint["kind"] == "sums"


def test_rows_of_one_group_averaged_among_themselves_are_told_apart_from_a_mean():
    f, params, _, target = als()
    rows = int(np.sum((8 <= target) & (target < 20)))
    report = gradcheck.check(f, params, lambda p: als_backward(p, target, "per-cluster mean"))
    hint = report["parameters.tail.0.0.weight"].hint
    assert hint["value"] == pytest.approx(16 / rows, rel=1e-12)
    assert f"16/{rows}" in hint["text"]


def test_float32_inside_a_float64_backward_is_named():
    f, params, grads, _ = als()

    def hidden(p):
        low = {"input": p["input"].astype(np.float32),
               "parameters": p["parameters"].map(lambda w: w.astype(np.float32))}
        found = grads(low)
        return {"input": found["input"].astype(float),
                "parameters": found["parameters"].map(lambda g: g.astype(float))}

    report = gradcheck.check(f, params, hidden)
    notes = [note for note in report.notes if "float32 somewhere" in note]
    assert len(notes) == 7
    assert not failed(report)


def numeric_sides(seed, scale, dtype=np.float64, inside=None):
    """(path, Numeric, analytic gradient) for each tensor; `inside` wraps f."""
    f, params, grads, _ = als(seed, scale, dtype, plain=False)
    problem = Problem(inside(f) if inside else f, params, grads)
    values, (gradients, _) = problem.start(None)
    with quiet():
        for path in problem.wrt:
            eps_f = 2 * 2.0 ** -52 * abs(values[0])
            yield path, Numeric(problem, path, gradients[path], values[0], eps_f), gradients[path]


@pytest.mark.parametrize("h", [1e-8, 1e-20, 1e-100, 1e-300])
def test_the_complex_step_agrees_with_backward_to_1e_15_of_the_largest(h):
    sides = list(numeric_sides(0, 1.0))
    largest = max(np.abs(g).max() for *_, g in sides)
    for _, numeric, g in sides:
        numeric.h = h
        with quiet():
            found = np.array([numeric.complex_at(i) for i in range(g.size)])
        assert np.abs(found - g.ravel()).max() <= 1e-15 * largest


def drawn_layer(rng):
    d, c = int(rng.integers(2, 65)), int(rng.integers(3, 2001))
    cutoffs = sorted(set(rng.integers(1, c, int(rng.integers(0, 4)) + 1).tolist()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)        # a hidden size of 0 is among them
        layer = AdaptiveLogSoftmaxWithLoss(d, c, cutoffs, div_value=2.0, head_bias=bool(d % 2),
                                           rng=rng)
    return layer, rng.normal(size=(7, d)), rng.integers(0, c, 7)


def drawn_agreement(seed):
    """Worst |complex step - backward| / largest entry of one drawn layer, 40 elements a tensor."""
    rng = np.random.default_rng(seed)
    layer, x, y = drawn_layer(rng)

    def f(p):
        return layer.with_parameters(p["parameters"])(p["input"], y).loss

    def grads(p):
        _, cache = layer.with_parameters(p["parameters"]).forward(p["input"], y)
        found = layer.backward(cache)
        return {"input": found.input, "parameters": found.parameters}

    problem = Problem(f, {"input": x, "parameters": layer.parameters}, grads)
    _, (gradients, _) = problem.start(None)
    largest = max(np.abs(g).max(initial=0) for g in gradients.values())
    worst = 0.0
    with quiet():
        for path, g in gradients.items():
            numeric = Numeric(problem, path, g, 0.0, 0.0)
            for i in rng.integers(0, g.size, 40 if g.size else 0):
                worst = max(worst, abs(numeric.complex_at(int(i)) - g.ravel()[i]) / largest)
    return worst


@pytest.mark.parametrize("seed", range(3))
def test_the_complex_step_agrees_with_backward_on_drawn_layers(seed):
    assert drawn_agreement(seed) <= 5e-15


def cast(f):
    """f whose input is rounded to single precision: noise that no fine spacing shows."""
    def inside(p):
        low = {"input": p["input"].astype(np.float32).astype(float), "parameters":
               p["parameters"].map(lambda w: w.astype(np.float32).astype(float))}
        return float(np.float32(f(low)))
    return inside


def coverage(seed, scale, inside=None, wrt=None):
    """(elements, worst error / estimate) of Richardson against the analytic gradient."""
    f, params, grads, _ = als(seed, scale)
    report = gradcheck.check(inside(f) if inside else f, params, grads, wrt=wrt,
                             method="richardson")
    return sum(t.checked for t in report.tensors), max(t.ratio for t in report.tensors), report


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_richardson_estimate_covers_the_truth(scale):
    elements, ratio, _ = coverage(0, scale, wrt="parameters.tail.*.*.weight")
    assert elements == 240 and ratio <= 0.6


def test_the_estimate_covers_the_truth_with_single_precision_inside_f():
    _, ratio, report = coverage(1, 1.0, cast, wrt="parameters.tail.*.*.weight")
    assert ratio <= 0.6
    assert any("lower precision inside" in note for note in report.notes)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("scale", [0.1, 1.0, 4.0])
def test_a_right_gradient_passes_in_every_precision(dtype, scale):
    f, params, grads, _ = als(1, scale, dtype)          # 100 seeds: in the figure
    report = gradcheck.check(f, params, grads, seed=1)
    coarse = dtype == np.float16 and scale == 4         # blunt, and said to be
    assert report.verdict == "PASS" or coarse and not failed(report), str(report)
    assert max(t.ratio for t in report.tensors) <= 0.5


def test_would_catch_is_honest():
    """Twice the printed resolution is caught at any element; a tenth of the tolerance is not."""
    rng = np.random.default_rng(0)
    f, params, grads, _ = als()
    clean = gradcheck.check(f, params, grads)
    for _ in range(5):
        tensor = clean.tensors[rng.integers(len(clean.tensors))]
        index = tuple(rng.integers(0, n) for n in tensor.shape)
        for size, verdict in ((2 * tensor.would_catch, "FAIL"), (tensor.tolerance / 10, "PASS")):
            report = gradcheck.check(f, params, planted(grads, tensor.path, index, size),
                                     wrt=tensor.path)
            assert report.verdict == verdict
            assert verdict == "PASS" or report.tensors[0].worst_index == index


def planted(grads, path, index, size):
    """grads with one element off by `size`."""
    def wrong(p):
        found = dict(gradcheck.tree.ends(grads(p)))
        found[path] = found[path].copy()
        found[path][index] += size
        return found
    return wrong


def test_the_check_is_quick():
    f, params, grads, _ = als(plain=False)
    took = []
    for _ in range(3):
        start = time.process_time()         # of the processor: what else it does is no matter
        gradcheck.check(f, params, grads)
        took.append(time.process_time() - start)
        if took[-1] < 3.0:
            break
    assert min(took) < 3.0                  # 0.3 s on a quiet core


def test_a_check_asks_f_seldom_enough():
    """A thousand elements of a function of 1 ms: in 30 s, even where it takes real numbers only."""
    A = np.random.default_rng(0).normal(size=(20, 100))
    x = np.random.default_rng(1).normal(size=100)
    slow = gradcheck.check(lambda x: float(np.sum(np.tanh((A @ x).real / 4) ** 2)), x, lambda x: (
        A.T @ (np.tanh(A @ x / 4) / np.cosh(A @ x / 4) ** 2) / 2))
    quick = gradcheck.check(lambda x: np.sum(np.tanh(A @ x / 4) ** 2), x, lambda x: (
        A.T @ (np.tanh(A @ x / 4) / np.cosh(A @ x / 4) ** 2) / 2))
    assert slow.verdict == quick.verdict == "PASS"
    assert slow.evaluations["f"] <= 25 * 100 and quick.evaluations["f"] <= 100 + 200
