"""loss_and_gradients keeps every row of the contract, whatever memory it is given."""
import numpy as np
import pytest
from contract import COMPLEX, REAL, eighths, exact, leaves, refuses, same

from npadasoft import AdaptiveLogSoftmaxWithLoss, Gradients

Y = np.tile([59, 1, 35, 30, 0, 44, 29, 45], 7)
X = eighths(3, (56, 6))
ONE_BLOCK, WHOLE_ROWS, TILES, TWO_ROWS, ONE_ROW = MEMORY = [2 ** 20, 2500, 520, 140, 44]  # numbers


def wide(dtype="float64", **options):
    """Softmaxes of 32, 15 and 15 entries: wide enough to be cut in classes."""
    return exact(AdaptiveLogSoftmaxWithLoss(6, 60, [30, 45], 2.0, True, dtype=dtype, rng=0,
                                            **options))


def size(numbers, dtype="float64"):
    """Bytes of that many numbers as the layer computes with them."""
    return numbers * max(np.dtype(dtype).itemsize, 4)


def apart(layer, x, y, memory):
    """How far loss_and_gradients is from forward and backward: the largest difference."""
    loss, gradients = layer.loss_and_gradients(x, y, memory=memory)
    (_, plain_loss), cache = layer.forward(x, y)
    plain = layer.backward(cache)
    assert np.shape(loss) == np.shape(plain_loss) and np.asarray(loss).dtype == plain_loss.dtype
    assert type(gradients) is Gradients
    differences = [np.abs(np.asarray(loss) - plain_loss).max(initial=0)]
    for path, leaf in leaves(plain).items():
        found = leaves(gradients)[path]
        assert (found.shape, found.dtype) == (leaf.shape, leaf.dtype), path
        differences.append(np.abs(found - leaf).max(initial=0))
    return max(differences)


@pytest.mark.parametrize("memory", MEMORY)
@pytest.mark.parametrize("dtype", REAL + COMPLEX)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_it_has_the_values_of_forward_then_backward(dtype, reduction, memory):
    """Sums of at most 56 terms with Σ|q| <= 56 and |x|, |w| <= 1: 2 γ_71 Σ|dz| apart."""
    layer = wide(dtype, reduction=reduction, ignore_index=35)
    width = "float32" if dtype == "float16" else dtype
    weight = 1 if reduction == "mean" else 56
    rounding = 2 * 71 * np.finfo(width).eps / 2 * 2 * weight * (1 + 6)
    if dtype == "float16":
        rounding += np.finfo(dtype).eps * 4 * weight    # results below 4 a row, rounded once
    assert apart(layer, X.astype(dtype), Y, size(memory, dtype)) <= float(rounding)


@pytest.mark.parametrize("memory", MEMORY)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 3), (3, 0)], ids=str)
def test_every_shape_of_a_batch_is_taken(shape, memory):
    layer, n = wide(reduction="none"), int(np.prod(shape))
    x, y = X[:n].reshape(*shape, 6), Y[:n].reshape(shape)
    assert apart(layer, x, y, size(memory)) <= 2 * 15 * np.finfo(float).eps * 12
    loss, gradients = layer.loss_and_gradients(x, y, memory=size(memory))
    assert np.shape(loss) == shape and gradients.input.shape == (*shape, 6)


@pytest.mark.parametrize("memory", MEMORY)
def test_no_rows_have_a_loss_of_nan_and_gradients_of_zero(memory):
    for y, ignored in ((Y[:0], None), (Y[:1] * 0 + 59, 59)):
        layer = wide(ignore_index=ignored)
        loss, gradients = layer.loss_and_gradients(X[:len(y)] * np.nan, y, memory=size(memory))
        assert np.isnan(loss)
        assert all((leaf == 0).all() for leaf in leaves(gradients).values())
        layer = wide(ignore_index=ignored, reduction="sum")
        assert layer.loss_and_gradients(X[:len(y)], y, memory=size(memory))[0] == 0


