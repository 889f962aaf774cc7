"""Precision and special values: what comes out as it went in, and what stays finite."""
import numpy as np
import pytest
from contract import COMPLEX, REAL, eighths, everything, leaves, refuses, same, small

from npadasoft import AdaptiveLogSoftmaxWithLoss, reference

Y = np.array([8, 1, 5, 2, 0, 4])


@pytest.mark.parametrize("dtype", REAL + COMPLEX)
def test_every_dtype_comes_out_as_it_went_in(dtype):
    for value in everything(small(dtype), eighths(3, (6, 6), dtype), Y):
        assert value.dtype == np.dtype(dtype)


@pytest.mark.parametrize("dtype", [np.dtype(bool), np.dtype(int), np.dtype("uint8"),
                                   np.dtype(object), np.dtype("U3")], ids=str)
def test_inputs_that_are_no_floats_are_refused(dtype):
    layer = small()
    x = np.ones((6, 6)).astype(dtype)
    message = f"input should hold floating-point numbers, but found {dtype}"
    for call in (lambda: layer(x, Y), lambda: layer.log_prob(x), lambda: layer.predict(x),
                 lambda: layer.topk(x, 2), lambda: layer.sample(x, 0),
                 lambda: layer.log_prob_backward(x, np.ones((6, 9)))):
        with refuses(TypeError, message):
            call()


@pytest.mark.parametrize("dtype", ["int64", "bool", "object"])
def test_gradients_that_are_no_floats_are_refused(dtype):
    layer, x = small(reduction="none"), eighths(3, (6, 6))
    _, cache = layer.forward(x, Y)
    up = np.ones(6).astype(dtype)
    for name in ("grad_output", "grad_loss"):
        with refuses(TypeError, f"{name} should hold floating-point numbers, but found {dtype}"):
            layer.backward(cache, **{name: up})
    with refuses(TypeError, f"grad_log_prob should hold floating-point numbers, but found {dtype}"):
        layer.log_prob_backward(x, np.ones((6, 9)).astype(dtype))


@pytest.mark.parametrize("scalar", [True, "1", None], ids=repr)
def test_a_grad_loss_that_is_no_number_is_refused(scalar):
    layer = small()
    _, cache = layer.forward(eighths(3, (6, 6)), Y)
    dtype = np.asarray(scalar).dtype
    with refuses(TypeError, f"grad_loss should hold floating-point numbers, but found {dtype}"):
        layer.backward(cache, grad_loss=scalar)


@pytest.mark.parametrize("ours", REAL + COMPLEX)
@pytest.mark.parametrize("theirs", REAL + COMPLEX)
def test_only_arrays_of_one_epsilon_meet_and_the_result_is_their_result_type(ours, theirs):
    layer, x = small(ours, reduction="none"), eighths(3, (6, 6), theirs)
    message = (f"is {np.dtype(theirs)} but the layer is {np.dtype(ours)}: "
               "precisions are not mixed, convert one of them")
    if np.finfo(ours).eps == np.finfo(theirs).eps:
        expected = np.result_type(ours, theirs)
        assert layer(x, Y).output.dtype == layer.log_prob(x).dtype == expected
        _, cache = layer.forward(x, Y)
        assert layer.backward(cache).input.dtype == expected
        gradients = layer.log_prob_backward(x, eighths(5, (6, 9), ours))
        assert {leaf.dtype for leaf in leaves(gradients).values()} == {expected}
        assert layer.topk(x, 2).log_prob.dtype == expected
        return
    for call in (lambda: layer(x, Y), lambda: layer.log_prob(x), lambda: layer.predict(x),
                 lambda: layer.topk(x, 2), lambda: layer.sample(x, 0)):
        with refuses(TypeError, "input " + message):
            call()
    _, cache = layer.forward(eighths(3, (6, 6), ours), Y)
    for name in ("grad_output", "grad_loss"):
        with refuses(TypeError, f"{name} {message}"):
            layer.backward(cache, **{name: eighths(4, (6,), theirs)})
    with refuses(TypeError, "grad_log_prob " + message):
        layer.log_prob_backward(eighths(3, (6, 6), ours), eighths(5, (6, 9), theirs))


