"""Class weights and label smoothing by the layer's own face, as the page on training has them."""
import numpy as np
import pytest

import witnesses
from npadasoft import AdaptiveLogSoftmaxWithLoss

N, C, U = 9, 30, 2.0**-53


@pytest.fixture
def drawn():
    rng = np.random.default_rng(0)
    asm = AdaptiveLogSoftmaxWithLoss(6, C, [5, 12], 2.0, head_bias=True, tail_bias=True, rng=0)
    return asm, rng.normal(size=(N, 6)), rng.integers(0, C, N), rng


def check(asm, x, loss, gradients):
    """Against the complex step along a direction: sums of at most some 1,000 terms."""
    d = witnesses.directions(asm, x, np.random.default_rng(1))
    wanted = witnesses.along(loss, asm, x, d)
    size = sum(abs(g * witnesses.leaves(d)[name]).sum()
               for name, g in witnesses.leaves(gradients).items())
    assert abs(witnesses.inner(gradients, d) - wanted) <= 1000 * U * size


def test_class_weights_are_what_arrives_at_output(drawn):
    asm, x, y, rng = drawn
    w = rng.uniform(0.5, 2, C)[y]
    _, cache = asm.forward(x, y)
    gradients = asm.backward(cache, grad_output=-w / w.sum(), grad_loss=0.0)
    check(asm, x, lambda asm, x: -(w * asm(x, y).output).sum() / w.sum(), gradients)


def test_label_smoothing_over_all_classes_is_a_target_of_log_prob(drawn):
    asm, x, y, _ = drawn
    target = np.full((N, C), 0.1 / C)
    target[np.arange(N), y] += 0.9
    gradients = asm.log_prob_backward(x, -target / N)
    check(asm, x, lambda asm, x: -(target * asm.log_prob(x)).sum() / N, gradients)
    torch = witnesses.witness("torch")
    log_p = torch.from_numpy(asm.log_prob(x))           # they are the logits of their own softmax
    theirs = torch.nn.functional.cross_entropy(log_p, torch.from_numpy(y), label_smoothing=0.1)
    ours = -(target * asm.log_prob(x)).sum() / N
    assert abs(ours - float(theirs)) <= 64 * U * abs(ours)


def test_a_draw_of_the_k_best_at_a_temperature_has_their_probabilities(drawn):
    """Those of p to the power of 1 / T, of the k best among all classes."""
    asm, x, _, _ = drawn
    k, T = 7, 0.7
    top, index = asm.topk(x, k)
    p = np.exp((top - top[:, :1]) / T)
    p /= p.sum(1, keepdims=True)
    every = np.exp(asm.log_prob(x) / T)
    best = np.argsort(-every, axis=1)[:, :k]
    assert np.array_equal(np.sort(index), np.sort(best))
    wanted = np.take_along_axis(every, index, 1)
    assert abs(p - wanted / wanted.sum(1, keepdims=True)).max() <= 256 * U
