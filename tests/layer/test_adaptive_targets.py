"""Targets and shapes: what a call takes, in which order it checks, and what it answers."""
import numpy as np
import pytest
from contract import exact, leaves, refuses, same

from npadasoft import AdaptiveLogSoftmaxWithLoss

X = np.random.default_rng(0).normal(size=(6, 4))
Y = np.array([8, 1, 5, 2, 0, 4])
INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", ">i4", ">u8"]


@pytest.fixture
def layer():
    return AdaptiveLogSoftmaxWithLoss(4, 9, [2, 5], 2.0, True, rng=0)


def numpy_layer(**options):
    return AdaptiveLogSoftmaxWithLoss(4, 9, [2, 5], 2.0, True, rng=0, **options)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_targets_of_any_integer_dtype_are_accepted(dtype):
    layer = numpy_layer()
    assert same(layer(X, Y.astype(dtype)), layer(X, Y))


@pytest.mark.parametrize("target", [
    np.array([True] * 6), Y.astype(float), Y.astype(complex), Y.astype(object), Y.astype(str),
    np.array(Y, dtype="timedelta64[s]")], ids=lambda y: str(y.dtype))
def test_targets_that_are_no_integers_are_refused(target):
    with refuses(TypeError, f"target should hold integers, but found {target.dtype}"):
        numpy_layer()(X, target)


@pytest.mark.parametrize("target", [
    Y.tolist(), tuple(Y.tolist()), np.ma.masked_array(Y, mask=Y > 2)], ids=lambda y: str(type(y)))
def test_targets_that_are_no_plain_array_are_converted(target):
    layer = numpy_layer()
    assert same(layer(X, target), layer(X, Y))


def test_an_int_is_the_target_of_one_example(layer):
    assert same(layer(X[0], 8), layer(X[0], np.array(8)))
    assert same(layer(X[0], np.int16(8)), layer(X[0], np.array(8)))


def test_an_empty_list_of_targets_is_an_array_of_floats():
    with refuses(TypeError, "target should hold integers, but found float64"):
        numpy_layer()(X[:0], [])


def test_a_list_of_too_large_integers_is_an_array_of_objects():
    with refuses(TypeError, "target should hold integers, but found object"):
        numpy_layer()(X[:1], [2 ** 70])


@pytest.mark.parametrize("target, low, high", [
    ([9, 0, 0, 0, 0, 0], 0, 9), ([-1, 0, 0, 0, 0, 0], -1, 0), ([0, 0, -100, 3, 0, 0], -100, 3),
    ([-1, 9, 3, 4, 5, 6], -1, 9), ([9, 9, 9, 9, 9, 9], 9, 9)], ids=str)
def test_a_target_that_is_no_class_is_refused_with_the_range_found(layer, target, low, high):
    with refuses(ValueError, "Target values should be in [0, 8], "
                             f"but values in range [{low}, {high}] were found."):
        layer(X, np.array(target))


@pytest.mark.parametrize("value", [2 ** 63, 2 ** 64 - 1, 9])
def test_unsigned_targets_beyond_int64_are_refused_and_not_wrapped(layer, value):
    with refuses(ValueError, "Target values should be in [0, 8], "
                             f"but values in range [0, {value}] were found."):
        layer(X[:2], np.array([0, value], dtype="uint64"))


def test_the_range_is_that_of_the_targets_kept():
    layer = numpy_layer(ignore_index=-100)
    with refuses(ValueError, "Target values should be in [0, 8], "
                             "but values in range [3, 12] were found."):
        layer(X[:3], np.array([-100, 3, 12]))


def test_one_example_gives_scalars(layer):
    (output, loss), cache = layer.forward(X[0], np.array(8))
    assert np.shape(output) == np.shape(loss) == () and loss == -output
    assert layer.backward(cache).input.shape == (4,)
    assert np.isclose(output, layer(X[:1], Y[:1]).output[0], rtol=0, atol=1e-14)


def test_a_batch_gives_its_outputs_in_input_order(layer):
    output, loss = layer(X, Y)
    log_p = layer.log_prob(X)
    eps = np.finfo(float).eps
    assert output.shape == (6,) and loss.shape == ()
    assert np.abs(output - log_p[np.arange(6), Y]).max() <= 64 * eps
    assert abs(loss + output.mean()) <= 8 * eps * abs(loss)


