"""Tables: gradcheck beside torch, JAX's rule and SciPy; clean runs; honesty of the resolution."""
import numpy as np
import pytest
from planted_layers import als
from test_gradcheck_adaptive import (coverage, drawn_agreement, failed, numeric_sides, planted)
from test_gradcheck_probes import FUNCTIONS, off
from torch_rule import torch_accepts

from npadasoft import gradcheck
from npadasoft.gradcheck.problem import quiet
from npadasoft.gradcheck.sizes import signs


# ---------------------------------------------------------------- the rules of others

def jax_rule(f, g, x, seed):
    """jax.test_util.check_grads, reverse mode, written out: JAX itself is not needed.

    One Gaussian tangent u, a central difference with step 1e-4 along it, and in float64
    |u.g - n| <= 1e-5 + 1e-5 |n|  (EPS and default_gradient_tolerance of jax.test_util).
    """
    u = np.random.default_rng(seed).normal(size=x.shape)
    numeric = (f(x + 1e-4 * u) - f(x - 1e-4 * u)) / 2e-4
    return abs(np.vdot(u, g(x)) - numeric) <= 1e-5 + 1e-5 * abs(numeric)


def torch_rule(f, g, x, seed):
    """torch.autograd.gradcheck(fast_mode=True) of a function with a hand-written backward."""
    pytest.importorskip("torch")
    return torch_accepts(f, g, x, seed, fast=True)


def ours(f, g, x, seed):
    return gradcheck.check(f, x, g, seed=seed).verdict == "PASS"


RULES = {"npadasoft": ours, "torch fast mode": torch_rule, "JAX's rule": jax_rule}


def passes(rule, name, n, size, seeds):
    """How often `rule` accepts a gradient with one element off by `size`."""
    f, g = FUNCTIONS[name]
    accepted = 0
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        x, index = rng.normal(size=n), int(rng.integers(n))
        accepted += bool(rule(f, off(g, index, size), x, seed))
    return accepted


def check_grad_norms(name, n, size):
    """What scipy.optimize.check_grad returns for the right and for the wrong gradient."""
    optimize = pytest.importorskip("scipy.optimize")
    f, g = FUNCTIONS[name]
    x = np.random.default_rng(0).normal(size=n)
    return (optimize.check_grad(f, g, x), optimize.check_grad(f, off(g, 3, size), x))


def test_others_let_a_wrong_element_pass_that_is_caught_here():
    n = 2 ** 14
    assert passes(ours, "square", n, 0.0, 2) == 2
    assert passes(ours, "square", n, 1e-3, 2) == 0
    assert passes(torch_rule, "square", n, 1e-3, 2) == 2
    assert passes(jax_rule, "square", n, 1e-6, 2) == 2


@pytest.mark.figures
def test_figure_beside_other_checkers():
    print("\nright (0) and wrong gradients accepted; one element off by d; N(0,1) input")
    for name in FUNCTIONS:
        for n in (100, 10_000, 2 ** 20):
            for rule_name, rule in RULES.items():
                seeds = 20
                row = [(d, passes(rule, name, n, d, seeds)) for d in (0.0, 1e-6, 1e-3, 0.1, 4.0)]
                print(f"{name:8} N = {n:<8} {rule_name:16}"
                      + "  ".join(f"d={d:g}: {k}/{seeds}" for d, k in row), flush=True)
                if rule is ours:
                    assert row[0][1] == seeds and not any(k for _, k in row[1:])
        right, wrong = check_grad_norms(name, 1000, 1e-6)
        print(f"{name:8} N = 1000     scipy check_grad returns {right:.2g} for the right gradient, "
              f"{wrong:.2g} with one element off by 1e-6: no verdict", flush=True)


# ---------------------------------------------------------------- our own figures

