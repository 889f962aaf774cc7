"""The calculus by itself: each function against a witness, each `*_backward` its transpose."""
from decimal import Decimal, localcontext

import numpy as np
import pytest

import rounding
import witnesses
from npadasoft import functional, passes, reference
from rounding import Approx, assert_within

SHAPES = [(1, 1), (1, 7), (7, 1), (4, 4), (3, 9), (0, 5), (40, 200)]
H = witnesses.STEP


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


# ------------------------------------------------------------------------ linear

@pytest.mark.parametrize("rows, size", SHAPES)
@pytest.mark.parametrize("out", [1, 3])
def test_linear_is_the_definition_for_every_row(rows, size, out):
    x, w, b = normal(0, rows, size), normal(1, out, size), normal(2, out)
    due = Approx(x) @ Approx(w).T
    assert_within(functional.linear(x, w), due.value, due.error, "float64")
    due = due + Approx(b)
    found = functional.linear(x, w, b)
    assert_within(found, due.value, due.error, "float64")
    assert found.shape == (rows, out)
    if rows:
        wanted = reference.linear(x[0].tolist(), w.tolist(), b.tolist())
        assert_within(found[0], wanted, 2 * due.error[0], "float64")


@pytest.mark.parametrize("rows, size", SHAPES)
def test_linear_backward_is_the_transpose_of_linear(rows, size):
    """⟨dy, ẋ Wᵀ + X Ẇᵀ + ḃ⟩ = ⟨dx, ẋ⟩ + ⟨dW, Ẇ⟩ + ⟨db, ḃ⟩ for directions that are not uniform."""
    x, w, dy = normal(0, rows, size), normal(1, 3, size), normal(3, rows, 3)
    vx, vw, vb = normal(4, rows, size), normal(5, 3, size), normal(6, 3)
    dx, dw = functional.linear_backward(dy, x, w)
    db = functional.bias_backward(dy)
    left = Approx(dy) * (Approx(vx) @ Approx(w).T + Approx(x) @ Approx(vw).T + Approx(vb))
    due_x, due_w = Approx(dy) @ Approx(w), Approx(dy).T @ Approx(x)
    error = sum((d.error * abs(v)).sum() for d, v in ((due_x, vx), (due_w, vw)))
    error = error + (rows * abs(dy).sum(0) * abs(vb)).sum()
    right = (Approx(dx).value * vx).sum() + (Approx(dw).value * vw).sum() + (
        Approx(db).value * vb).sum()
    assert_within(right, left.value.sum(), error, "float64")


@pytest.mark.parametrize("rows", [20_000, 100_000])
@pytest.mark.parametrize("size", [1, 2, 16])
def test_the_gradient_of_a_bias_keeps_its_digits_over_many_rows(rows, size):
    """As good as pairwise summation in blocks of 128: (18 + log2 of their number) u."""
    dy = np.full((rows, size), 0.1, dtype=np.float32)
    wanted = np.full(size, rows * np.longdouble(np.float32(0.1)))
    error = (18 + np.log2(rows / 128)) * wanted
    assert_within(functional.bias_backward(dy), wanted, error, "float32")


# ------------------------------------------------------------------------ log-softmax

@pytest.mark.parametrize("rows, size", SHAPES)
@pytest.mark.parametrize("scale", [0, 1e-3, 1, 30, 1e4])
def test_log_softmax_is_within_its_bound_and_sums_to_one(rows, size, scale):
    z = normal(0, rows, size) * scale
    due = rounding.log_softmax(Approx(z))
    found = functional.log_softmax(z)
    assert_within(found, due.value, due.error, "float64")
    assert_within(np.exp(Approx(found).value).sum(-1), np.ones(rows), due.exp().sum(-1).error,
                  "float64")
    assert (found <= 0).all()


def test_log_softmax_agrees_with_scipy():
    special = witnesses.witness("scipy.special")
    z = normal(0, 30, 11) * 3
    due = rounding.log_softmax(Approx(z))
    # SciPy's t - log(1 + s) errs absolutely, by a few u, where log p is near 0
    assert_within(functional.log_softmax(z), special.log_softmax(z, axis=-1),
                  2 * due.error + rounding.LIBRARY, "float64")


def test_a_shift_that_rounds_nothing_changes_no_bit():
    z = np.round(normal(0, 20, 9) * 64) / 16
    assert np.array_equal(functional.log_softmax(z), functional.log_softmax(z + 4096.0))


def test_one_entry_has_log_probability_zero_whatever_its_score():
    for z in (0.0, -3.5, 1e308):
        assert functional.log_softmax(np.array([[z]])).tolist() == [[0.0]]


def test_equal_scores_share_equally():
    found = functional.log_softmax(np.full((1, 8), 5.0))
    wanted = np.full((1, 8), -np.log(np.longdouble(8)))
    assert_within(found, wanted, 2 * rounding.LIBRARY, "float64")
    assert len(set(found[0])) == 1


