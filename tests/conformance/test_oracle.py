"""The oracle: right to more digits than are kept, and ignorant of every derivative."""
from decimal import Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npadasoft import reference
from npadasoft.conformance.golden import bounds, oracle
from npadasoft.conformance.golden.cases import catalogue
from npadasoft.conformance.golden.expected import case_of
from npadasoft.conformance.golden.expected_values import Expected, nested
from npadasoft.conformance.golden.recipe import Draw, build, config, integer_tensor, places, tensor

RECIPES = {recipe.id: recipe for recipes in catalogue().values() for recipe in recipes}


@pytest.fixture(autouse=True)
def many_digits():
    with localcontext() as context:
        context.prec = 120
        yield


def decimals(*values):
    return [Decimal(v) for v in values]


def close(a, b, digits):
    return abs(a - b) <= abs(b) * Decimal(10) ** -digits


# ------------------------------------------------------------------ functions


@pytest.mark.parametrize("exponent", [0, 5, 40, 110, 300])
def test_log1p_of_a_tiny_number_keeps_all_digits(exponent):
    s = Decimal(7).scaleb(-exponent)
    with localcontext() as context:
        context.prec = 1000
        terms = (1 + s).ln()
    assert close(oracle.log1p(s), terms, 118)


def test_log1p_of_zero_is_zero():
    assert oracle.log1p(Decimal(0)) == 0


def test_the_log_softmax_of_a_confident_row_has_all_digits_where_ln_of_1_plus_s_has_none():
    log_p = oracle.log_softmax(decimals(300, 0))
    assert (1 + Decimal(-300).exp()).ln() == 0                      # 120 digits are not enough
    assert close(-log_p[0], Decimal(-300).exp(), 110)


def test_digits_grow_with_the_spread_of_the_scores():
    def problem(gap):
        return oracle.Problem((1, 2), {"head.weight": [decimals(gap), decimals(0)],
                                       "tail.0.0.weight": [decimals(1)],
                                       "tail.0.1.weight": [decimals(1)]}, [decimals(1)], [0])
    assert oracle.digits(problem(0)) == 76
    assert oracle.digits(problem(700)) == 75 + int(700 / 2.302585) + 1


# ------------------------------------------------------------------ slopes


def test_a_slope_is_right_to_forty_digits():
    numbers = decimals("1.25", "3")
    found = oracle.slope(lambda: (numbers[0] * numbers[1]).exp(), (numbers, 0))
    assert close(found, 3 * Decimal("3.75").exp(), 40)
    assert numbers == decimals("1.25", "3")


def test_a_slope_of_e_to_the_minus_200_is_not_taken_for_zero():
    numbers = decimals(0)
    with localcontext() as context:
        context.prec = 180
        found = oracle.slope(lambda: 1 + (numbers[0] - 200).exp(), (numbers, 0))
    assert close(found, Decimal(-200).exp(), 20)


def test_a_slope_that_cancels_exactly_is_exactly_zero():
    numbers = decimals(0)
    f = lambda: numbers[0].exp() - numbers[0]                       # h² / 6 is left of the slope
    assert oracle._slope(f, (numbers, 0), oracle.STEP) != 0
    assert oracle.slope(f, (numbers, 0)) == 0


def test_a_sum_over_rows_that_cancels_exactly_is_exactly_zero():
    rows = [[Decimal(1) / 3], [Decimal(1) / 3 + Decimal("1e-60")]]
    assert oracle.weighted_sum(decimals(1, -1), rows, 1) == [0]
    assert oracle.weighted_sum(decimals(1, 1), rows, 1) == [sum(r[0] for r in rows)]


def test_slots_name_every_number_in_c_order_or_those_asked_for():
    matrix = [decimals(1, 2), decimals(3, 4)]
    read = lambda slots: [row[j] for row, j in slots]
    assert read(oracle.slots(matrix)) == decimals(1, 2, 3, 4)
    assert read(oracle.slots(matrix, [3, 0])) == decimals(4, 1)
    assert read(oracle.slots(decimals(5, 6))) == decimals(5, 6)


def test_logit_gradients_are_those_of_the_formula_that_the_oracle_does_not_know():
    z = decimals("0.5", "-1.25", "2", "2")
    p = [v.exp() for v in oracle.log_softmax(z)]
    for k in range(4):
        want = [3 * ((j == k) - p[j]) for j in range(4)]
        assert all(close(a, b, 40) for a, b in zip(oracle.logit_gradient(z, k, Decimal(3)), want))


