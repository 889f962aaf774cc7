"""ignore_index, reductions, and what backward answers: row by row of the contract."""
import threading

import numpy as np
import pytest
from contract import eighths, exact, leaves, refuses, same

from npadasoft import AdaptiveLogSoftmaxWithLoss, Gradients

X = eighths(3, (6, 6))
Y = np.array([8, 1, 5, 2, 0, 4])
U = np.finfo(float).eps / 2


def make(**options):
    return exact(AdaptiveLogSoftmaxWithLoss(6, 9, [2, 5], 2.0, True, rng=0, **options))


def near(a, b, rounding):
    """Whether all arrays of two `Gradients` lie within `rounding` of each other."""
    return all(np.abs(a - b).max() <= rounding
               for a, b in zip(leaves(a).values(), leaves(b).values(), strict=True))


# ------------------------------------------------------------------------ ignore_index

@pytest.mark.parametrize("ignored", [-100, 9, 3, 10 ** 6, -1])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_ignored_rows_leave_before_any_arithmetic(ignored, reduction):
    """Outputs and gradients are those of the batch without them; nan in them does not matter."""
    layer, rows = make(ignore_index=ignored, reduction=reduction), np.array([0, 2, 3, 5])
    x, y = np.full((6, 6), np.nan), np.full(6, ignored)
    x[rows], y[rows] = X[rows], Y[rows]
    up, up_loss = np.full(6, np.nan), np.full(6, np.nan)
    up[rows], up_loss[rows] = eighths(4, 4), eighths(5, 4)
    one_a_row = reduction == "none"
    (output, loss), cache = layer.forward(x, y)
    (kept, kept_loss), kept_cache = layer.forward(X[rows], Y[rows])
    assert same(output[rows], kept) and same(loss[rows] if one_a_row else loss, kept_loss)
    gradients = layer.backward(cache, up, up_loss if one_a_row else 0.5)
    expected = layer.backward(kept_cache, eighths(4, 4), eighths(5, 4) if one_a_row else 0.5)
    assert same(gradients.input[rows], expected.input)
    assert same(gradients.parameters, expected.parameters)
    out = [1, 4]
    assert same(output[out], np.zeros(2)) and same(gradients.input[out], np.zeros((2, 6)))
    if one_a_row:
        assert same(loss[out], np.zeros(2))


def test_a_legal_class_is_ignored_all_the_same():
    layer = make(ignore_index=4)
    output, loss = layer(X, Y)
    assert output[5] == 0 and not np.signbit(output[5]) and (output[:5] < 0).all()
    assert abs(loss + output.sum() / 5) <= 8 * U * loss


def test_ignored_rows_are_taken_out_before_the_range_is_checked():
    layer = make(ignore_index=-100)
    assert np.isfinite(layer(X, np.array([8, -100, 5, 2, 0, -100])).loss)


@pytest.mark.parametrize("dtype, ignored", [("uint8", -100), ("uint8", 256), ("int8", 128),
                                            ("uint64", -1), ("int64", 2 ** 64), ("uint64", 2 ** 64),
                                            ("int16", 10 ** 30)])
def test_an_ignore_index_outside_of_the_targets_dtype_ignores_nothing(dtype, ignored):
    assert same(make(ignore_index=ignored)(X, Y.astype(dtype)), make()(X, Y))


@pytest.mark.parametrize("dtype, ignored", [("uint8", 255), ("int8", -128), ("uint64", 2 ** 64 - 1),
                                            ("uint64", 2 ** 63), ("int64", -2 ** 63)])
def test_an_ignore_index_at_the_end_of_the_targets_dtype_is_seen(dtype, ignored):
    y = Y.astype(dtype)
    y[2] = ignored
    output, _ = make(ignore_index=ignored)(X, y)
    assert output[2] == 0 and (np.delete(output, 2) < 0).all()


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(), (6,), (2, 3)], ids=str)
def test_a_batch_of_ignored_rows_has_no_loss_and_no_gradient(reduction, shape):
    layer = make(ignore_index=-100, reduction=reduction)
    x, y = np.full((*shape, 6), np.nan), np.full(shape, -100)
    (output, loss), cache = layer.forward(x, y)
    assert same(output, np.zeros(shape))
    assert np.isnan(loss) if reduction == "mean" else same(
        loss, np.zeros(shape if reduction == "none" else ()))
    gradients = layer.backward(cache, np.full(shape, np.nan), 3.0)
    assert gradients.input.shape == (*shape, 6)
    for leaf in leaves(gradients).values():
        assert (leaf == 0).all()