def test_an_entry_of_minus_infinity_has_no_probability_and_harms_nobody():
    z = np.array([[1.0, -np.inf, 3.0], [-np.inf, 2.0, -np.inf]])
    found = functional.log_softmax(z)
    assert np.array_equal(np.isinf(found), np.isinf(z))
    assert np.array_equal(found[:1, [0, 2]], functional.log_softmax(z[:1, [0, 2]]))
    assert found[1, 1] == 0
    dz = functional.pick_backward(found, np.array([2, 1]), np.ones(2))
    assert np.isfinite(dz).all() and not dz[np.isinf(z)].any() and not dz[1].any()


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_row_that_is_no_distribution_is_nan_alone(bad):
    z = normal(0, 3, 4)
    clean = functional.log_softmax(z)
    z[1, 2] = bad
    found = functional.log_softmax(z)
    assert np.isnan(found[1, 2]) and np.array_equal(found[[0, 2]], clean[[0, 2]])


def test_many_blocks_of_rows_have_the_bits_of_one_row_at_a_time():
    z = normal(0, 700, 500)                                 # 2.8 MB
    blocks = list(passes.chunks(z))
    assert len(blocks) > 1
    found = functional.log_softmax(z)
    for n in (0, blocks[1].start - 1, blocks[1].start, 699):
        assert np.array_equal(found[n], functional.log_softmax(z[n:n + 1])[0])


# ------------------------------------------------------------------------ sums of rows

@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [0, 1, 5, 4095, 4096, 4097, 3 * 4096 + 1])
def test_row_sums_are_within_their_bound(dtype, size):
    """A running sum of a block adds 256 + 3 numbers, `sum` the blocks: far below `size` u."""
    z = np.exp(np.random.default_rng(size).standard_normal((3, size))).astype(dtype)
    exact = Approx(z).value.sum(-1)
    assert_within(functional.row_sums(z), exact, min(size, 260 + 8) * exact, dtype)


# ------------------------------------------------------------------------ its transpose

@pytest.mark.parametrize("rows, size", SHAPES)
@pytest.mark.parametrize("scale", [1e-3, 1, 30, 700])
def test_log_softmax_backward_is_within_its_bound(rows, size, scale):
    z, grad = normal(0, rows, size) * scale, normal(1, rows, size)
    log_p = functional.log_softmax(z)
    due = rounding.vjp(rounding.log_softmax(Approx(z)), Approx(grad))
    assert_within(functional.log_softmax_backward(log_p, grad), due.value, due.error, "float64")


def test_log_softmax_backward_is_the_derivative_entry_by_entry():
    z, grad = normal(0, 5, 6) * 3, normal(1, 5, 6)
    found = functional.log_softmax_backward(functional.log_softmax(z), grad)
    due = rounding.vjp(rounding.log_softmax(Approx(z)), Approx(grad))
    for k in range(6):                                      # rows are independent: a column a step
        moved = z + 1j * H * (np.arange(6) == k)
        slope = (grad * functional.log_softmax(moved).imag / H).sum(-1)
        assert_within(slope, found[:, k], 2 * due.error[:, k] + 6 * abs(grad).sum(-1), "float64")


@pytest.mark.parametrize("gap", [0, 5, 20, 36, 50, 300])
def test_the_transpose_keeps_its_digits_where_one_entry_has_all_the_probability(gap):
    """Against decimal, in units of |Jᵀ| |grad|: the plain form loses all where 1 - p cancels."""
    z = np.round(normal(2, 6) * 16) / 16
    z[z.argmax()] = z.max() + gap
    grad = np.where(np.arange(6) == z.argmax(), 1, np.exp(-float(gap))) * normal(3, 6)
    found = functional.log_softmax_backward(functional.log_softmax(z[None]), grad[None])[0]
    exact, size = exact_vjp(z, grad)
    # an upstream entry, p (whose log errs by u times its size) and their product and sum over 6
    allowed = [(16 + 2 * (gap + 8)) * 2.0**-53 * s for s in size]
    assert all(abs(float(Decimal(float(f)) - e)) <= a for f, e, a in zip(found, exact, allowed))
    plain = grad - grad.sum() * np.exp(functional.log_softmax(z[None])[0])
    if gap >= 50:
        lost = [abs(float(Decimal(float(f)) - e)) > 1e3 * a
                for f, e, a in zip(plain, exact, allowed)]
        assert any(lost)


def exact_vjp(z, grad):
    """(Jᵀ grad, |Jᵀ| |grad|) in decimal; 1 - p[k] as the sum of the others."""
    with localcontext() as context:
        context.prec = 400
        log_p = reference.log_softmax(witnesses.exact(z), Decimal.exp, witnesses.log1p)
        p, g = [v.exp() for v in log_p], witnesses.exact(grad)
        rows = range(len(p))
        value, size = [], []
        for k in rows:
            others = [j for j in rows if j != k]
            lacks = sum(p[j] for j in others)
            value.append(lacks * g[k] - p[k] * sum(g[j] for j in others))
            size.append(float(lacks * abs(g[k]) + p[k] * sum(abs(g[j]) for j in others)))
        return value, size


