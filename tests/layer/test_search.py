"""predict, topk, sample: which class, judged by the whole distribution in long double."""
from dataclasses import dataclass, replace

import numpy as np
import pytest

import witnesses
from npadasoft import AdaptiveLogSoftmaxWithLoss, search
from rounding import FIRST_ORDER, UNIT, Model
from strategies import Problem, on_problems

DRAWS = 150             # problems of 20 rows each, beside those of Hypothesis


def crowded(seed):
    """A problem whose clusters often win the head, though not always their classes."""
    rng = np.random.default_rng(seed)
    sizes = [int(rng.integers(1, 8)), *rng.integers(1, 12, rng.integers(1, 5)).tolist()]
    return Problem(in_features=int(rng.integers(2, 10)), cutoffs=tuple(np.cumsum(sizes).tolist()),
                   div_value=float(rng.choice([1.0, 2.0])), n=20, seed=seed,
                   head_bias=bool(seed % 4), scale=float(rng.choice([1.0, 3.0, 10.0])))


def boosted(problem):
    """Its layer; a bias lets the columns of the clusters win more often."""
    layer = problem.layer()
    if not problem.head_bias:
        return layer
    boost = np.arange(layer.head_size) >= layer.shortlist_size
    weights = dict(layer.parameters.items())
    weights["head.bias"] = weights["head.bias"] + 2.0 * boost.astype(problem.dtype)
    return layer.with_parameters(type(layer.parameters).from_items(weights))


@dataclass
class Exact:
    """The distribution in long double, and how far off a value in the layer's type may be."""

    value: np.ndarray           # (N, C)
    slack: np.ndarray           # (N, C)
    head: np.ndarray            # (N, K)

    @classmethod
    def of(cls, layer, x):
        model = Model.of(layer, x)
        log_p = model.log_prob()
        slack = FIRST_ORDER * UNIT[layer.dtype.name] * log_p.error
        return cls(log_p.value, slack, model.head.value)

    def near_tie(self, n, a, b):
        """Whether rounding alone may order the classes a and b of row n either way."""
        return abs(self.value[n, a] - self.value[n, b]) <= self.slack[n, a] + self.slack[n, b]


def assert_argmax(found, exact):
    """Each row's class is the argmax but for near ties; answers the number of those."""
    ties = 0
    for n, k in enumerate(found):
        best = exact.value[n].argmax()
        if k != best:
            assert exact.near_tie(n, k, best), (n, int(k), int(best))
            ties += 1
    return ties


# ------------------------------------------------------------------------ predict

def test_predict_is_the_argmax_of_the_exact_distribution():
    rows = left = unmasked = ties = 0
    for seed in range(DRAWS):
        problem = crowded(seed)
        layer, x = boosted(problem), problem.input()
        exact, found = Exact.of(layer, x), layer.predict(x)
        assert found.dtype == np.int64 and found.shape == (problem.n,)
        ties += assert_argmax(found, exact)
        column_wins = exact.head.argmax(-1) >= layer.shortlist_size
        rows += problem.n
        left += (found >= layer.shortlist_size).sum()
        unmasked += (column_wins & (found < layer.shortlist_size)).sum()
    print(f"predict: {rows} rows, {left / rows:.1%} leave the short-list, {unmasked / rows:.1%} "
          f"stay though a cluster's column wins, {ties} near ties")
    assert left >= 0.20 * rows
    assert unmasked >= 0.05 * rows
    assert ties <= 0.01 * rows          # the exception must not be the rule


@on_problems(30)
def test_predict_is_the_argmax_on_problems_of_any_structure(problem):
    layer, x = problem.layer(), problem.input()
    assert_argmax(layer.predict(x), Exact.of(layer, x))


def test_predict_is_the_argmax_of_the_definition_in_decimal():
    for seed in range(4):
        problem = replace(crowded(seed), n=3)
        layer, x = boosted(problem), problem.input()
        exact = witnesses.Definition(layer, x).log_prob()
        assert layer.predict(x).tolist() == [row.index(max(row)) for row in exact]