# ------------------------------------------------------------------------ reductions

def test_the_mean_is_the_sum_over_the_rows_kept_by_their_number():
    y = np.array([8, -1, 5, 2, -1, 4])
    for ignored, target, kept in ((None, Y, 6), (-1, y, 4)):
        mean = make(ignore_index=ignored)(X, target)
        total = make(ignore_index=ignored, reduction="sum")(X, target)
        assert same(mean.output, total.output)
        assert abs(total.loss + sum(map(float, mean.output))) <= 6 * U * total.loss
        assert mean.loss == total.loss / kept


@pytest.mark.parametrize("shape", [(), (6,), (2, 3), (1, 6)], ids=str)
def test_the_loss_without_reduction_is_zero_minus_output_in_the_shape_of_target(shape):
    x, y = (X[0], Y[0]) if shape == () else (X.reshape(*shape, 6), Y.reshape(shape))
    output, loss = make(reduction="none")(x, y)
    assert np.shape(loss) == shape and same(loss, 0 - output)


@pytest.mark.parametrize("shape", [(), (6,), (2, 3)], ids=str)
def test_the_loss_of_mean_and_sum_is_a_scalar(shape):
    x, y = (X[0], Y[0]) if shape == () else (X.reshape(*shape, 6), Y.reshape(shape))
    assert np.shape(make()(x, y).loss) == ()
    assert np.shape(make(reduction="sum")(x, y).loss) == ()


# ------------------------------------------------------------------------ backward

@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("grad_loss", [1.0, -0.75, 0.0])
def test_the_upstream_of_a_kept_row_joins_output_and_loss(reduction, grad_loss):
    """q = grad_output - grad_loss / kept; given as grad_output alone it is the same upstream."""
    layer = make(reduction=reduction, ignore_index=2)
    up, kept = eighths(4, 6), 5
    _, cache = layer.forward(X, Y)
    q = up - (grad_loss / kept if reduction == "mean" else grad_loss)
    joined = layer.backward(cache, q, 0.0)
    assert near(layer.backward(cache, up, grad_loss), joined, 64 * U * 2)
    if reduction != "mean":                             # eighths: q has no rounding
        assert same(layer.backward(cache, up, grad_loss), joined)


def test_without_arguments_it_is_the_gradient_of_the_loss():
    layer = make()
    _, cache = layer.forward(X, Y)
    assert same(layer.backward(cache), layer.backward(cache, np.zeros(6), 1.0))
    assert same(layer.backward(cache, None, 1), layer.backward(cache, grad_output=None))


def test_the_rows_of_an_upstream_reach_their_own_examples():
    """grad_output is not summed, not mixed: a unit upstream moves its row's input alone."""
    layer = make()
    _, cache = layer.forward(X, Y)
    for row in range(6):
        gradient = layer.backward(cache, np.eye(6)[row], 0.0).input
        assert gradient[row].any() and not np.delete(gradient, row, 0).any()


@pytest.mark.parametrize("wrong", [(1,), (5,), (6, 1), (1, 6), (2, 3), (7,), ()], ids=str)
@pytest.mark.parametrize("shape", [(6,), (3, 2)], ids=str)
def test_a_grad_output_of_another_shape_is_refused_and_not_broadcast(wrong, shape):
    layer = make()
    _, cache = layer.forward(X.reshape(*shape, 6), Y.reshape(shape))
    with refuses(ValueError, f"Mismatch in shape: grad_output has a shape of {wrong} "
                             f"and output has a shape of {shape}."):
        layer.backward(cache, np.ones(wrong))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scalar", [1.0, 1, np.float64(1), np.array(1.0)], ids=repr)
