"""The head alone: cross-entropy of a linear map, its gradients, and its blocks."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npadasoft import gradcheck
from npadasoft.linear import LinearCrossEntropy


def drawn(seed, n=7, d=3, c=5, **options):
    """(head, input, target), a target of which every third is ignored."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, c, n)
    target[::3] = -100
    return (LinearCrossEntropy(rng.normal(size=(c, d)), rng.normal(size=c), **options),
            rng.normal(size=(n, d)), target)


OPTIONS = [{"reduction": r, "label_smoothing": e} for r in ("mean", "sum") for e in (0.0, 0.25)]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_gradients_are_those_of_the_loss(options):
    head, x, y = drawn(0, **options)

    def f(p):
        return LinearCrossEntropy(p["weight"], p["bias"], **options).loss(p["input"], y)

    def grads(p):
        return LinearCrossEntropy(p["weight"], p["bias"], **options).loss_and_gradients(
            p["input"], y)[1]
    assert gradcheck.check(f, {"weight": head.weight, "bias": head.bias, "input": x}, grads)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 9), st.integers(1, 6), st.integers(1, 9), st.integers(0, 99),
       st.sampled_from(["mean", "sum", "none"]))
def test_blocks_of_any_size_give_the_plain_loss_and_the_same_gradients(n, d, c, seed, reduction):
    head, x, y = drawn(seed, n, d, c, reduction=reduction)
    loss, grads = head.loss_and_gradients(x, y, np.ones(n) if reduction == "none" else 1.0)
    small, again = head.loss_and_gradients(x, y, 1.0, memory=64 * (3 * d + 16))
    np.testing.assert_allclose(loss, head.loss(x, y), rtol=1e-13)
    np.testing.assert_allclose(small, loss, rtol=1e-13)
    for name, g in grads.items():       # a few terms of at most 10: 100 u of them is far above
        np.testing.assert_allclose(again[name], g, rtol=0, atol=1e-13)


def test_smoothing_by_nothing_is_none_and_by_all_forgets_the_target():
    head, x, y = drawn(1, label_smoothing=1.0)
    other = np.where(y < 0, y, (y + 1) % 5)
    assert head.loss(x, y) == head.loss(x, other)
    assert drawn(1)[0].loss(x, y) != head.loss(x, y)


def test_a_batch_of_padding_has_no_mean_and_gradients_of_zero():
    head, x, _ = drawn(2)
    loss, grads = head.loss_and_gradients(x, np.full(len(x), -100))
    assert np.isnan(loss) and not any(g.any() for g in grads.values())


def test_float16_is_computed_in_float32_and_rounded_once():
    head, x, y = drawn(3)
    half = LinearCrossEntropy(head.weight.astype(np.float16), head.bias.astype(np.float16))
    wide = LinearCrossEntropy(half.weight.astype(np.float32), half.bias.astype(np.float32))
    x = x.astype(np.float16)
    loss, grads = half.loss_and_gradients(x, y)
    want, wanted = wide.loss_and_gradients(x.astype(np.float32), y)
    assert loss == want.astype(np.float16) and loss.dtype == np.float16
    assert all(np.array_equal(g, wanted[n].astype(np.float16)) for n, g in grads.items())


@pytest.mark.parametrize("options, text", [
    ({"reduction": "average"}, "mean, sum, none, but found 'average'"),
    ({"label_smoothing": 1.5}, r"in \[0, 1\], but found 1.5"),
    ({"bias": np.zeros(3)}, r"bias should have shape \(5,\), but found \(3,\)")])
def test_a_wrong_option_is_refused(options, text):
    with pytest.raises(ValueError, match=text):
        LinearCrossEntropy(np.zeros((5, 2)), **options)


@pytest.mark.parametrize("target, text", [
    ([5, 0], r"\[0, 4\], but found 5"), ([-1, 0], r"\[0, 4\], but found -1"),
    ([0, 1, 2], r"target should have shape \(2,\), but found \(3,\)")])
def test_a_target_that_is_no_class_is_refused(target, text):
    head = LinearCrossEntropy(np.zeros((5, 2)))
    with pytest.raises(ValueError, match=text):
        head.loss(np.zeros((2, 2)), np.array(target))


@pytest.mark.parametrize("options", [*OPTIONS, {"reduction": "none"}], ids=str)
def test_torch_has_the_same_loss(options):
    torch = pytest.importorskip("torch")
    head, x, y = drawn(4, **options)
    z = torch.tensor(x @ head.weight.T + head.bias)
    want = torch.nn.functional.cross_entropy(z, torch.tensor(y), **options)
    np.testing.assert_allclose(head.loss(x, y), want.numpy(), rtol=1e-13)