def test_hidden_gradients_are_logit_gradients_through_the_weight():
    h, weight = decimals("0.5", "-2"), [decimals(1, "0.25"), decimals("-0.5", 3), decimals(0, 1)]
    z = reference.linear(h, weight)
    dz = oracle.logit_gradient(z, 1, Decimal(1))
    want = [sum(d * row[j] for d, row in zip(dz, weight)) for j in range(2)]
    found = oracle.hidden_gradient(h, weight, 1, Decimal(1))
    assert all(close(a, b, 38) for a, b in zip(found, want))


def expected_of(recipe):
    return Expected(recipe)


def test_gradients_of_log_prob_at_the_targets_are_those_of_output():
    case = expected_of(RECIPES["T04"])
    N, C = len(case.problem.xs), case.cutoffs[-1]
    seeds = decimals(*range(1, N + 1))
    rows = [[seeds[n] if k == y else Decimal(0) for k in range(C)]
            for n, y in enumerate(case.problem.targets)]
    for name in case.parameters:
        one = oracle.parameter_gradient(case.problem, name, seeds)
        two = oracle.parameter_gradient(case.problem, name, rows)
        assert all(a == b == 0 or close(a, b, 40) for a, b in zip(one, two)), name
    for one, two in zip(oracle.input_gradient(case.problem, seeds),
                        oracle.input_gradient(case.problem, rows)):
        assert all(close(a, b, 40) for a, b in zip(one, two))


def test_differentiating_leaves_the_parameters_as_they_were():
    recipe = RECIPES["T04"]
    case = expected_of(recipe)
    for name in case.parameters:
        oracle.parameter_gradient(case.problem, name, decimals(*[1] * len(case.problem.xs)))
    assert case.parameters == {name: nested(t) for name, t in recipe.params.items()}


@pytest.mark.parametrize("id", ["S02", "T17", "N08", "N09", "P07", "G24", "X01", "X06", "A05",
                                "A12", "A16", "F03", "N18"])
def test_thirty_more_digits_and_a_smaller_step_give_the_same_float64(id):
    assert case_of(RECIPES[id]) == case_of(RECIPES[id], 30)


def test_named_places_of_a_gradient_are_those_of_the_whole():
    def case(**more):
        layer = config(4, 9, [3, 6], 2.0)
        return case_of(build("Z02", "", ["State"], layer, [0, 4, 8], **more))["expected"]
    name, at = "grad.tail.0.0.weight", [1, 6]
    whole, some = case()[name], case(at={name: at})[name]
    assert some["at"] == at and some["shape"] == whole["shape"]
    assert some["data"] == [whole["data"][k] for k in at]
    assert some["err"] == [whole["err"][k] for k in at]


def test_too_few_digits_would_be_seen(monkeypatch):
    recipe = RECIPES["N09"]
    monkeypatch.setattr(oracle, "digits", lambda problem: 40)
    assert case_of(recipe) != case_of(recipe, 30)


def test_expected_values_are_those_of_the_definition_in_plain_floats():
    for id in ("S02", "S16", "T15", "G23"):
        recipe = RECIPES[id]
        expected = case_of(recipe)["expected"]
        D = recipe.config["in_features"]
        x = recipe.inputs["input"]["data"]
        xs = [x[k:k + D] for k in range(0, len(x), D)]
        params = {name: [[float(v) for v in row] for row in m] if m and isinstance(m[0], list)
                  else [float(v) for v in m] for name, m in expected_of(recipe).parameters.items()}
        ends = expected_of(recipe).cutoffs
        if "output" in expected:
            for v, row, y in zip(expected["output"]["data"], xs, recipe.inputs["target"]["data"]):
                assert v == pytest.approx(reference.output(row, y, params, ends), rel=1e-13)
        if "log_prob" in expected:
            want = [v for row in xs for v in reference.log_prob(row, params, ends)]
            assert expected["log_prob"]["data"] == pytest.approx(want, rel=1e-13)


# ------------------------------------------------------------------ bounds


@pytest.mark.parametrize("e, rounded", [("1.234", 1.24), ("0.05001", 0.0501), ("12345", 12400.0),
                                        ("2.5", 2.5), ("0", 0.0), ("inf", 0.0)])