@pytest.mark.parametrize("memory", MEMORY)
def test_ignored_rows_leave_before_any_arithmetic(memory):
    layer = wide(ignore_index=-100)
    kept = np.arange(56) % 9 != 1
    x, y = np.where(kept[:, None], X, np.nan), np.where(kept, Y, -100)
    loss, gradients = layer.loss_and_gradients(x, y, memory=size(memory))
    assert same(gradients.input[~kept], np.zeros((7, 6)))
    (_, plain_loss), cache = layer.forward(X[kept], Y[kept])
    plain, rounding = layer.backward(cache), 2 * 71 * np.finfo(float).eps * 2
    assert abs(loss - plain_loss) <= rounding
    assert np.abs(gradients.input[kept] - plain.input).max() <= rounding
    for (_, a), (_, b) in zip(gradients.parameters.items(), plain.parameters.items(), strict=True):
        assert np.abs(a - b).max() <= rounding


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("memory", MEMORY)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf], ids=str)
@pytest.mark.parametrize("row, cluster", [(1, None), (24, 1), (50, 0)])
def test_a_row_that_is_not_finite_spoils_itself_alone(memory, bad, row, cluster):
    layer, x = wide(reduction="none"), X.copy()
    x[row, 2] = bad
    others = np.arange(56) != row
    loss, gradients = layer.loss_and_gradients(x, Y, memory=size(memory))
    plain_loss, plain = layer.loss_and_gradients(X, Y, memory=size(memory))
    assert not np.isfinite(loss[row]) and not np.isfinite(gradients.input[row]).all()
    assert same(loss[others], plain_loss[others])
    assert same(gradients.input[others], plain.input[others])
    assert not np.isfinite(gradients.parameters.head.weight).all()
    for i in (0, 1):
        found, clean = gradients.parameters.tail[i], plain.parameters.tail[i]
        assert np.isfinite(found.output.weight).all() == (i != cluster)
        if i != cluster:
            assert same(found.output.weight, clean.output.weight)
            assert same(found.projection.weight, clean.projection.weight)


@pytest.mark.parametrize("memory", MEMORY)
@pytest.mark.parametrize("dtype", REAL + COMPLEX)
def test_arguments_are_not_written_and_not_shared(dtype, memory):
    layer = wide(dtype, reduction="none")
    x, y, weights = X.astype(dtype), Y.copy(), layer.state_dict()
    x.flags.writeable = y.flags.writeable = False
    loss, gradients = layer.loss_and_gradients(x, y, memory=size(memory, dtype))
    results = [loss, *leaves(gradients).values()]
    assert (x == X).all() and (y == Y).all() and same(dict(layer.parameters.items()), weights)
    for i, a in enumerate(results):
        others = [x, y, *dict(layer.parameters.items()).values(), *results[:i]]
        assert a.flags.writeable and a.dtype == np.dtype(dtype)
        assert not any(np.shares_memory(a, b) for b in others)


@pytest.mark.parametrize("memory", MEMORY)
@pytest.mark.parametrize("scale", [-1e4, -30.0, 30.0, 50.0, 1e4])
@pytest.mark.parametrize("dtype", ["float32", "float64", "longdouble"])
def test_logits_of_any_size_give_finite_results_and_no_warning(dtype, scale, memory):
    layer = wide(dtype)
    layer = layer.with_parameters(layer.parameters.map(lambda w: w * w.dtype.type(scale)))
    loss, gradients = layer.loss_and_gradients(X.astype(dtype), Y, memory=size(memory, dtype))
    assert np.isfinite(loss) and all(np.isfinite(leaf).all() for leaf in leaves(gradients).values())


@pytest.mark.parametrize("memory", [ONE_BLOCK, 16])         # 16: a tile for each class
@pytest.mark.parametrize("shift", [-45, 0, 3, 45])
@pytest.mark.parametrize("dtype, gap", [("float64", 37), ("float32", 17), ("float64", 700),
                                        ("float32", 80)])
