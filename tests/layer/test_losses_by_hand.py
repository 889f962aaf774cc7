"""Weights, smoothing and draws by the layer's own face, as the page on training has them."""
from pathlib import Path

import numpy as np
import pytest

import witnesses
from npadasoft import AdaptiveLogSoftmaxWithLoss
from rounding import FIRST_ORDER, Model

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


PAGE = Path(__file__).parents[2] / "npadasoft" / "training" / "README.md"


def nucleus(asm, x, P):
    """What the page's own lines answer: classes and probabilities, and the total before 1."""
    text = PAGE.read_text("utf-8")
    lines = text[text.index("# The fewest classes"):].split("```")[0]
    lines = lines.replace("P, k = 0.5, 8", f"P, k = {P!r}, 8").replace("100", str(asm.n_classes))
    lines, last = lines.replace("(6)", f"({len(x)})").replace("zeros(6)", f"zeros({len(x)})"), {}
    names = {"np": np, "asm": asm, "x": x, "rng": np.random.default_rng(0),
             "print": lambda *_: last.update(total=names["p"].sum(1))}
    exec(lines, names)
    kept = names["p"] > 0
    assert (kept[:, :-1] >= kept[:, 1:]).all()          # the first ones of topk's order
    assert all(c in index[k] for c, index, k in zip(names["drawn"], names["index"], kept))
    return [index[k] for index, k in zip(names["index"], kept)], names["p"], last["total"]


@pytest.mark.parametrize("P", [0.05, 0.3, 0.5, 0.9, 0.99])
def test_a_draw_of_the_fewest_classes_with_probability_P_is_by_log_prob_sorted(drawn, P):
    """Set, total and distribution, by the exact one: rows where rounding could decide are few."""
    asm, x, _, rng = drawn
    x = np.concatenate([x, 3 * rng.normal(size=(40, 6))])
    log_p = Model.of(asm, x).log_prob()
    exact, slack = np.exp(log_p.value), FIRST_ORDER * U * log_p.error.max() + 2 * C * U
    order = np.argsort(-exact, axis=1, kind="stable")
    sums = np.take_along_axis(exact, order, 1).cumsum(1)
    classes, p, total = nucleus(asm, x, P)
    plain = (abs(sums - P) > slack).all(1) & (abs(np.diff(np.sort(exact))) > slack).all(1)
    assert plain.sum() >= 45
    for n in plain.nonzero()[0]:
        m = int((sums[n] < P).sum()) + 1                # the fewest that have P
        assert classes[n].tolist() == order[n, :m].tolist()
        assert abs(total[n] - sums[n, m - 1]) <= slack and total[n] >= P
        wanted = exact[n, order[n, :m]] / sums[n, m - 1]
        assert abs(p[n, :m] - wanted).max() <= 2 * slack / P and not p[n, m:].any()


def test_of_equal_classes_the_lowest_are_kept_and_no_more_than_are_needed(drawn):
    """All scores 0: 1 / 7 for each class of the short-list, and 4 / 7 is over a half."""
    asm, x, _, _ = drawn
    flat = asm.with_parameters(asm.parameters.map(np.zeros_like))
    classes, p, _ = nucleus(flat, x, 0.5)
    assert all(c.tolist() == [0, 1, 2, 3] for c in classes)
    assert abs(p[:, :4] - 1 / 4).max() <= 4 * U


def test_classes_that_together_have_P_to_the_last_bit_are_enough(drawn):
    asm, x, _, _ = drawn
    sums = np.exp(asm.topk(x, 8).log_prob).cumsum(1)
    for n in range(N):
        assert len(nucleus(asm, x, float(sums[n, 2]))[0][n]) == 3
        assert len(nucleus(asm, x, float(np.nextafter(sums[n, 2], 1)))[0][n]) == 4


def test_a_tiny_probability_keeps_the_best_class_and_1_all_but_what_rounds_away(drawn):
    asm, x, _, _ = drawn
    for P in (1e-300, 1e-9):
        assert [c.tolist() for c in nucleus(asm, x, P)[0]] == asm.predict(x)[:, None].tolist()
    sharp = 40 * x                                      # some classes are below 1e-16 of the best
    for rows in (x, sharp):
        classes, _, _ = nucleus(asm, rows, 1.0)
        p = np.exp(asm.log_prob(rows))
        left_out = [p[n].sum() - p[n, kept].sum() for n, kept in enumerate(classes)]
        assert max(left_out) <= 2 * C * U
    assert [len(c) for c in nucleus(asm, x, 1.0)[0]] == [C] * len(x)
    assert min(len(c) for c in nucleus(asm, sharp, 1.0)[0]) < C
