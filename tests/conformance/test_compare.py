"""The comparison rule: what it lets pass, what it does not, and where a divergence begins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge.compare import (ancestors, bounds, compare, compare_tensor,
                                                 origins, terms, values)
from npadasoft.conformance.judge.laws import check_laws
from npadasoft.conformance.judge.numbers import hex_bits, precision, round_to, tiny, ulp64, unit
from npadasoft.conformance.judge.plan import requests_of
from npadasoft.conformance.judge.verdict import judge
from npadasoft.conformance.ports.ours import Ours

CASES = {case["id"]: case for case in vectors_io.load()}
DTYPES = ("float64", "float32", "float16", "bfloat16")


def block(data, err=None, shape=None, **more):
    return {
        "shape": [len(data)] if shape is None else shape,
        "data": data,
        "after": ["input"],
        **({} if err is None else {"err": err}),
        **more,
    }


def differs(got, stored, dtype="float64", n_terms=0, loose=False):
    return compare_tensor(
        "output", np.array(got, dtype=float), stored, dtype, n_terms, loose
    ).differs


# ------------------------------------------------------------------ number types


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@given(st.floats(width=64))
@settings(deadline=None, derandomize=True, max_examples=300)
def test_rounding_to_a_number_type_is_that_of_numpy(dtype, value):
    with np.errstate(over="ignore"):
        want = np.float64(np.dtype(dtype).type(value))
    assert np.array_equal(round_to(value, dtype), want, equal_nan=True)


@given(st.floats(width=32))
@settings(deadline=None, derandomize=True, max_examples=300)
def test_rounding_to_bfloat16_is_that_of_its_bits(value):
    bits = int(np.float32(value).view(np.uint32))
    if np.isnan(value):
        assert np.isnan(round_to(value, "bfloat16"))
        return
    kept = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000  # nearest, ties to even
    assert round_to(value, "bfloat16") == np.uint32(kept).view(np.float32)


def test_units_and_smallest_numbers_are_those_of_the_types():
    assert [unit(d) for d in DTYPES] == [2.0**-53, 2.0**-24, 2.0**-11, 2.0**-8]
    assert tiny("float64") == 5e-324 and tiny("float32") == np.finfo(np.float32).smallest_subnormal
    assert (
        tiny("float16") == np.finfo(np.float16).smallest_subnormal and tiny("bfloat16") == 2.0**-133
    )
    assert [precision(d) for d in DTYPES] == [53, 24, 11, 8]
    assert hex_bits(0.1, "float64") == "3fb999999999999a" and hex_bits(0.1, "float32") == "3dcccccd"


# ------------------------------------------------------------------ the rule


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_number_passes_up_to_its_bound_and_no_further(dtype):
    want, err = 0.75, 40.0
    allowed = 1.01 * err * unit(dtype) + float(ulp64(want)) / 2
    step = 2 * unit(dtype)  # neighbours of 0.75
    inside = want + np.floor(allowed / step) * step
    assert not differs([inside], block([want], [err]), dtype)
    assert differs([inside + step], block([want], [err]), dtype)


def test_the_smallest_numbers_pass_as_often_as_there_are_terms():
    stored = block([0.0], [0.0])
    assert not differs([3 * 5e-324], stored, n_terms=3)
    assert differs([4 * 5e-324], stored, n_terms=3)


def test_what_is_exact_is_compared_as_equal_numbers():
    stored = block([0.5, 0.0], [100.0, 100.0], exact_bits=11)
    for dtype in ("float64", "float32", "float16"):
        assert not differs([0.5, -0.0], stored, dtype)
        assert differs([0.5 + 2 * unit(dtype), 0.0], stored, dtype)
    assert not differs(
        [0.5 + 2 * unit("bfloat16"), 0.0], stored, "bfloat16"
    )  # 8 bits do not suffice


def test_a_sharp_bound_is_relative():
    stored = {"shape": [2], "data": [1e-22, 1.0], "err_sharp": [10.0, 10.0], "after": []}
    assert not differs([1e-22 * (1 + 9 * unit("float64")), 1.0], stored)
    assert differs([0.0, 1.0], stored) and differs([1.1e-22, 1.0], stored)


def test_an_answer_is_read_as_the_nearest_number_of_the_dtype():
    stored = block([float(np.float32(0.1))], exact_bits=24)
    assert not differs([0.1], stored, "float32") and differs([0.1], stored, "float64")


def test_nan_matches_nan_and_infinity_its_own_sign():
    stored = block(["nan", "inf", "-inf"], [0.0, 0.0, 0.0])
    assert not differs([np.nan, np.inf, -np.inf], stored)
    for wrong in ([0.0, np.inf, -np.inf], [np.nan, -np.inf, -np.inf], [np.nan, np.inf, -1e308]):
        assert differs(wrong, stored)
    assert differs([np.nan], block([1.0], [1e9])) and differs([np.inf], block([1.0], [1e9]))


def test_in_a_non_finite_case_nan_matches_what_is_not_finite():
    stored = block(["nan"], [0.0])
    assert not differs([np.inf], stored, loose=True) and differs([np.inf], stored)
    assert differs([1.0], stored, loose=True)
    assert differs([np.nan], block(["inf"], [0.0]), loose=True)


def test_what_no_number_of_the_dtype_can_hold_is_infinite_in_it():
    stored = block([1e300, 1e-300], [1.0, 1.0])
    assert not differs([np.inf, 0.0], stored, "float32", 1) and differs(
        [np.inf, 0.0], stored, "float64"
    )


def test_a_shape_is_part_of_the_value():
    assert differs([[1.0]], block([1.0])) and differs(1.0, block([1.0]))
    assert not differs(1.0, block([1.0], shape=[]))
    assert not differs(np.zeros((0, 3)), block([], [], shape=[0, 3]))
    assert differs(np.zeros((0, 3)), block([], [], shape=[0, 4]))


def test_of_a_large_tensor_named_places_are_compared():
    stored = block([5.0, 7.0], [0.0, 0.0], shape=[2, 4], at=[1, 7])
    good = np.array([[9, 5, 9, 9], [9, 9, 9, 7.0]])
    assert not compare_tensor("output", good, stored, "float64", 0).differs
    bad = compare_tensor("output", good + [[0], [1]], stored, "float64", 0)
    assert bad.differs and bad.worst.index == (1, 3) and bad.worst.got == 8.0


def test_the_worst_element_is_named_with_its_distance():
    stored = block([1.0, 1.0, 1.0], [10.0, 10.0, 10.0])
    u = unit("float64")
    found = compare_tensor("output", np.array([1.0, 1 + 40 * u, 1 + 20 * u]), stored, "float64", 0)
    assert (found.n_differing, found.worst.index) == (2, (1,))
    assert found.worst.ulps == pytest.approx(20) and found.ratio == pytest.approx(
        40 / 11.1, rel=1e-3
    )
    exact = compare_tensor("cluster", np.array([1.0, 0.0]), block([1, 1]), "float64", 0)
    assert exact.worst.ratio is None and (exact.worst.got, exact.worst.want) == (0.0, 1.0)


def test_predict_may_name_any_class_of_its_set():
    stored = {"shape": [2], "sets": [[0, 2], [5]], "after": ["log_prob"]}
    assert not differs([2, 5], stored) and not differs([0, 5], stored)
    found = compare_tensor("predict", np.array([1.0, 4.0]), stored, "float64", 0)
    assert found.n_differing == 2 and found.worst.want == [0, 2]
    assert compare_tensor("predict", np.array([0.0, 4.0]), stored, "float64", 0).worst.want == 5
    assert differs([0.0], stored) and differs([[0], [5]], stored)


def test_of_acceptable_answers_the_one_that_fits_counts():
    case = {**CASES["T03"], "result": "acceptable"}
    one, other = {"loss": block([1.0], [0.0], [])}, {"loss": block([2.0], [0.0], [])}
    case["expected"] = {"any_of": [one, other]}
    for value, wrong in ((1.0, False), (2.0, False), (1.5, True)):
        assert compare(case, "float64", {"loss": np.array(value)})["loss"].differs is wrong


# ------------------------------------------------------------------ origins

STORED = {
    name: {"after": after}
    for name, after in {
        "cluster": ["target"],
        "logits": ["input"],
        "log_p": ["logits"],
        "output": ["log_p", "cluster"],
        "loss": ["output"],
    }.items()
}


@pytest.mark.parametrize(
    "differing, answered, want",
    [
        ({"logits", "log_p", "output", "loss"}, set(STORED), ["logits"]),
        ({"output", "loss"}, set(STORED), ["output"]),
        ({"cluster", "logits", "output"}, set(STORED), ["cluster", "logits"]),
        ({"loss"}, {"loss"}, ["loss"]),
        ({"output", "loss"}, {"output", "loss"}, ["output"]),
        ({"logits", "loss"}, {"logits", "loss"}, ["logits"]),
        (
            {"logits", "loss"},
            {"logits", "log_p", "loss"},
            ["logits", "loss"],
        ),  # log_p agrees between them
    ],
)
def test_an_origin_differs_while_all_it_comes_from_agrees(differing, answered, want):
    assert origins(STORED, differing, answered) == want


def test_what_was_not_answered_is_replaced_by_what_it_comes_from():
    assert ancestors(STORED, "loss", {"logits", "loss"}) == ["logits", "target"]


@pytest.mark.parametrize("id", ["T03", "S02"])
def test_a_fault_in_any_tensor_is_located_at_that_tensor(id):
    """Change one tensor, and all that is computed from it: the origin is the first."""
    case, dtype = CASES[id], "float64"
    answers = answers_of(case, dtype)
    for name in case["expected"]:
        if name == "predict" or not case["expected"][name]["data"]:
            continue
        later = {other for other in case["expected"] if comes_from(case["expected"], other, name)}
        spoilt = {
            k: a + (1.0 if k in later | {name} else 0.0) for k, a in answers.items() if a.size
        }
        wrong = [k for k, c in compare(case, dtype, spoilt).items() if c.differs]
        assert origins(case["expected"], wrong, spoilt) == [name]


def comes_from(expected, name, source):
    after = expected[name].get("after", ())
    return source in after or any(comes_from(expected, a, source) for a in after if a in expected)


def answers_of(case, dtype, port=None):
    """All tensors that a port (the layer itself) answers on a case."""
    port = port or Ours()
    requests, _ = requests_of(case, dtype, port.info)
    answers = {request.op: port.run(request) for request in requests}
    assert all(a.error is None for a in answers.values())
    return {name: array for a in answers.values() for name, array in a.results.items()}


# ------------------------------------------------------------------ the bounds, tight and just


def plain(z):
    return (
        z
        - np.log(np.exp(z - z.max(-1, keepdims=True)).sum(-1, keepdims=True))
        - z.max(-1, keepdims=True)
    )


def folded(z):
    top = z.max(-1, keepdims=True)
    return z - (top + np.log(np.exp(z - top).sum(-1, keepdims=True)))


def probabilities(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return np.log(e / e.sum(-1, keepdims=True))


def sequential(z):
    """As `plain`, the sum formed one after the other from the right."""
    top = z.max(-1, keepdims=True)
    total = np.zeros_like(top)
    for k in range(z.shape[-1] - 1, -1, -1):
        total = total + np.exp(z[..., k : k + 1] - top)
    return (z - top) - np.log(total)


class Styled(Ours):
    """The layer with another log-softmax, and gradients formed as 1 - p."""

    def __init__(self, style):
        self.style = style

    def build(self, config, params, dtype):
        layer, style = super().build(config, params, dtype), self.style

        class Layer(type(layer)):
            def _normalise(self, *args):
                cache = super()._normalise(*args)
                object.__setattr__(cache, "head_log_prob", style(self.logits[0]))
                object.__setattr__(cache, "tail_log_prob", tuple(map(style, self.logits[2])))
                return cache

            def _logit_gradients(self, cache, q):
                routing, found = cache.routing, []
                for rows, picked, log_p in zip(
                    [routing.kept, *routing.rows],
                    [routing.head_column, *routing.relative_target],
                    [cache.head_log_prob, *cache.tail_log_prob],
                ):
                    hot = np.zeros_like(log_p)
                    hot[np.arange(len(picked)), picked] = 1
                    found.append(q[rows][:, None] * (hot - np.exp(log_p)))
                return found[0], tuple(found[1:])

        layer.__class__ = Layer
        return layer


STYLES = {"plain": plain, "folded": folded, "sequential": sequential}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("style", STYLES)
def test_a_correct_port_in_another_style_is_not_accused(style, dtype):
    port, worst = Styled(STYLES[style]), 0.0
    for case in CASES.values():
        if case["result"] != "valid" or case["tier"] != "required" or "shapes" in case["expected"]:
            continue
        found = compare(case, dtype, answers_of(case, dtype, port))
        assert [name for name, c in found.items() if c.differs] == [], case["id"]
        worst = max([worst, *(c.ratio for c in found.values() if c.ratio is not None)])
    assert 0.2 <= worst <= 1


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_an_error_of_one_and_a_half_bounds_is_caught_and_a_bound_is_a_few_dozen_ulp(dtype):
    case, got = CASES["T03"], answers_of(CASES["T03"], dtype)
    n_terms = terms(case)
    for name in ("output", "loss", "head_log_prob"):
        stored = case["expected"][name]
        want = values(stored)
        allowed = bounds(stored, want, dtype, n_terms)
        step = 2 * unit(dtype) * np.abs(want)
        assert not compare_tensor(name, got[name], stored, dtype, n_terms).differs
        assert compare_tensor(name, want + 1.5 * allowed + step, stored, dtype, n_terms).differs
        assert np.all(allowed < 60 * step)


# ------------------------------------------------------------------ laws


def test_right_answers_break_no_law():
    for case in CASES.values():
        if case["result"] == "valid" and "shapes" not in case["expected"]:
            for dtype in ("float64", "float32"):
                assert check_laws(case, dtype, answers_of(case, dtype)) == [], case["id"]


@pytest.mark.parametrize(
    "name, change, words",
    [
        ("log_prob", lambda a: a + 1e-12, "sum to 1"),
        ("output", lambda a: a + 1e-12, "output must be log_prob at the target"),
        ("loss", lambda a: a + 1e-12, "loss must be the negated mean"),
        ("predict", lambda a: (a + 1) % 12, "argmax"),
        ("predict", lambda a: a + 100, "argmax"),
        ("grad.head_logits", lambda a: a + 1e-13, "sum to 0"),
    ],
)
def test_each_law_can_be_broken(name, change, words):
    case = CASES["T03"]
    got = answers_of(case, "float64")
    broken = check_laws(case, "float64", {**got, name: change(got[name])})
    assert any(words in law.message for law in broken)


@pytest.mark.parametrize("id", ["A16", "A18", "A19", "A21"])
def test_a_class_that_topk_names_twice_fails_the_case_though_it_is_as_probable(id):
    case = CASES[id]
    request = {r.op: r for r in requests_of(case, "float64", Ours.info)[0]}["topk"]
    answer = Ours().run(request)
    assert judge(case, "float64", {"topk": answer}).verdict == "pass"
    index = answer.results["topk.index"]
    index[..., 1] = index[..., 0]
    found = judge(case, "float64", {"topk": answer})
    assert found.verdict == "fail"
    assert any("k different classes" in law.message for law in found.broken_laws)


def test_laws_leave_rows_out_that_are_not_finite():
    case = CASES["T03"]
    got = {name: a.copy() for name, a in answers_of(case, "float64").items()}
    for name in ("log_prob", "output", "grad.head_logits"):
        got[name][3] = np.nan
    got["loss"] = np.array(np.nan)
    assert check_laws(case, "float64", got) == []


def test_a_broken_law_fails_the_case_even_where_no_value_is_stored():
    case = CASES["T03"]
    answer_set = {
        request.op: Ours().run(request) for request in requests_of(case, "float64", Ours.info)[0]
    }
    bare = {**case, "expected": {name: t for name, t in case["expected"].items() if name != "loss"}}
    answer_set["forward"].results["loss"] = np.array(1.0)
    assert judge(bare, "float64", answer_set).verdict == "fail"
