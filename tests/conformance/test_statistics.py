"""Errors taken together: no correct port is accused, and what stays within every bound is caught.
"""
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from oracles import ORDERS, STYLES, Layer

from npadasoft.conformance.golden import expected, vectors_io
from npadasoft.conformance.golden.cases.rounding import recipes
from npadasoft.conformance.golden.recipe import build, config
from npadasoft.conformance.judge.compare import compare
from npadasoft.conformance.judge.numbers import unit
from npadasoft.conformance.judge.session import Session
from npadasoft.conformance.judge.statistics import SIGMA, statistic, statistics
from npadasoft.conformance.judge.verdict import judge
from npadasoft.conformance.ports.ours import Ours
from npadasoft.conformance.wire.messages import Answer

CASES = vectors_io.select(vectors_io.load(), with_flags=["Statistics"])
DTYPES = ("float64", "float32")
KERNELS = ("Prescott", "Haswell", "Zen", "SkylakeX")


def answers(layer):
    """All that a `Layer` gives of what is stored of its case."""
    stored = layer.case["expected"]
    found = layer.forward() if "output" in stored else {"log_prob": layer.log_prob()}
    if "grad.input" in stored:
        found |= layer.backward(found)
    return {name: np.asarray(found[name], float) for name in stored}


def test_what_roundings_give_on_average_is_in_the_file_as_it_is_computed():
    recipe = next(r for r in recipes() if r.id == "R02")
    stored = next(c for c in CASES if c["id"] == "R02")["expected"]["log_prob"]
    found = expected.tensors(recipe)["log_prob"]
    assert all(found[part] == stored[part] for part in ("sd", "toward", "group"))


def test_what_roundings_give_on_average_is_less_than_they_may_give():
    targets = [(3 * n) % 10 for n in range(8)]
    recipe = build("R99", "small", ["Statistics"], config(6, 10, [6], 2.0), targets,
                   cotangents=("output", "loss"), numbers=lambda draw, shape: draw.generic(shape))
    found = {name: t for name, t in expected.tensors(recipe).items() if "sd" in t}
    assert set(found) == {"grad.input", "grad.head.weight", "grad.tail.0.0.weight",
                          "grad.tail.0.1.weight"}
    for t in found.values():
        assert all(0 < sd < bound for sd, bound in zip(t["sd"], t["err"], strict=True))


def seen(make, dtypes=DTYPES):
    """(id, dtype) -> (whether some number is beyond its bound, the statistics that are wrong)."""
    found = {}
    for case in CASES:
        for dtype in dtypes:
            got = answers(make(case, np.dtype(dtype)))
            beyond = any(c.differs for c in compare(case, dtype, got).values())
            wrong = [s for s in statistics(case, dtype, got) if s.wrong]
            found[case["id"], dtype] = beyond, wrong
    return found


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("order", ORDERS)
def test_a_correct_layer_is_accused_in_no_style_and_order(style, order):
    assert set(map(str, seen(lambda c, d: Layer(c, d, style, order)).values())) == {"(False, [])"}


class Truncates(Layer):
    """Sums one product after the other, and cuts off what does not fit: [Knuth's two-sum]."""

    def dot(self, a, b):
        total = np.zeros((len(a), b.shape[1]), a.dtype)
        for k in range(a.shape[1]):
            term = a[:, k, None] * b[k]
            new = total + term
            back = new - total
            lost = (total - (new - back)) + (term - back)
            total = np.where(lost * new < 0, np.nextafter(new, 0), new)
        return total


class Halves(Layer):
    """Factors of two bfloat16 numbers each, as some "fast float32" modes have them."""

    def dot(self, a, b):
        def upper(v):
            bits = np.ascontiguousarray(v, np.float32).view(np.uint32)
            return ((bits + 0x7fff) & 0xffff0000).view(np.float32)
        (ah, al), (bh, bl) = ((upper(v), upper(v - upper(v))) for v in (a, b))
        return ah @ bh + (ah @ bl + al @ bh)


class Leans(Layer):
    """An exp that is too large, or too small, by six tenths of a last place."""

    ulp = 0.6

    def log_softmax(self, z):
        m = z.max(-1, keepdims=True)
        right = np.exp(np.asarray(z - m, np.longdouble))
        e = (right + self.ulp * np.spacing(right.astype(z.dtype))).astype(z.dtype)
        total = np.log(self.sum(e, -1))[:, None]
        return z - (m + total) if self.style == STYLES[2] else z - m - total


class LeansDown(Leans):
    ulp = -0.6


@pytest.mark.parametrize("wrong, style, dtypes, where", [
    (Truncates, STYLES[1], DTYPES, {"R03", "R04"}), (Halves, STYLES[1], ["float32"], {"R03"}),
    (Leans, STYLES[1], DTYPES, {"R01"}), (LeansDown, STYLES[1], DTYPES, {"R01"}),
    (Leans, STYLES[2], DTYPES, {"R01"})])
def test_what_stays_within_every_bound_is_caught_by_all_its_errors_together(
        wrong, style, dtypes, where):
    found = seen(lambda c, d: wrong(c, d, style, "blas"), dtypes)
    for dtype in dtypes:
        assert where <= {id for (id, d), (_, wrong) in found.items() if d == dtype and wrong}
        assert not any(found[id, dtype][0] for id in where - {"R04"})       # no number shows it