def test_of_equal_classes_the_lowest_is_predicted():
    layer = AdaptiveLogSoftmaxWithLoss(3, 9, [2, 5], 1.0, rng=0)
    zero = layer.with_parameters(layer.parameters.map(lambda w: 0 * w))
    assert zero.predict(np.ones((2, 3))).tolist() == [0, 0]
    assert zero.topk(np.ones(3), 9).index.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8]


def test_equal_classes_in_two_clusters_go_to_the_lower_one():
    """Clusters of one class: B = 0, so that both classes have the same bits."""
    layer = AdaptiveLogSoftmaxWithLoss(2, 4, [1, 2, 3], 1.0, rng=0)
    head = np.array([[-1.0, 0], [2, 0], [3, 0], [3, 0]])
    weights = {**dict(layer.parameters.items()), "head.weight": head}
    layer = layer.with_parameters(type(layer.parameters).from_items(weights))
    assert layer.predict(np.ones((1, 2))).tolist() == [2]
    assert layer.topk(np.ones((1, 2)), 3).index.tolist() == [[2, 3, 1]]


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_row_that_is_not_a_number_predicts_class_zero():
    problem = crowded(1)
    layer, x = problem.layer(), problem.input()
    clean = layer.predict(x)
    x[3, 0] = np.nan
    found = layer.predict(x)
    assert found[3] == 0 and np.array_equal(np.delete(found, 3), np.delete(clean, 3))
    assert layer.topk(x, 2).index[3].tolist() == [0, 1]


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_row_is_not_a_number_if_the_column_of_a_cluster_is_none(value):
    problem = Problem(n=4)
    layer, x = problem.layer(), problem.input()
    weights = dict(layer.parameters.items())
    weights["head.bias"] = np.where(np.arange(layer.head_size) == layer.shortlist_size + 1, value,
                                    weights["head.bias"])
    layer = layer.with_parameters(type(layer.parameters).from_items(weights))
    assert np.isnan(layer.log_prob(x)).all() and layer.predict(x).tolist() == [0, 0, 0, 0]
    assert layer.topk(x, 3).index.tolist() == [[0, 1, 2]] * 4


# ------------------------------------------------------------------------ topk

def assert_topk(top, exact, k):
    """Values within the bound of the sorted ones, indices wherever neighbours differ by more."""
    for n, (values, index) in enumerate(zip(*top)):
        order = np.argsort(-exact.value[n], kind="stable")
        assert len(set(index.tolist())) == k == len(values)
        assert (np.diff(values) <= 0).all()
        for j in range(k):
            assert abs(values[j] - exact.value[n, index[j]]) <= exact.slack[n, index[j]]
            near = [m for m in (j - 1, j + 1) if 0 <= m < len(order)]
            if not any(exact.near_tie(n, order[j], order[m]) for m in near):
                assert index[j] == order[j]


