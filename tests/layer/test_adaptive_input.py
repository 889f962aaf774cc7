"""The adaptive input: the definition, complex step and PyTorch; and weights tied to the softmax."""
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import witnesses
from npadasoft import AdaptiveLogSoftmaxWithLoss, reference
from npadasoft.adaptive_input import AdaptiveInput, segment_sum
from npadasoft.parameters import Band, Bands
from npadasoft.tying import shared, tied

U = 2.0**-53


def make(**options):
    options = {"first_size": None, "rng": 0, **options}
    return AdaptiveInput(6, 12, [3, 7], 2.0, **options)


INDEX = np.array([[0, 3, 11, 3], [7, 2, 6, 3]])
KINDS = [{}, {"first_size": 6}, {"first_size": 4, "scaled": True}, {"padding_index": 3},
         {"padding_index": -100, "scaled": True}]


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_every_class_reads_what_the_definition_says(options):
    """Sums of at most 6 products, scaled: 8 u of their absolute sum."""
    embed = make(**options)
    bands = {path: leaf.tolist() for path, leaf in embed.parameters.items()}
    scale = math.sqrt(6) if options.get("scaled") else 1.0
    found = embed(np.arange(12))
    absolute = embed.with_parameters(embed.parameters.map(abs))(np.arange(12))
    for k in range(12):
        wanted = reference.embedding(k, bands, embed.cutoffs, scale)
        if k == embed.padding_index:
            wanted = np.zeros(6)
        assert (abs(found[k] - wanted) <= 8 * U * absolute[k]).all()


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_gradients_agree_with_the_complex_step(options):
    embed, rng = make(**options), np.random.default_rng(1)
    output, cache = embed.forward(INDEX)
    up = rng.normal(size=output.shape)
    found = dict(embed.backward(cache, up).items())
    for path, leaf in embed.parameters.items():
        for j in range(leaf.size):
            step = np.zeros(leaf.shape, complex)
            step.flat[j] = 1j * witnesses.STEP
            moved = embed.with_parameters(Bands.from_items({
                name: w + step if name == path else w for name, w in embed.parameters.items()}))
            wanted = (up * moved(INDEX)).sum().imag / witnesses.STEP
            assert abs(found[path].flat[j] - wanted) <= 5e-15 * abs(found[path]).max()


def test_pytorch_agrees_in_vectors_and_gradients():
    torch = witnesses.witness("torch")
    embed, rng = make(first_size=4), np.random.default_rng(1)
    output, cache = embed.forward(INDEX)
    up = rng.normal(size=output.shape)
    weights = {path: torch.tensor(leaf, requires_grad=True)
               for path, leaf in embed.parameters.items()}
    theirs = torch.zeros(*INDEX.shape, 6, dtype=torch.float64)
    index = torch.from_numpy(INDEX)
    for b, (low, high) in enumerate([(0, 3), (3, 7), (7, 12)]):
        here = (index >= low) & (index < high)
        vectors = torch.nn.functional.embedding(index[here] - low, weights[f"bands.{b}.embedding"])
        theirs[here] = vectors @ weights[f"bands.{b}.projection"]
    (theirs * torch.from_numpy(up)).sum().backward()
    assert abs(output - theirs.detach().numpy()).max() <= 16 * U * abs(output).max()
    for path, leaf in embed.backward(cache, up).items():
        assert abs(leaf - weights[path].grad.numpy()).max() <= 64 * U * abs(leaf).max()


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.integers(0, 40), st.integers(1, 6), st.integers(0, 2**16))
def test_the_sum_over_repeated_places_is_right_to_the_depth_of_a_tree(size, n, seed):
    """Each value is rounded once a level: log2(N) + 1 at the most."""
    rng = np.random.default_rng(seed)
    places, values = rng.integers(0, n, size), rng.normal(size=(size, 2))
    found = segment_sum(values, places, n)
    for r in range(n):
        for h in range(2):
            terms = [Fraction(float(v)) for v in values[places == r, h]]
            allowed = U * (math.log2(max(size, 1)) + 1) * float(sum(map(abs, terms)))
            assert abs(Fraction(float(found[r, h])) - sum(terms)) <= allowed
    order = np.argsort(places, kind="stable")
    assert np.array_equal(found, segment_sum(values[order], places[order], n))