def test_a_scalar_grad_output_is_refused_unless_output_is_one(dtype, scalar):
    layer, x = make(dtype=dtype), X.astype(dtype)
    _, cache = layer.forward(x, Y)
    with refuses(ValueError, "Mismatch in shape: grad_output has a shape of () "
                             "and output has a shape of (6,)."):
        layer.backward(cache, scalar)
    _, cache = layer.forward(x[0], Y[0])
    assert same(layer.backward(cache, scalar), layer.backward(cache, np.ones((), dtype=dtype)))
    with refuses(ValueError, "Mismatch in shape: grad_output has a shape of (1,) "
                             "and output has a shape of ()."):
        layer.backward(cache, np.ones(1, dtype=dtype))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("wrong", [(1,), (6,), (1, 1)], ids=str)
def test_a_grad_loss_of_another_shape_than_a_scalar_loss_is_refused(reduction, wrong):
    layer = make(reduction=reduction)
    _, cache = layer.forward(X, Y)
    with refuses(ValueError, f"Mismatch in shape: grad_loss has a shape of {wrong} "
                             "and loss has a shape of ()."):
        layer.backward(cache, grad_loss=np.ones(wrong))


@pytest.mark.parametrize("shape, wrong", [((6,), (1,)), ((6,), (6, 1)), ((6,), (5,)),
                                          ((2, 3), (6,)), ((2, 3), (3,)), ((2, 3), (2, 1))])
def test_without_reduction_a_grad_loss_of_neither_shape_is_refused(shape, wrong):
    layer = make(reduction="none")
    _, cache = layer.forward(X.reshape(*shape, 6), Y.reshape(shape))
    with refuses(ValueError, f"Mismatch in shape: grad_loss has a shape of {wrong} "
                             f"and loss has a shape of {shape}."):
        layer.backward(cache, grad_loss=np.ones(wrong))


@pytest.mark.parametrize("shape", [(6,), (2, 3)], ids=str)
def test_without_reduction_grad_loss_is_a_scalar_or_has_the_shape_of_the_loss(shape):
    layer = make(reduction="none")
    _, cache = layer.forward(X.reshape(*shape, 6), Y.reshape(shape))
    each = layer.backward(cache, grad_loss=np.full(shape, 0.5))
    assert same(layer.backward(cache, grad_loss=0.5), each)
    assert same(layer.backward(cache, grad_loss=np.array(0.5)), each)
    up = eighths(4, shape)
    assert same(layer.backward(cache, grad_loss=up), layer.backward(cache, -up, 0.0))


def test_gradients_of_outputs_and_losses_may_be_lists():
    layer = make(reduction="none")
    _, cache = layer.forward(X, Y)
    up = eighths(4, 6)
    assert same(layer.backward(cache, up.tolist()), layer.backward(cache, up))
    assert same(layer.backward(cache, grad_loss=up.tolist()), layer.backward(cache, grad_loss=up))


@pytest.mark.parametrize("head_bias", [False, True])
def test_gradients_have_the_shapes_of_input_and_parameters(head_bias):
    layer = AdaptiveLogSoftmaxWithLoss(6, 9, [2, 5], 2.0, head_bias, rng=0)
    _, cache = layer.forward(X, Y)
    gradients = layer.backward(cache)
    assert type(gradients) is Gradients and gradients._fields == ("input", "parameters")
    assert gradients.input.shape == X.shape
    assert [(path, leaf.shape) for path, leaf in gradients.parameters.items()] == [
        (path, leaf.shape) for path, leaf in layer.parameters.items()]