@on_problems(25)
def test_topk_is_log_prob_sorted(problem):
    layer, x = problem.layer(), problem.input()
    exact = Exact.of(layer, x)
    for k in sorted({0, 1, 2, problem.n_classes // 2, problem.n_classes}):
        top = layer.topk(x, k)
        assert top.log_prob.shape == top.index.shape == (problem.n, k)
        assert top.index.dtype == np.int64 and top.log_prob.dtype == problem.dtype
        assert_topk(top, exact, k)


def test_topk_is_log_prob_sorted_where_clusters_compete():
    for seed in range(0, DRAWS, 5):
        problem = crowded(seed)
        layer, x = boosted(problem), problem.input()
        k = min(1 + seed % 7, problem.n_classes)
        assert_topk(layer.topk(x, k), Exact.of(layer, x), k)


@on_problems(10)
def test_all_classes_by_topk_are_a_permutation(problem):
    layer, x = problem.layer(), problem.input()
    index = layer.topk(x, problem.n_classes).index
    assert np.array_equal(np.sort(index, -1), np.tile(np.arange(problem.n_classes), (problem.n, 1)))


def test_the_best_of_topk_is_predict_but_for_near_ties():
    for seed in range(20):
        problem = crowded(seed)
        layer, x = boosted(problem), problem.input()
        exact = Exact.of(layer, x)
        for n, (a, b) in enumerate(zip(layer.predict(x), layer.topk(x, 1).index[:, 0])):
            assert a == b or exact.near_tie(n, a, b)


# ------------------------------------------------------------------------ what is not looked at

class Counter:
    """Rows that go through each cluster while it listens."""

    def __init__(self, layer, monkeypatch):
        self.rows = [0] * layer.n_clusters
        self.look = search._tail_log_prob
        monkeypatch.setattr(search, "_tail_log_prob", self)

    def __call__(self, x, head, parameters, cutoffs, i):
        self.rows[i] += len(x)
        return self.look(x, head, parameters, cutoffs, i)


def due_rows(log_p, columns, layer, k):
    """Rows that may open each cluster: those whose column reaches the k-th value of what the
    short-list and the better columns hold.  Without the exact distribution no search can do less
    than this, visiting the clusters by their columns.
    """
    c, due = layer.cutoffs, [0] * layer.n_clusters
    for row, column in zip(log_p, columns):
        held = list(row[:layer.shortlist_size])
        for i in np.argsort(-column, kind="stable"):
            reached = len(held) < k or column[i] >= sorted(held)[-k]
            due[i] += reached
            held += list(row[c[i]:c[i + 1]]) if reached else []
    return due


def test_predict_opens_a_cluster_only_for_rows_whose_class_it_may_hold(monkeypatch):
    """O <= A of the cluster's column: without it every row would go through every cluster."""
    opened = allowed = everything = 0
    for seed in range(40):
        problem = crowded(seed)
        layer, x = boosted(problem), problem.input()
        exact = Exact.of(layer, x)
        with monkeypatch.context() as patch:
            counter = Counter(layer, patch)
            layer.predict(x)
        head = exact.head.argmax(-1) >= layer.shortlist_size
        columns = exact.head[:, layer.shortlist_size:]
        due = due_rows(exact.value[head], columns[head], layer, 1)
        assert all(n <= m for n, m in zip(counter.rows, due)), (seed, counter.rows, due)
        opened, allowed = opened + sum(counter.rows), allowed + sum(due)
        everything += problem.n * layer.n_clusters
    print(f"predict: {opened} rows of clusters evaluated, {allowed} allowed, {everything} in all")
    assert 0 < opened < everything / 2


@pytest.mark.parametrize("k", [1, 3, 8])
def test_topk_opens_a_cluster_only_for_rows_that_it_may_improve(monkeypatch, k):
    opened = allowed = everything = 0
    for seed in range(40):
        problem = crowded(seed)
        layer, x = boosted(problem), problem.input()
        if problem.n_classes < k:
            continue
        exact = Exact.of(layer, x)
        with monkeypatch.context() as patch:
            counter = Counter(layer, patch)
            layer.topk(x, k)
        due = due_rows(exact.value, exact.head[:, layer.shortlist_size:], layer, k)
        assert all(n <= m for n, m in zip(counter.rows, due)), (seed, counter.rows, due)
        opened, allowed = opened + sum(counter.rows), allowed + sum(due)
        everything += problem.n * layer.n_clusters
    print(f"topk({k}): {opened} rows of clusters evaluated, {allowed} allowed, {everything} in all")
    assert 0 < opened < everything


@on_problems(20)
def test_no_class_is_likelier_than_the_column_of_its_cluster(problem):
    """In floating point too, without slack; what the search rests on.  And the j-th best class of a
    cluster has at most 1/j of it.
    """
    layer, x = problem.layer(), problem.input()
    log_p = layer.log_prob(x)
    exact = Exact.of(layer, x)
    for i in range(layer.n_clusters):
        classes = slice(layer.cutoffs[i], layer.cutoffs[i + 1])
        column = exact.head[:, layer.shortlist_size + i, None]
        ranked = np.sort(log_p[:, classes], -1)[:, ::-1]
        share = np.log(np.arange(1, ranked.shape[1] + 1))
        slack = exact.slack[:, classes].max(-1, initial=0)[:, None]
        assert (ranked <= column - share + 2 * slack).all()


# ------------------------------------------------------------------------ sample

def test_samples_follow_log_prob():
    """Chi-square over 1e5 draws of one row, for three distributions."""
    stats = witnesses.witness("scipy.stats")
    for seed in range(3):
        problem = replace(crowded(seed), n=1, scale=1.0, dtype="float64")
        layer, x = boosted(problem), problem.input()
        draws = layer.sample(np.repeat(x, 100_000, 0), np.random.default_rng(seed))
        expected = 1e5 * np.exp(Model.of(layer, x).log_prob().value[0]).astype(float)
        counts = np.bincount(draws, minlength=problem.n_classes)
        rare = expected < 5                                     # the usual rule: joined in one cell
        cells = [np.append(a[~rare], a[rare].sum()) for a in (counts, expected)]
        used = cells[1] > 0
        p = stats.chisquare(cells[0][used], cells[1][used] * 1e5 / cells[1][used].sum()).pvalue
        print(f"sample: {problem.n_classes} classes, p = {p:.3f}")
        assert p > 1e-3


@on_problems(15, dtype="float64")
def test_a_sample_is_the_first_class_whose_running_sum_exceeds_the_draw(problem):
    layer, x = problem.layer(), problem.input()
    found = layer.sample(x, 7)
    model, u = Model.of(layer, x), np.random.default_rng(7).random((problem.n, 2))
    for n in range(problem.n):
        column = draw(model.head.value[n], u[n, 0])
        if column >= layer.shortlist_size:
            i = column - layer.shortlist_size
            column = layer.cutoffs[i] + draw(model.tails[i].value[n], u[n, 1])
        assert found[n] == column


def draw(log_p, u):
    total, running = np.exp(log_p).sum(), 0
    for k, v in enumerate(log_p):
        running = running + np.exp(v)
        if running > u * total:
            return k


def test_a_generator_gives_the_draws_that_its_seed_gives():
    problem = crowded(3)
    layer, x = problem.layer(), problem.input()
    assert np.array_equal(layer.sample(x, 5), layer.sample(x, np.random.default_rng(5)))
    rng = np.random.default_rng(5)
    assert not np.array_equal(layer.sample(x, rng), layer.sample(x, rng))


def test_a_class_masked_by_its_bias_is_never_the_answer():
    problem = Problem(n=200, cutoffs=(3, 5, 9), scale=0.1)
    layer, x = problem.layer(), problem.input()
    weights = dict(layer.parameters.items())
    weights["head.bias"] = np.where(np.arange(5) % 2, -np.inf, weights["head.bias"])
    layer = layer.with_parameters(type(layer.parameters).from_items(weights))
    masked = {1, 3, 4}                          # column 1, and column 3: the cluster of 3 and 4
    log_p = layer.log_prob(x)
    assert np.array_equal(np.isinf(log_p).all(0), [k in masked for k in range(9)])
    assert not masked & set(layer.sample(x, 0).tolist() + layer.predict(x).tolist())
    assert not masked & set(layer.topk(x, 6).index.ravel().tolist())


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_no_sample_is_drawn_from_a_row_that_is_not_a_number():
    problem = crowded(2)
    layer, x = problem.layer(), problem.input()
    x[4, 0] = x[6, 0] = np.nan
    with pytest.raises(ValueError, match="either `inf`, `nan` or element < 0, first in row 4"):
        layer.sample(x, 0)


@pytest.mark.parametrize("k", [1, 3, 10])
@pytest.mark.parametrize("tied", [False, True])
def test_the_first_k_of_a_wide_row_are_those_of_a_stable_sort(k, tied):
    rng = np.random.default_rng(k)
    values = -rng.random((7, 100))
    if tied:
        values = np.round(values, 1)                    # about ten equal values each
        values[2, 5] = values[2, 77] = np.nan
    expected = np.argsort(np.where(np.isnan(values), -np.inf, -values), kind="stable")[:, :k]
    found, places = search._first(values, k)
    assert (places == expected).all()
    assert (found == np.take_along_axis(values, expected, -1))[~np.isnan(found)].all()


def test_the_smallest_of_a_few_rows_are_those_of_a_stable_sort():
    """Two rows at a time: one place too many in one may not make up for one too few in another."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        key = rng.standard_normal((2, 64))
        found = search._smallest(key, 8)
        assert found is not None
        assert np.array_equal(found, np.argsort(key, kind="stable")[:, :8])