def test_many_repetitions_are_counted_every_one():
    """Integers: nothing rounds, whatever the multiplicity."""
    places = np.repeat(np.arange(5), [1, 2, 3, 1000, 4097])
    np.random.default_rng(0).shuffle(places)
    assert segment_sum(np.ones((len(places), 1)), places, 7).ravel().tolist() == [
        1, 2, 3, 1000, 4097, 0, 0]


@pytest.mark.parametrize("times", [2, 3, 5, 6, 7])
@pytest.mark.parametrize("before", [1, 3, 5])
def test_a_class_is_counted_from_its_own_first_reading(before, times):
    """Not from the first of all: what pairs up is the rank among equals, whatever comes before.

    The golden vectors have no class read so often behind an odd number of others: the fault is one
    of a sum in pairs, which no port is known to have.
    """
    places = np.repeat([0, 1], [before, times])
    assert segment_sum(np.ones((before + times, 1)), places, 2).ravel().tolist() == [before, times]


def test_padding_reads_zeros_and_has_no_gradient_even_if_it_is_nan():
    embed = make(padding_index=3)
    output, cache = embed.forward(INDEX)
    assert not output[INDEX == 3].any() and output[INDEX != 3].all()
    up = np.ones(output.shape)
    up[INDEX == 3] = np.nan
    found = embed.backward(cache, up)
    assert not found.bands[1].embedding[0].any()
    assert all(np.isfinite(leaf).all() for _, leaf in found.items())
    assert found.bands[1].embedding[3].any()                # class 6 is read once


def test_a_complex_gradient_of_real_weights_makes_complex_gradients():
    """Linear, and analytic: (1 + 2i) g is pulled back to (1 + 2i) times what g is."""
    embed, rng = make(first_size=4), np.random.default_rng(1)
    output, cache = embed.forward(INDEX)
    up = rng.normal(size=output.shape)
    real, found = embed.backward(cache, up), embed.backward(cache, (1 + 2j) * up)
    for (path, a), (_, b) in zip(real.items(), found.items()):
        assert b.dtype == np.complex128 and abs(b - (1 + 2j) * a).max() <= 64 * U * abs(a).max()


@pytest.mark.parametrize("shape", [(), (1,), (0,), (2, 3), (2, 0, 3)], ids=str)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", "complex64"])
def test_indices_of_any_shape_and_weights_of_any_dtype(shape, dtype):
    embed = make(dtype=dtype, first_size=5, scaled=True)
    index = (np.arange(math.prod(shape)) * 5 % 12).reshape(shape)
    for kind in ("int8", "uint8", "int64", ">i4"):
        output, cache = embed.forward(index.astype(kind))
        assert output.shape == (*shape, 6) and output.dtype == np.dtype(dtype)
    found = embed.backward(cache, np.ones_like(output))
    for (path, leaf), (_, weight) in zip(found.items(), embed.parameters.items()):
        assert leaf.shape == weight.shape and leaf.dtype == np.dtype(dtype), path


@pytest.mark.parametrize("index, error, text", [
    ([0, 12], ValueError, r"Index values should be in \[0, 11\], but values in range \[0, 12\]"),
    ([-1, 3], ValueError, r"Index values should be in \[0, 11\]"),
    ([0.5], TypeError, "index should hold integers, but found float64"),
    ([True], TypeError, "index should hold integers, but found bool")])
def test_a_bad_index_is_refused(index, error, text):
    with pytest.raises(error, match=text):
        make()(np.array(index))