def test_a_confident_example_keeps_its_loss_and_its_gradient(dtype, gap, shift, memory):
    """Logits shift + gap, shift, shift: s = 2 exp(-gap), loss log1p(s), gradient -s / (1 + s).

    Relative errors: a few roundings, and each exponential's of a logit z carries |z| u.  Three rows
    alike, so that there is something to cut.
    """
    layer = AdaptiveLogSoftmaxWithLoss(1, 3, [2], 1.0, dtype=dtype, rng=0)
    tree = layer.parameters.map(np.zeros_like)
    tree.head.weight[...] = shift
    tree.head.weight[0] = shift + gap
    layer = layer.with_parameters(tree)
    u, s = np.finfo(dtype).eps / 2, 2 * np.exp(-np.longdouble(gap))
    loss, gradients = layer.loss_and_gradients(np.ones((3, 1), dtype), np.zeros(3, dtype=int),
                                               memory=size(memory, dtype))
    bound = (16 + 2 * (gap + abs(shift))) * u
    assert abs(loss - np.log1p(s)) <= bound * np.log1p(s)
    slope = gradients.parameters.head.weight[:, 0]
    assert abs(slope[0] + s / (1 + s)) <= bound * s
    assert np.abs(slope[1:] - s / (1 + s) / 2).max() <= bound * s


@pytest.mark.parametrize("memory, kind, message", [
    (0, ValueError, "memory should be at least 1, but found 0"),
    (-1, ValueError, "memory should be at least 1, but found -1"),
    (1e6, TypeError, "memory should be an integer, but found 1000000.0 of type float"),
    (True, TypeError, "memory should be an integer, but found True of type bool")])
def test_memory_is_a_positive_number_of_bytes(memory, kind, message):
    with refuses(kind, message):
        wide().loss_and_gradients(X, Y, memory=memory)


def test_memory_that_holds_no_row_and_class_is_refused_with_what_it_takes():
    with pytest.raises(ValueError, match="^memory should be at least .* bytes for one row and one "
                                         "class, but found 8$"):
        wide().loss_and_gradients(X, Y, memory=8)
    with pytest.raises(TypeError, match="positional"):
        wide().loss_and_gradients(X, Y, 2 ** 20)


def filled(layer, shape, dtype, value=np.nan):
    """`Gradients` of a batch of that shape, full of something else."""
    tree = layer.parameters.map(lambda leaf: np.full(leaf.shape, value, dtype))
    return Gradients(np.full((*shape, layer.in_features), value, dtype), tree)


@pytest.mark.parametrize("dtype, memory", [("float64", memory) for memory in MEMORY] + [
    (dtype, WHOLE_ROWS) for dtype in REAL + COMPLEX if dtype != "float64"])
@pytest.mark.parametrize("shape", [(), (0,), (56,), (2, 7, 4)], ids=str)
def test_out_takes_the_same_bits_whatever_it_held(shape, dtype, memory):
    layer, n = wide(dtype, ignore_index=35), int(np.prod(shape))
    x, y = X[:n].astype(dtype).reshape(*shape, 6), Y[:n].reshape(shape)
    loss, gradients = layer.loss_and_gradients(x, y, memory=size(memory, dtype))
    out = filled(layer, shape, dtype)
    again, found = layer.loss_and_gradients(x, y, memory=size(memory, dtype), out=out)
    assert same(loss, again) and same(gradients, found) and same(gradients, out)


def test_out_need_not_be_of_the_batch_that_was_before_it():
    layer, out = wide(), filled(wide(), (8,), "float64")
    for y in (Y[:8], Y[3:11], Y[:8] * 0):               # at last, clusters of no target
        assert same(layer.loss_and_gradients(X[:8], y, out=out)[1],
                    layer.loss_and_gradients(X[:8], y)[1])