@pytest.mark.parametrize("shape", [(2, 3), (3, 1, 2), (6, 1), (1, 6), (1, 1, 6, 1)], ids=str)
def test_more_axes_are_those_of_the_flattened_call(layer, shape):
    (output, loss), cache = layer.forward(X.reshape(*shape, 4), Y.reshape(shape))
    (flat, flat_loss), flat_cache = layer.forward(X, Y)
    assert output.shape == shape
    assert same(output.reshape(-1), flat) and same(loss, flat_loss)
    gradients, flat_gradients = layer.backward(cache), layer.backward(flat_cache)
    assert same(gradients.input, flat_gradients.input.reshape(*shape, 4))
    assert same(gradients.parameters, flat_gradients.parameters)
    assert same(layer.log_prob(X.reshape(*shape, 4)), layer.log_prob(X).reshape(*shape, 9))
    grad = np.random.default_rng(1).normal(size=(6, 9))
    assert same(layer.log_prob_backward(X.reshape(*shape, 4), grad.reshape(*shape, 9)).parameters,
                layer.log_prob_backward(X, grad).parameters)


@pytest.mark.parametrize("input_shape, target_shape, message", [
    ((5, 4), (6,), "Input and target should have the same size in the batch dimension. "
                   "Found 5 and 6."),
    ((4,), (6,), "Input and target should have the same size in the batch dimension. "
                 "Found 4 and 6."),
    ((0, 4), (6,), "Input and target should have the same size in the batch dimension. "
                   "Found 0 and 6."),
    ((6,), (6,), "1D target tensor expects 2D input tensors, but found inputs with size (6,)"),
    ((6, 2, 4), (6,),
     "1D target tensor expects 2D input tensors, but found inputs with size (6, 2, 4)"),
    ((), (6,), "1D target tensor expects 2D input tensors, but found inputs with size ()"),
    ((1, 4), (), "0D target tensor expects 1D input tensors, but found inputs with size (1, 4)"),
    ((), (), "0D target tensor expects 1D input tensors, but found inputs with size ()"),
    ((6, 4), (2, 3),
     "target with size (2, 3) expects inputs with size (2, 3, 4), "
     "but found inputs with size (6, 4)"),
    ((2, 4, 4), (2, 3), "target with size (2, 3) expects inputs with size (2, 3, 4), "
                        "but found inputs with size (2, 4, 4)"),
    ((3, 4), (3, 1),
     "target with size (3, 1) expects inputs with size (3, 1, 4), "
     "but found inputs with size (3, 4)"),
    ((6, 5), (6,), "input should have 4 features in its last axis, "
                   "but found inputs with size (6, 5)"),
    ((2, 3, 1), (2, 3), "input should have 4 features in its last axis, "
                        "but found inputs with size (2, 3, 1)"),
    ((0, 0), (0,), "input should have 4 features in its last axis, "
                   "but found inputs with size (0, 0)"),
    ((3,), (), "input should have 4 features in its last axis, but found inputs with size (3,)")])
def test_shapes_that_do_not_fit_are_refused(layer, input_shape, target_shape, message):
    with refuses(ValueError, message):
        layer(np.zeros(input_shape), np.zeros(target_shape, dtype=int))
    with refuses(ValueError, message):
        layer.loss_and_gradients(np.zeros(input_shape), np.zeros(target_shape, dtype=int))


@pytest.mark.parametrize("call", ["log_prob", "predict", "topk", "sample", "log_prob_backward"])
@pytest.mark.parametrize("shape", [(6, 5), (3,), (), (0, 0), (2, 3, 8)], ids=str)
def test_every_call_refuses_inputs_of_other_features(layer, call, shape):
    more = {"topk": (2,), "sample": (0,), "log_prob_backward": (np.zeros((*shape[:-1], 9)),)}
    with refuses(ValueError, "input should have 4 features in its last axis, "
                             f"but found inputs with size {shape}"):
        getattr(layer, call)(np.zeros(shape), *more.get(call, ()))


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 3)], ids=str)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_no_rows_give_no_outputs_zero_gradients_and_no_warning(shape, reduction):
    layer = AdaptiveLogSoftmaxWithLoss(4, 9, [2, 5], 2.0, True, rng=0, reduction=reduction)
    (output, loss), cache = layer.forward(np.zeros((*shape, 4)), np.zeros(shape, dtype=int))
    assert output.shape == shape and output.dtype == np.float64
    if reduction == "none":
        assert loss.shape == shape
    else:
        assert np.isnan(loss) if reduction == "mean" else loss == 0 and not np.signbit(loss)
    gradients = layer.backward(cache)
    assert gradients.input.shape == (*shape, 4)
    for path, leaf in gradients.parameters.items():
        assert leaf.shape == dict(layer.parameters.items())[path].shape
        assert (leaf == 0).all(), path


