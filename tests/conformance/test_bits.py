"""Where the same bits may be asked for: exact sums have no order, and all others have."""
import numpy as np
import pytest

from npadasoft.conformance.golden import vectors_io

EXACT = [case for case in vectors_io.load()
         if "ExactGemm" in case["flags"] and len(case["inputs"]["input"]["shape"]) == 2]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", EXACT, ids=lambda case: case["id"])
def test_a_row_of_exact_products_has_the_same_scores_in_every_batch(case, dtype):
    x, w = (np.array(a["data"], dtype).reshape(a["shape"])
            for a in (case["inputs"]["input"], case["params"]["head.weight"]))
    full = x @ w.T
    assert all(np.array_equal(x[:n] @ w.T, full[:n]) for n in range(1, len(x) + 1))
    assert np.array_equal(full, np.array(x, np.longdouble) @ np.array(w, np.longdouble).T)


def test_there_are_exact_cases_of_several_rows():
    assert sum(case["inputs"]["input"]["shape"][0] > 2 for case in EXACT) > 5


def test_rows_of_other_products_may_differ_in_rounding_alone():
    """Two orders of a sum of n products differ by at most 2 γ_n Σ|x w|, γ_n = n u / (1 - n u)."""
    rng = np.random.default_rng(0)
    x, w = (rng.standard_normal(shape).astype(np.float32) for shape in ((64, 300), (50, 300)))
    u = 300 * 2.0**-24
    bound = 2 * u / (1 - u) * (np.abs(x).astype(float) @ np.abs(w).astype(float).T)
    full = x @ w.T
    for n in range(1, 33):
        assert np.all(np.abs((x[:n] @ w.T).astype(float) - full[:n]) <= bound[:n])