def test_bounds_are_rounded_up_to_three_digits(e, rounded):
    assert bounds.round_up(Decimal(e)) == rounded


numbers = st.integers(-15, 15).map(lambda k: Decimal(k) / 16)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=1, max_size=4),
       st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=1, max_size=4), st.randoms())
def test_exact_bits_hold_every_partial_sum_in_every_order(xs, weight, random):
    bits = bounds.exact_bits(xs, weight)
    for x in xs:
        for w in weight:
            terms = [a * b for a, b in zip(x, w)]
            random.shuffle(terms)
            for k in range(len(terms) + 1):
                assert bits_of(sum(terms[:k], start=Decimal(0))) <= bits


def bits_of(v):
    n, d = v.as_integer_ratio()
    while n and n % 2 == 0:
        n //= 2
    return abs(n).bit_length()


def test_exact_bits_count_what_a_sum_needs():
    assert bounds.exact_bits([decimals(1)], [decimals(1)]) == 1
    assert bounds.exact_bits([decimals(3)], [decimals("0.0625")]) == 2
    assert bounds.exact_bits([decimals(1, 1)], [decimals(1024, "-0.5")]) == 12
    assert bounds.exact_bits([decimals(1)], [decimals(2)], [decimals(8)]) == 5
    assert bounds.exact_bits([decimals(1)], [decimals(1)], bias=decimals("0.25")) == 3
    assert bounds.exact_bits([decimals(1)], [decimals(1)], bias=decimals("-inf")) == 1


def test_the_bound_of_a_product_counts_terms_and_what_its_factors_bring():
    a, b = [decimals(1, -2)], [decimals(3), decimals(4)]
    assert bounds.product(a, b) == [[2 * 11]]
    assert bounds.product(a, b, [decimals(1, 0)]) == [[22 + 3]]
    assert bounds.product(a, b, [decimals(1, 0)], [decimals(0), decimals(5)]) == [[22 + 3 + 10]]


def test_the_sharp_bound_of_the_largest_entry_is_relative():
    for gap in (20, 80, 600):
        z = decimals(gap, 0)
        log_p = oracle.log_softmax(z)
        largest, _ = bounds.log_softmax_sharp(z, log_p)
        assert largest < -log_p[0] * (20 + gap)
        assert bounds.log_softmax(z, log_p)[0] > gap


def test_of_two_equal_largest_entries_both_bounds_are_finite():
    z = decimals(1, 1, 0)
    assert all(v > 0 for v in bounds.log_softmax_sharp(z, oracle.log_softmax(z)))


def test_the_concession_is_the_size_of_the_shift():
    z = decimals(1024, 1023)
    log_p = oracle.log_softmax(z)
    with_it, without = bounds.log_softmax(z, log_p), bounds.log_softmax(z, log_p, None, False)
    assert 2048 < with_it[0] - without[0] < 2050


# ------------------------------------------------------------------ recipes


def test_draws_are_the_same_in_every_version():
    assert Draw("T03").dyadic([4])["data"] == [-0.0625, -0.1875, 0.25, 0.0]
    assert Draw("T03").below(1000) == Draw("T03").below(1000)


def test_generic_numbers_have_the_bits_that_they_promise():
    for v in Draw("x").generic([50])["data"]:
        assert bits_of(Decimal(v)) <= 24 and -1 <= v < 1
    assert max(bits_of(Decimal(v)) for v in Draw("x").double([50])["data"]) > 24


def test_a_tensor_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match=r"shape \[2, 2\] holds 4 numbers, but found 3"):
        tensor([2, 2], [1, 2, 3])


def test_nested_integers_become_a_flat_tensor():
    assert integer_tensor(4) == {"shape": [], "data": [4]}
    assert integer_tensor([[1, 2], [3, 4]]) == {"shape": [2, 2], "data": [1, 2, 3, 4]}
    assert integer_tensor([]) == {"shape": [0], "data": []}


def test_places_are_flat_indices_in_c_order():
    assert places([3, 4], [0, 2], [1, 3]) == [1, 3, 9, 11]


def test_a_recipe_draws_its_cotangents_only_where_they_arrive():
    layer = config(2, 4, [2], 1.0)
    assert build("Z01", "", ["State"], layer, [0], ops=("forward",)).cotangents == {}
    assert set(build("Z01", "", ["State"], layer, [0]).cotangents) == {"loss"}