@pytest.mark.parametrize("shape", [(0,), (2, 0)], ids=str)
def test_no_rows_have_an_empty_distribution(layer, shape):
    x = np.zeros((*shape, 4))
    assert layer.log_prob(x).shape == (*shape, 9)
    assert layer.predict(x).shape == shape and layer.predict(x).dtype == np.int64
    top = layer.topk(x, 3)
    assert top.log_prob.shape == top.index.shape == (*shape, 3)
    assert layer.sample(x, 0).shape == shape and layer.sample(x, 0).dtype == np.int64
    gradients = layer.log_prob_backward(x, np.zeros((*shape, 9)))
    assert gradients.input.shape == (*shape, 4)
    assert all((leaf == 0).all() for _, leaf in gradients.parameters.items())


def test_a_target_equal_to_a_cutoff_belongs_to_the_next_cluster():
    layer = exact(AdaptiveLogSoftmaxWithLoss(4, 9, [2, 5], 2.0, rng=0))
    for y, cluster in ((1, None), (2, 0), (4, 0), (5, 1), (8, 1)):
        _, cache = layer.forward(X, np.full(6, y))
        used = [bool(c.output.weight.any()) for c in layer.backward(cache).parameters.tail]
        assert used == [cluster == 0, cluster == 1]


BAD = [                             # each breaks one check, in the order in which they are made
    ("target", np.zeros(3), "target should hold integers, but found float64"),
    ("input", np.zeros((2, 5), dtype=int),
     "input should hold floating-point numbers, but found int64"),
    ("input", np.zeros((2, 5), dtype="float32"), "input is float32 but the layer is float64: "
     "precisions are not mixed, convert one of them"),
    ("input", np.zeros((2, 5)),
     "Input and target should have the same size in the batch dimension. Found 2 and 3."),
    ("input", np.zeros((3, 5, 5)),
     "1D target tensor expects 2D input tensors, but found inputs with size (3, 5, 5)"),
    ("input", np.zeros((3, 5)),
     "input should have 4 features in its last axis, but found inputs with size (3, 5)"),
    ("input", np.zeros((3, 4)),
     "Target values should be in [0, 8], but values in range [77, 99] were found.")]


@pytest.mark.parametrize("first", range(len(BAD)))
def test_the_first_failing_check_speaks(first):
    """Every later fault is present too: row `first` of BAD still decides the message."""
    layer = AdaptiveLogSoftmaxWithLoss(4, 9, [2, 5], 2.0, rng=0, ignore_index=-7)
    target = np.zeros(3) if first == 0 else np.array([99, 77, -7])
    with refuses(TypeError if first < 3 else ValueError, BAD[first][2]):
        layer(BAD[max(first, 1)][1], target)


def test_forward_computes_only_clusters_that_hold_a_target(layer):
    """A cluster full of nan does not show unless a target lives there."""
    tree = dict(layer.parameters.items())
    tree["tail.1.1.weight"] = tree["tail.1.1.weight"] * np.nan
    broken = layer.with_parameters(type(layer.parameters).from_items(tree))
    y = np.array([0, 1, 2, 3, 4, 0])
    assert same(broken(X, y), layer(X, y))
    assert np.isnan(broken(X, Y).output[[0, 2]]).all()
    assert np.isfinite(broken(X, Y).output[[1, 3, 4, 5]]).all()


def test_calling_the_layer_is_forward_without_the_cache(layer):
    result, _ = layer.forward(X, Y)
    assert same(layer(X, Y), result)
    assert result._fields == ("output", "loss")
    assert set(leaves(layer.loss_and_gradients(X, Y)[1])) >= {"input", "head.weight", "head.bias"}