@pytest.mark.parametrize("build, error, text", [
    (lambda: AdaptiveInput(6, 12, [3, 7], 10.0), ValueError, "band 1 should have vectors of at"),
    (lambda: AdaptiveInput(0, 12, [3]), ValueError, "features should be at least 1"),
    (lambda: AdaptiveInput(6, 12, [3], 1e300, first_size=2), ValueError, "band 1"),
    (lambda: AdaptiveInput(6, 12, [3], dtype=int), TypeError, "floating-point"),
    (lambda: make(padding_index=0.5), TypeError, "padding_index should be an integer"),
    (lambda: make().with_parameters(Bands(())), ValueError, "there should be 3 bands, but found 0"),
    (lambda: make().with_parameters(make(first_size=4).parameters.map(lambda w: w[1:])), ValueError,
     "bands.0.embedding should have shape"),
    (lambda: make().with_parameters(Bands((Band(np.ones((3, 4))), *make().parameters.bands[1:]))),
     ValueError, r"bands.0.projection should have shape \(4, 6\), but found None"),
    (lambda: make().backward(make().forward(INDEX)[1], np.ones((2, 4))), ValueError,
     "Mismatch in shape: grad_output"),
    (lambda: make().parameters.map(np.add, make(first_size=6).parameters), ValueError,
     "trees differ")])
def test_what_makes_no_input_is_refused(build, error, text):
    with pytest.raises(error, match=text):
        build()


# ------------------------------------------------------------------------ tying

WAYS = [{"embeddings": True, "projections": False}, {"embeddings": False, "projections": True},
        {"embeddings": True, "projections": True}]


def language_model(way):
    """A layer and an input that share arrays; y is what follows x, in a model without more."""
    asm = AdaptiveLogSoftmaxWithLoss(6, 12, [3, 7], 2.0, tail_bias=True, rng=1)
    return asm, shared(make(), asm.parameters, **way)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_gradients_of_shared_arrays_add_up(way):
    """Against the complex step, in which a shared array moves on both sides at once."""
    asm, embed = language_model(way)
    x, y = INDEX.ravel(), np.roll(INDEX.ravel(), 1)
    vectors, cache = embed.forward(x)
    _, grads = asm.loss_and_gradients(vectors, y)
    softmax, bands = tied(grads.parameters, embed.backward(cache, grads.input), **way)
    rng = np.random.default_rng(0)
    d = asm.parameters.map(lambda w: rng.normal(size=w.shape))
    d_input = shared(make().with_parameters(
        make().parameters.map(lambda w: rng.normal(size=w.shape))), d, **way).parameters

    h = witnesses.STEP
    moved = asm.with_parameters(asm.parameters.map(lambda w, v: w + 1j * h * v, d))
    moved_input = embed.with_parameters(embed.parameters.map(lambda w, v: w + 1j * h * v, d_input))
    wanted = moved(moved_input(x), y).loss.imag / h
    once = {**dict(softmax.items()), **{
        path: leaf for path, leaf in bands.items() if not is_shared(path, way)}}
    along = {**dict(d.items()), **dict(d_input.items())}
    found = math.fsum((once[path] * along[path]).sum() for path in once)
    size = math.fsum(abs(once[path] * along[path]).sum() for path in once)
    assert abs(found - wanted) <= 64 * U * size
    for path, leaf in bands.items():                        # both trees hold the sum
        if is_shared(path, way):
            assert np.array_equal(leaf, counterpart(path, softmax))
    assert np.array_equal(softmax.head.weight[3:], grads.parameters.head.weight[3:])


def is_shared(path, way):
    return way["embeddings"] if path.endswith("embedding") else way["projections"]


def counterpart(path, softmax):
    b = int(path.split(".")[1])
    if b == 0:
        return softmax.head.weight[:3]
    tail = softmax.tail[b - 1]
    return (tail.output if path.endswith("embedding") else tail.projection).weight


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_shared_arrays_are_the_softmaxs_own(way):
    asm, embed = language_model(way)
    for path, leaf in embed.parameters.items():
        same = np.shares_memory(leaf, counterpart(path, asm.parameters))
        assert same == is_shared(path, way)


def test_sizes_that_do_not_fit_cannot_be_shared():
    asm = AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], 2.0, rng=1)
    with pytest.raises(ValueError, match="should have shape"):
        shared(make(), asm.parameters)