def test_gradients_of_scores_sum_to_zero_in_each_row():
    z, grad, q = normal(0, 9, 7) * 5, normal(1, 9, 7), normal(2, 9)
    model = rounding.log_softmax(Approx(z))
    log_p, index = functional.log_softmax(z), np.arange(9) % 7
    found = Approx(functional.log_softmax_backward(log_p, grad)).value.sum(-1)
    error = rounding.vjp(model, Approx(grad)).error.sum(-1)
    assert_within(found, np.zeros(9), error, "float64")
    found = Approx(functional.pick_backward(log_p, index, q)).value.sum(-1)
    error = rounding.logit_gradient(model, index, Approx(q)).error.sum(-1)
    assert_within(found, np.zeros(9), error, "float64")


# ------------------------------------------------------------------------ pick

def test_pick_takes_one_entry_of_each_row():
    a = normal(0, 4, 5)
    wanted = [a[0, 4], a[1, 0], a[2, 2], a[3, 2]]
    assert functional.pick(a, np.array([4, 0, 2, 2])).tolist() == wanted
    assert functional.pick(a[:0], np.zeros(0, int)).shape == (0,)


@pytest.mark.parametrize("scale", [1e-3, 1, 30, 700])
def test_pick_backward_is_log_softmax_backward_of_one_hot(scale):
    z, q, index = normal(0, 8, 5) * scale, normal(1, 8), np.arange(8) % 5
    log_p, model = functional.log_softmax(z), rounding.log_softmax(Approx(z))
    grad = np.where(rounding.one_hot(index, 5), q[:, None], 0)
    error = (rounding.logit_gradient(model, index, Approx(q)).error
             + rounding.vjp(model, Approx(grad)).error)
    assert_within(functional.pick_backward(log_p, index, q),
                  functional.log_softmax_backward(log_p, grad), error, "float64")


def test_pick_backward_has_size_twice_what_the_picked_probability_lacks():
    z, q, index = normal(0, 8, 5) * 9, normal(1, 8), np.arange(8) % 5
    found = functional.pick_backward(functional.log_softmax(z), index, q)
    model = rounding.log_softmax(Approx(z))
    due = rounding.logit_gradient(model, index, Approx(q))
    lacks = -np.expm1(model.value[np.arange(8), index])
    assert_within(abs(Approx(found).value).sum(-1), 2 * abs(q) * lacks, 2 * due.error.sum(-1),
                  "float64")


def test_backward_functions_write_to_nothing_that_they_are_given():
    log_p, grad, q = functional.log_softmax(normal(0, 4, 5)), normal(1, 4, 5), normal(2, 4)
    for a in (log_p, grad, q):
        a.flags.writeable = False
    functional.log_softmax_backward(log_p, grad)
    functional.pick_backward(log_p, np.arange(4), q)
    functional.log_softmax(log_p)


# ------------------------------------------------------------------------ complex numbers

@pytest.mark.parametrize("re", [0.0, 1e-20, 1e-10, 0.5, 3.0, 1e6])
def test_log1p_of_a_complex_number_keeps_its_real_part(re):
    """NumPy's own answers 0 for 1e-20 + 0j."""
    im = 3 * H
    found = functional.log1p(np.array([re + 1j * im]))[0]
    wanted = np.log1p(re) + im / (1 + re) * im / (1 + re) / 2, im / (1 + re)    # to im⁴
    assert abs(found.real - wanted[0]) <= 3 * np.spacing(wanted[0])
    assert abs(found.imag - wanted[1]) <= 3 * np.spacing(wanted[1])


def test_log1p_of_a_complex_number_agrees_with_the_logarithm():
    s = normal(0, 50) * 2 + 1j * normal(1, 50)
    found = functional.log1p(s)
    wanted = np.log(1 + s.astype(np.clongdouble))
    # 2 re + re² + |im|² cancels near the unit circle: its rounding, against |1 + s|²
    size = 1 + (2 * abs(s.real) + abs(s) ** 2) / abs(1 + s) ** 2
    allowed = 16 * size * 2.0**-53 * (1 + abs(found))
    assert (abs(found - wanted) <= allowed).all()


def test_log_softmax_orders_complex_scores_by_their_real_parts():
    z = np.array([[1 + 5j, 2 - 7j, 2 - 8j]])
    t = z - z[:, 1:2]
    wanted = t - np.log(np.exp(t).sum())
    # the branch of the logarithm may differ by 2πi; the exponential cannot
    found = functional.log_softmax(z)
    assert np.allclose(np.exp(found), np.exp(wanted), rtol=64 * 2.0**-53, atol=0)
    assert found.dtype == np.complex128