@pytest.mark.parametrize("function", ["exp", "log"])
def test_the_exp_or_log_of_float32_in_float64_is_beyond_the_bounds(function, monkeypatch):
    right = getattr(np, function)
    monkeypatch.setattr(np, function, lambda v: right(v.astype(np.float32)).astype(v.dtype))
    found = seen(lambda c, d: Layer(c, d, STYLES[1], "blas"), ["float64"])
    assert all(beyond for beyond, _ in found.values())


# ------------------------------------------------------------------ the model of a product sum

def chain(a, b, how):
    """One product after the other: with fma, without, or cutting off what does not fit."""
    total = np.zeros(len(a), np.float32)
    for k in range(a.shape[1]):
        product = a[:, k].astype(float) * b[:, k]                           # exact
        exact = total + (product.astype(np.float32) if how == "plain" else product)
        total = exact.astype(np.float32)
        if how == "truncates":
            total = np.where(np.abs(total) > np.abs(exact), np.nextafter(total, np.float32(0)),
                             total)
    return total


def pairwise(a, b):
    terms = a * b
    while terms.shape[1] > 1:
        terms = terms[:, ::2] + terms[:, 1::2]
    return terms[:, 0]


@pytest.mark.parametrize("n", [64, 256, 4096])
def test_product_sums_of_any_length_and_order_are_what_the_model_says(n):
    """One chain with fma and without, pairwise, and BLAS; a chain that truncates is not."""
    rng = np.random.default_rng(n)
    a, b = (rng.uniform(-1, 1, (1000, n)).astype(np.float32) for _ in range(2))
    exact = (a.astype(float) * b).sum(1)
    sd = np.sqrt(n / 3 * (a.astype(float) ** 2 * b ** 2).sum(1))
    block = {"data": exact.tolist(), "shape": [1000], "sd": sd.tolist(), "group": 1,
             "toward": "".join("-" if v > 0 else "+" for v in exact)}
    sums = {how: chain(a, b, how) for how in ("fma", "plain", "truncates")}
    sums |= {"pairwise": pairwise(a, b), "blas": (a[:, None] @ b[:, :, None]).ravel()}
    found = {how: statistic("output", got, block, "float32") for how, got in sums.items()}
    assert {how for how, s in found.items() if s.wrong} == {"truncates"}
    assert found["truncates"].rms > 4 and found["truncates"].lean > 20
    assert 0.4 < found["plain"].rms < 1                 # the model is no loose one


def test_an_error_of_one_sign_is_told_with_its_side_and_one_of_none_is_not():
    case = next(c for c in CASES if c["id"] == "R01")
    block, u = case["expected"]["output"], unit("float64")
    want = np.array(block["data"])
    up = statistic("output", want + 0.9 * u * np.array(block["sd"]), block, "float64")
    assert up.wrong and up.lean > 5 * SIGMA and "lean to one side by" in up.message
    right = statistic("output", want, block, "float64")
    assert not right.wrong and right.lean == right.rms == 0
    assert statistic("output", np.full(1024, np.nan), block, "float64") is None


def test_the_verdict_and_its_message_come_from_the_statistics():
    case = next(c for c in CASES if c["id"] == "R03")
    got = answers(Truncates(case, np.dtype("float32"), STYLES[1], "blas"))
    result = judge(case, "float32", {"log_prob": Answer(results=got)})
    assert result.verdict == "fail" and not result.differing
    assert result.message.startswith("log_prob: the errors of 2560 numbers, each within its bound, "
                                     "are 7.") and "truncated?" in result.message


KERNEL = """
import sys
from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge.session import Session
from npadasoft.conformance.ports import load
cases = vectors_io.select(vectors_io.load(), only=["R*"])
for name in sys.argv[1:]:
    for r in Session(load(name), cases).run(["float64", "float32"]):
        for s in r.statistics:
            print(f"{name:14} {r.id} {r.dtype:8} {s.tensor:22} {s.rms:6.2f} {s.most:5.2f}",
                  "     -" if s.lean is None else f"{s.lean:6.2f} {4 + s.drift:5.2f}",
                  "ACCUSED" if s.wrong else "")
"""


def on_kernel(kernel, *ports):
    """What the statistics of these ports are with one kernel of OpenBLAS; None if this processor
    has not its instructions.
    """
    done = subprocess.run([sys.executable, "-c", KERNEL, *ports], text=True, capture_output=True,
                          env={**os.environ, "OPENBLAS_CORETYPE": kernel},
                          cwd=Path(__file__).parents[2])
    if done.returncode == -signal.SIGILL:
        return None
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_another_kernel_of_blas_accuses_no_one():
    out = on_kernel("Prescott", "ours", "ours-blocked")
    assert out.count("\n") > 20 and "ACCUSED" not in out


@pytest.mark.figures
def test_the_statistics_of_ports_that_are_here_on_every_kernel():
    for kernel in KERNELS:
        out = on_kernel(kernel, "ours", "ours-blocked", "torch", "torch-compile", "onnxruntime")
        if out is None:
            print(f"\nOPENBLAS_CORETYPE={kernel}: not for this processor")
            continue
        print(f"\nOPENBLAS_CORETYPE={kernel}, NumPy {np.__version__}: rms (at most), lean (at "
              f"most)\n{out}")
        assert "ACCUSED" not in out


def test_the_layer_is_not_accused():
    results = Session(Ours(), CASES).run(["float64", "float32", "float16"])
    assert {r.verdict for r in results} == {"pass"} and len(results) >= 2 * len(CASES)