@pytest.mark.parametrize("y", [[0, 1, 0], [0, 3, 1], [7, 8, 5]], ids=str)
def test_a_cluster_without_a_kept_target_has_zeros_of_full_shape(y):
    layer = make(ignore_index=8)
    _, cache = layer.forward(X[:3], np.array(y))
    for i, cluster in enumerate(layer.backward(cache).parameters.tail):
        used = any(layer.cutoffs[i] <= k < layer.cutoffs[i + 1] and k != 8 for k in y)
        assert cluster.projection.weight.shape == (6 // 2 ** (i + 1), 6)
        assert bool(cluster.output.weight.any()) == bool(cluster.projection.weight.any()) == used


def test_a_cache_is_not_used_up():
    layer = make()
    caches = [layer.forward(X, np.roll(Y, i))[1] for i in range(3)]
    first = [layer.backward(cache) for cache in caches]
    again = [layer.backward(cache) for cache in reversed(caches)]
    assert all(map(same, first, reversed(again)))
    found = [None] * 3

    def work(i):
        found[i] = layer.backward(caches[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(map(same, first, found))


def test_gradients_are_new_each_time_and_never_accumulated():
    layer = make()
    _, cache = layer.forward(X, Y)
    first = layer.backward(cache)
    kept = {path: leaf.copy() for path, leaf in leaves(first).items()}
    for leaf in leaves(layer.backward(cache)).values():
        leaf[...] = 7
    assert same(leaves(first), kept) and same(leaves(layer.backward(cache)), kept)


def test_after_the_parameters_are_replaced_gradients_are_at_those_that_forward_saw():
    layer = make()
    _, cache = layer.forward(X, Y)
    expected = layer.backward(cache)
    layer.load_state_dict({path: leaf * 2 for path, leaf in layer.state_dict().items()})
    assert same(layer.backward(cache), expected)
    assert not same(layer.backward(layer.forward(X, Y)[1]), expected)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(), (6,), (2, 3), (0,)], ids=str)
def test_loss_and_gradients_are_forward_then_backward(reduction, shape):
    """To rounding: a loss of |log p| < 16, gradients below 2 Σ|q|, sums of at most 9 + 6 terms."""
    layer = make(reduction=reduction, ignore_index=5)
    x, y = X[:int(np.prod(shape))].reshape(*shape, 6), Y[:int(np.prod(shape))].reshape(shape)
    loss, gradients = layer.loss_and_gradients(x, y, memory=2 ** 20)
    (_, plain_loss), cache = layer.forward(x, y)
    plain = layer.backward(cache)
    assert np.shape(loss) == np.shape(plain_loss)
    assert np.allclose(loss, plain_loss, rtol=0, atol=16 * 16 * U, equal_nan=True)
    for path, leaf in leaves(plain).items():
        assert leaves(gradients)[path].shape == leaf.shape
        assert np.allclose(leaves(gradients)[path], leaf, rtol=0, atol=2 * 15 * U * 2 * 6)


# ------------------------------------------------------------------------ log_prob_backward

def test_log_prob_backward_of_one_entry_a_row_is_backward_of_the_output():
    """sum(grad * log_prob) with grad at the targets is sum(up * output); Σ|dz| <= 2 Σ|up| <= 12."""
    layer, up = make(), eighths(4, 6)
    grad = np.zeros((6, 9))
    grad[np.arange(6), Y] = up
    _, cache = layer.forward(X, Y)
    assert near(layer.log_prob_backward(X, grad), layer.backward(cache, up, 0.0), 2 * 15 * U * 24)


def test_log_prob_backward_adds_up_over_its_gradients():
    layer, a, b = make(), eighths(4, (6, 9)), eighths(5, (6, 9))
    both, one, two = (leaves(layer.log_prob_backward(X, g)) for g in (a + b, a, b))
    for path in both:
        assert np.abs(both[path] - one[path] - two[path]).max() <= 2 * 15 * U * 2 * 2 * 54


def test_log_prob_backward_uses_all_clusters():
    gradients = make().log_prob_backward(X, eighths(4, (6, 9)))
    assert all(leaf.any() for leaf in leaves(gradients).values())


@pytest.mark.parametrize("shape, wrong", [
    ((6,), (6,)), ((6,), (6, 1)), ((6,), (6, 8)), ((), (1, 9)), ((2, 3), (6, 9)), ((6,), ())])
def test_log_prob_backward_refuses_gradients_of_another_shape(shape, wrong):
    x = X[:int(np.prod(shape))].reshape(*shape, 6)
    with refuses(ValueError, f"Mismatch in shape: grad_log_prob has a shape of {wrong} "
                             f"and log_prob has a shape of {(*shape, 9)}."):
        make().log_prob_backward(x, np.ones(wrong))


def test_a_scalar_is_no_gradient_of_log_prob():
    with refuses(ValueError, "Mismatch in shape: grad_log_prob has a shape of () "
                             "and log_prob has a shape of (6, 9)."):
        make().log_prob_backward(X, 1.0)