@pytest.mark.parametrize("scalar", [
    2, 2.0, np.float64(2), np.float16(2), np.longdouble(2), np.int8(2), np.array(2.0), np.array(2)],
    ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("dtype", REAL)
def test_a_scalar_gradient_of_the_loss_never_widens_a_result(dtype, scalar):
    layer = small(dtype)
    _, cache = layer.forward(eighths(3, (6, 6), dtype), Y)
    gradients = layer.backward(cache, grad_loss=scalar)
    assert {leaf.dtype for leaf in leaves(gradients).values()} == {np.dtype(dtype)}
    assert same(gradients, layer.backward(cache, grad_loss=2.0))


@pytest.mark.parametrize("dtype, widened", [("float16", "complex64"), ("float32", "complex64"),
                                            ("float64", "complex128")])
def test_a_complex_gradient_of_the_loss_keeps_its_imaginary_part(dtype, widened):
    """Sums of at most 9 terms, Σ|q| = 2, weights <= 1: summed in two orders, 2 γ_9 Σ|dz| apart."""
    layer = small(dtype)
    _, cache = layer.forward(eighths(3, (6, 6), dtype), Y)
    gradients, real = layer.backward(cache, grad_loss=2j), layer.backward(cache, grad_loss=2.0)
    rounding = 2 * 9 * np.finfo(dtype).eps * 2 * 2
    for path, leaf in leaves(gradients).items():
        assert leaf.dtype == np.dtype(widened) and not leaf.real.any()
        assert np.abs(leaf.imag - leaves(real)[path]).max() <= rounding


def test_float16_is_computed_in_float32_and_rounded_once():
    half, single = small("float16"), small("float32")
    x, y = eighths(3, (6, 6)), Y
    for narrow, wide in zip(everything(half, x.astype("float16"), y),
                            everything(single, x.astype("float32"), y), strict=True):
        assert same(narrow, wide.astype("float16"))
    assert same(half.predict(x.astype("float16")), single.predict(x.astype("float32")))
    assert same(half.sample(x.astype("float16"), 1), single.sample(x.astype("float32"), 1))


def test_float16_logit_of_90000_gives_0_for_its_class_and_minus_infinity_to_the_others():
    layer = AdaptiveLogSoftmaxWithLoss(1, 4, [2], 1.0, dtype="float16", rng=0)
    tree = layer.parameters.map(np.zeros_like)
    tree.head.weight[0] = 300
    layer = layer.with_parameters(tree)
    x, inf = np.array([[300]], dtype="float16"), np.inf
    assert same(layer.log_prob(x), np.array([[0, -inf, -inf, -inf]], dtype="float16"))
    assert layer(x, np.array([0])).output[0] == 0
    for y in (1, 2, 3):
        output, loss = layer(x, np.array([y]))
        assert (output[0], loss) == (-inf, inf)
    assert same(layer.topk(x, 2).log_prob, np.array([[0, -inf]], dtype="float16"))
    assert layer.predict(x)[0] == layer.sample(x, 0)[0] == 0


def test_complex_numbers_are_ordered_by_their_real_parts():
    layer = small("complex128")
    x = eighths(3, (6, 6)) + 1j * eighths(4, (6, 6))
    log_p = layer.log_prob(x)
    assert (layer.predict(x) == log_p.real.argmax(-1)).all()
    top = layer.topk(x, 9)
    assert (np.diff(top.log_prob.real, axis=-1) <= 0).all()
    assert (np.take_along_axis(log_p, top.index, -1) == top.log_prob).all()


def test_everything_is_analytic_without_a_conjugate():
    """A complex step through forward is the gradient that backward gives: to 64 u of its scale."""
    layer, x = small(), eighths(3, (6, 6))
    _, cache = layer.forward(x, Y)
    direction, h = eighths(8, (6, 6)), 2.0 ** -100
    slope = (layer.backward(cache).input * direction).sum()
    scale = np.abs(layer.backward(cache).input * direction).sum()
    stepped = layer(x + 1j * h * direction, Y).loss
    assert abs(stepped.imag / h - slope) <= 64 * np.finfo(float).eps * scale
    assert abs(stepped.real - layer(x, Y).loss) <= 8 * np.finfo(float).eps * stepped.real


# ------------------------------------------------------------------------ special values

@pytest.mark.parametrize("dtype, gap, loss", [("float64", 37, 1.7e-16), ("float32", 17, 8.3e-8),
                                              ("float64", 700, 2e-304)])
def test_a_confident_example_keeps_its_loss_and_its_gradient(dtype, gap, loss):
    """Three columns, logits gap, 0, 0: with s = 2 exp(-gap), loss log1p(s), gradient -s / (1 + s).

    Relative errors: exp, sum, log1p and the negation of expm1 take a few roundings each: 8 u.
    """
    layer = AdaptiveLogSoftmaxWithLoss(1, 3, [2], 1.0, dtype=dtype, rng=0)
    tree = layer.parameters.map(np.zeros_like)
    tree.head.weight[0] = gap
    layer = layer.with_parameters(tree)
    x, u = np.ones((1, 1), dtype=dtype), np.finfo(dtype).eps / 2
    result, cache = layer.forward(x, np.array([0]))
    s = 2 * np.exp(-np.longdouble(gap))
    assert s == pytest.approx(loss, rel=0.03, abs=0)
    assert abs(result.loss - np.log1p(s)) <= 8 * u * np.log1p(s)
    found, slope = layer.backward(cache).parameters.head.weight[:, 0], -s / (1 + s)
    assert abs(found[0] - slope) <= 8 * u * abs(slope)
    assert np.abs(found[1:] + slope / 2).max() <= (8 + gap) * u * abs(slope)


@pytest.mark.parametrize("dtype", ["float32", "float64", "longdouble"])
def test_logits_of_ten_thousand_give_finite_results_and_no_warning(dtype):
    layer = small(dtype)
    layer = layer.with_parameters(layer.parameters.map(lambda w: w * w.dtype.type(2.0 ** 12)))
    for value in everything(layer, eighths(3, (6, 6), dtype), Y):
        assert np.isfinite(value).all()


@pytest.mark.parametrize("dtype", ["float32", "float64", "longdouble"])
def test_finite_rows_have_the_log_probabilities_of_the_definition(dtype):
    """Logits are exact; each log-softmax then errs by (K + 8) u + 3 u |log p|, K <= 9."""
    layer, x, number = small(dtype), eighths(3, (6, 6), dtype), np.dtype(dtype).type
    state = {k: [[number(v) for v in row] if np.ndim(row) else row for row in leaf]
             for k, leaf in layer.state_dict().items()}
    for row, log_p in zip(x, layer.log_prob(x)):
        expected = np.array(reference.log_prob(list(row), state, layer.cutoffs, np.exp, np.log1p))
        bound = np.finfo(dtype).eps / 2 * 2 * (2 * 17 + 4 * np.abs(expected))
        assert (np.abs(log_p - expected) <= bound).all()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")           # with non-finite rows they may come
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf], ids=str)
@pytest.mark.parametrize("row, cluster", [(1, None), (0, 1), (5, 0)])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_a_row_that_is_not_finite_spoils_itself_alone(bad, row, cluster, reduction):
    layer = small(reduction=reduction)
    x = eighths(3, (6, 6))
    broken = x.copy()
    broken[row, 2] = bad
    others = np.arange(6) != row
    (output, loss), cache = layer.forward(broken, Y)
    (plain, plain_loss), plain_cache = layer.forward(x, Y)
    assert not np.isfinite(output[row]) and same(output[others], plain[others])
    if reduction == "none":
        assert not np.isfinite(loss[row]) and same(loss[others], plain_loss[others])
    else:
        assert np.isnan(loss)
    gradients, plain = layer.backward(cache), layer.backward(plain_cache)
    assert not np.isfinite(gradients.input[row]).all()
    assert same(gradients.input[others], plain.input[others])
    assert not np.isfinite(gradients.parameters.head.weight).all()
    for i in (0, 1):
        finite = np.isfinite(gradients.parameters.tail[i].output.weight).all()
        assert finite == (i != cluster)
        if i != cluster:
            assert same(gradients.parameters.tail[i].output.weight,
                        plain.parameters.tail[i].output.weight)
            assert np.isfinite(gradients.parameters.tail[i].projection.weight).all()
    log_p = layer.log_prob(broken)
    assert not np.isfinite(log_p[row]).any() and same(log_p[others], layer.log_prob(x)[others])