@pytest.mark.figures
def test_figure_of_the_complex_step_against_backward():
    print("\ncomplex step against backward, worst difference / largest entry")
    for h in (1e-8, 1e-20, 1e-100, 1e-300):
        sides, worst = list(numeric_sides(0, 1.0)), 0.0
        largest = max(np.abs(g).max() for *_, g in sides)
        for _, numeric, g in sides:
            numeric.h = h
            with quiet():
                found = np.array([numeric.complex_at(i) for i in range(g.size)])
            worst = max(worst, np.abs(found - g.ravel()).max() / largest)
        print(f"562 numbers, h = {h:g}: {worst:.2g}")
        assert worst <= 1e-15
    drawn = max(drawn_agreement(seed) for seed in range(30))
    print(f"30 drawn layers up to D = 64, C = 2000: {drawn:.2g}")
    assert drawn <= 5e-15


def single(f):
    def inside(p):
        return float(f({"input": p["input"].astype(np.float32),
                        "parameters": p["parameters"].map(lambda w: w.astype(np.float32))}))
    return inside


@pytest.mark.figures
@pytest.mark.parametrize("scale", [0.1, 1.0, 3.0])
@pytest.mark.parametrize("inside", [None, single], ids=["float64", "float32"])
def test_figure_of_the_richardson_estimate(inside, scale):
    """Rows: error / estimate of Richardson, the worst of 562 elements, of three seeds."""
    for seed in range(3):
        elements, ratio, _ = coverage(seed, scale, inside)
        print(f"scale {scale:<4g} seed {seed} {'float32 inside f' if inside else '':16} "
              f"{elements} elements: {ratio:.2f}", flush=True)
        assert ratio <= 1


@pytest.mark.figures
@pytest.mark.parametrize("scale", [0.1, 1.0, 2.0])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_figure_of_clean_runs(dtype, scale):
    """Rows: 100 seeds of the adaptive softmax loss."""
    verdicts, ratio, alarms = {}, 0.0, 0
    for seed in range(100):
        f, params, grads, _ = als(seed, scale, dtype)
        report = gradcheck.check(f, params, grads, seed=seed)
        alarms += bool(failed(report))
        ratio = max([ratio] + [t.ratio for t in report.tensors])
        for tensor in report.tensors:
            verdicts[tensor.verdict] = verdicts.get(tensor.verdict, 0) + 1
    print(f"{dtype.__name__:8} scale {scale:<4g} alarms {alarms}, worst ratio {ratio:.2f}, "
          f"tensors {verdicts}", flush=True)
    assert not alarms and ratio <= 0.5


@pytest.mark.figures
def test_figure_of_an_honest_resolution():
    rng, caught, quietly = np.random.default_rng(0), 0, 0
    f, params, grads, _ = als()
    clean = gradcheck.check(f, params, grads)
    for _ in range(100):
        tensor = clean.tensors[rng.integers(len(clean.tensors))]
        index = tuple(int(rng.integers(0, n)) for n in tensor.shape)
        for size in (2 * tensor.would_catch, tensor.tolerance / 10):
            report = gradcheck.check(f, params, planted(grads, tensor.path, index, size),
                                     wrt=tensor.path)
            named = report.verdict == "FAIL" and report.tensors[0].worst_index == index
            if size > tensor.tolerance:
                caught += named
            else:
                quietly += report.verdict != "FAIL"
    print(f"\nerrors of twice `would catch`: {caught}/100 FAIL at the element; of a tenth of the "
          f"tolerance: {quietly}/100 no FAIL")
    assert caught == quietly == 100


@pytest.mark.figures
def test_figure_of_probes_that_miss():
    print("\ndraws of 8 probes in which all miss an error of d = 2 would_catch, of 10 000; and for "
          "Rademacher")
    rng = np.random.default_rng(1)
    for error in ((1,), (1, -1), (2, -1, -1)):
        missed = []
        for rademacher in (False, True):
            u = signs(rng, (len(error), 10_000, 8))
            u = np.sign(u) if rademacher else u
            seen = np.abs(np.tensordot(np.array(error) * 16.0, u, 1)) > 4
            missed.append(int((~seen.any(axis=1)).sum()))
        print(f"error pattern {error}: {missed[0]}, {missed[1]}")
        assert missed[0] == 0
