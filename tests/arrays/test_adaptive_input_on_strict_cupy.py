"""The adaptive input on the stand-in for CuPy: the same bits as on NumPy, and one wait."""
import numpy as np
import pytest
import strict_cupy as cp
from strict_cupy.layer import down, up

from npadasoft import AdaptiveLogSoftmaxWithLoss, arrays
from npadasoft.adaptive_input import AdaptiveInput
from npadasoft.parameters import Bands
from npadasoft.tying import shared, tied


@pytest.fixture(autouse=True, scope="module")
def stand_in():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(arrays._LIBRARIES, "strict_cupy", "ndarray")
        yield


def same(want, got):
    return all(a.tobytes() == down(b).tobytes() and a.dtype == b.dtype
               for (_, a), (_, b) in zip(want.items(), got.items(), strict=True))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("n", [0, 1, 2, 33])
@pytest.mark.parametrize("options", [{}, {"first_size": 3, "padding_index": 2, "scaled": True}],
                         ids=str)
def test_forward_and_backward_give_the_same_bits(dtype, n, options):
    rng = np.random.default_rng(n)
    embed = AdaptiveInput(6, 12, [3, 7], 1.5, dtype=dtype, rng=0, **options)
    there = embed.with_parameters(embed.parameters.map(cp.asarray))
    index = rng.integers(0, 12, n)
    grad = rng.normal(size=(n, 6)).astype(dtype)
    want, cache = embed.forward(index)
    with cp.count_syncs() as seen:
        got, cache_there = there.forward(cp.asarray(index))
    assert len(seen) == 1 and want.tobytes() == down(got).tobytes()
    with cp.count_syncs() as seen:
        got = there.backward(cache_there, cp.asarray(grad))
    assert seen == [] and same(embed.backward(cache, grad), got)


def test_arrays_are_tied_there_too():
    asm = AdaptiveLogSoftmaxWithLoss(6, 12, [3, 7], 2.0, rng=0)
    embed = AdaptiveInput(6, 12, [3, 7], 2.0, rng=1)
    grads = asm.parameters.map(np.ones_like), embed.parameters.map(np.ones_like)
    want = tied(*grads)
    got = tied(*(tree.map(cp.asarray) for tree in grads))
    assert all(map(same, want, got))
    there = embed.with_parameters(embed.parameters.map(cp.asarray))
    assert isinstance(shared(there, asm.parameters.map(cp.asarray)).parameters, Bands)


@pytest.mark.parametrize("bad", [[0, 12], [-1, 3]])
def test_a_bad_index_is_refused_before_anything_wraps(bad):
    embed = AdaptiveInput(6, 12, [3, 7], 2.0, rng=0)
    there = embed.with_parameters(embed.parameters.map(cp.asarray))
    with pytest.raises(ValueError, match=r"Index values should be in \[0, 11\]"):
        there(up(np.array(bad)))
