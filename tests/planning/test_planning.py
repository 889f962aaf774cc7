"""Cutoffs: held against brute force in exact arithmetic, and on a public list of counts."""

import io
import itertools
import os
import time
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from npadasoft import planning
from npadasoft.cutoffs import Cutoffs, hidden_sizes
from npadasoft.planning import Cost, calibration, counts, main, plan, plans

UNIT = Fraction(1, 2 ** 53)             # float64 unit roundoff


def exact_cost(frequencies, cutoffs, cost):
    """Cost.of over again, in fractions, from its definition alone."""
    total, edges = sum(frequencies), [*cutoffs, len(frequencies)]
    product = lambda work: Fraction(cost.overhead) + max(Fraction(cost.floor), work)
    answer = product(Fraction(cutoffs[0] + len(cutoffs)))
    for i, (a, b) in enumerate(zip(edges, edges[1:])):
        work = Fraction(sum(frequencies[a:b]), total) * (b - a)
        if cost.features is not None:
            hidden = int(cost.features // cost.div_value ** (i + 1))
            work = Fraction(sum(frequencies[a:b]), total) * Fraction(
                hidden * (b - a + cost.features), cost.features)
        answer += product(work)
    return answer


def feasible(frequencies, n_clusters, min_coverage, min_size):
    n, total = len(frequencies), sum(frequencies)
    for cutoffs in itertools.combinations(range(1, n), n_clusters):
        sizes = np.diff([*cutoffs, n])
        covered = Fraction(sum(frequencies[:cutoffs[0]]), total)
        if min(sizes) >= min_size and covered >= min_coverage:
            yield cutoffs


@st.composite
def problems(draw):
    frequencies = sorted(draw(st.lists(st.integers(0, 40), min_size=3, max_size=11)), reverse=True)
    frequencies[0] += 1
    cost = Cost(draw(st.sampled_from([0.0, 0.5, 3.0])), draw(st.sampled_from([0.0, 0.25])),
                draw(st.sampled_from([None, 2, 64])), draw(st.sampled_from([2.0, 4.0])))
    return (frequencies, draw(st.integers(1, 4)), cost,
            draw(st.sampled_from([0.0, 0.25, 0.5, 0.75])), draw(st.integers(1, 3)))


@settings(deadline=None, derandomize=True, max_examples=300)
@example(([5, 4, 3, 2, 1, 1, 1], 2, Cost(), 0.0, 1))
@example(([1, 1, 1, 1, 1, 1, 1, 1], 3, Cost(floor=0.5, features=2), 0.0, 2))
@given(problems())
def test_no_cutoffs_are_cheaper_than_those_of_the_plan(problem):
    """Costs are compared as fractions: rounding cannot hide more than the bound."""
    frequencies, n_clusters, cost, min_coverage, min_size = problem
    choices = list(feasible(frequencies, n_clusters, min_coverage, min_size))
    if not choices:
        with pytest.raises(ValueError, match="no cutoffs"):
            plan(frequencies, n_clusters, cost, min_coverage=min_coverage, min_size=min_size)
        return
    found = plan(frequencies, n_clusters, cost, min_coverage=min_coverage, min_size=min_size)
    least = min(exact_cost(frequencies, c, cost) for c in choices)
    chosen = exact_cost(frequencies, found.cutoffs, cost)
    # units: V in a prefix sum, 2V + 2 in a share, a few in a term, J + 1 in their sum
    size = len(frequencies) * (1 + (cost.features or 0)) + 4
    bound = 2 * (2 * len(frequencies) + 2 * n_clusters + 12) * UNIT * size
    assert found.cutoffs in choices
    assert least <= chosen <= least + bound
    assert abs(Fraction(found.cost) - chosen) <= bound
    assert abs(Fraction(cost.of(frequencies, found.cutoffs)) - chosen) <= bound


def test_of_equal_minima_the_smallest_cutoffs_are_taken():
    assert plan([1, 0, 0, 0, 0], 2).cutoffs == (1, 2)


def test_three_hundred_thousand_classes_take_less_than_two_seconds():
    frequencies = counts.zipf_counts(300_000)
    begin = time.process_time()             # not the clock on the wall: others may be at work here
    found = plans(frequencies)
    assert time.process_time() - begin < 2
    assert [len(p.cutoffs) for p in found] == [1, 2, 3, 4, 5]
    assert all(a.cost > b.cost for a, b in zip(found, found[1:]))


def test_moving_one_cutoff_of_a_large_plan_never_helps():
    frequencies = counts.zipf_counts(20_000)
    for p in plans(frequencies, (2, 3)):
        least = Cost().of(frequencies, p.cutoffs)
        for i, step in itertools.product(range(len(p.cutoffs)), (-50, -1, 1, 50)):
            moved = list(p.cutoffs)
            moved[i] += step
            assert Cost().of(frequencies, moved) >= least


def test_plans_are_cutoffs_of_the_layer_and_hidden_sizes_are_the_layers():
    p = plan(counts.zipf_counts(1000), 3)
    cut = Cutoffs(p.cutoffs, p.n_classes)
    sizes = hidden_sizes(64, 4.0, cut)
    cost = Cost(features=64)
    for i, hidden in enumerate(sizes):
        assert cost.tail(i, 0.5, 36) == 0.5 * (hidden / 64) * 100


def test_a_coverage_and_a_least_size_hold():
    p = plan(counts.zipf_counts(5000), 4, Cost(features=512), min_coverage=0.8, min_size=123)
    assert p.coverage >= 0.8
    assert min(np.diff([*p.cutoffs, 5000])) == 123


@pytest.mark.parametrize("call, message", [
    (lambda: plan([1, 1, 1], 0), "n_clusters should be at least 1, but found 0"),
    (lambda: plan([1, 1, 1], 1, min_coverage=1.0), r"in \[0, 1\), but found 1.0"),
    (lambda: plan([1, 1, 1], 1, min_size=0), "min_size should be at least 1, but found 0"),
    (lambda: plan([1, 1, 1], 3), "a head of at least 1 classes and 3 tails of at least 1"),
    (lambda: plan([1, -2], 1), "at least 0, but found -2.0"),
    (lambda: plan([1, np.nan], 1), "finite and at least 0, but found nan"),
    (lambda: plan([0, 0], 1), "should not all be 0"),
    (lambda: plan([3], 1), r"at least 2 numbers, but found shape \(1,\)"),
    (lambda: Cost(floor=-1.0), "floor should be finite and at least 0, but found -1.0"),
    (lambda: Cost(overhead=np.inf), "overhead should be finite and at least 0, but found inf"),
    (lambda: Cost(features=0), "features should be at least 1, but found 0"),
    (lambda: Cost(div_value=0.0), "div_value should be a positive number, but found 0.0"),
    (lambda: counts.zipf_counts(1), "at least 2 classes, but found 1"),
    (lambda: counts.parse_counts(["the 7", "", "of x"]), "line 3: expected .* but found 'of x'"),
])
def test_bad_input_is_refused_with_the_value_and_the_bound(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@given(st.sampled_from([0.0, 1e-5, 1e-3]), st.sampled_from([1e-9, 3e-11]),
       st.sampled_from([0, 1e3, 3e5]))
@settings(deadline=None, derandomize=True, max_examples=18)
def test_a_fit_finds_the_constants_that_made_the_times(constant, slope, floor):
    work = 2.0 ** np.arange(8, 26)
    found = calibration.fit(work, constant + slope * np.maximum(floor, work))
    # a relative error of some units in the times moves c by that part of the largest time
    error = 64 * float(UNIT) * (constant + slope * work[-1])
    assert abs(found.constant - constant) <= error
    assert abs(found.slope - slope) <= error / work[-5]
    assert abs(found.floor - max(floor, work[0])) <= 4 * error / slope


def test_a_fit_of_noise_has_no_negative_constant():
    found = calibration.fit([1.0, 2.0, 4.0, 8.0, 16.0], [1.0, 1.0, 1.0, 1.0, 3.0])
    assert found.constant == 0.0 and found.slope > 0 and found.floor >= 0


def test_a_fit_of_noise_has_no_constant_above_the_fastest_product():
    found = calibration.fit([1.0, 2.0, 4.0, 8.0, 16.0], [0.1, 1.0, 4.0, 5.0, 5.1])
    assert found.constant == 0.1 and found.slope > 0 and found.floor == 0


def test_times_that_do_not_grow_are_refused():
    with pytest.raises(ValueError, match="do not grow with their size"):
        calibration.fit([1.0, 2.0, 4.0], [1.0, 1.0, 1.0])


def test_calibration_measures_every_product_and_drops_the_first_round():
    ticks = itertools.chain(range(0, 800, 100), itertools.count(1000))     # a slow first round
    seconds = calibration.measure(8, 4, (1, 2, 4, 8), repeats=2, clock=lambda: next(ticks))
    assert seconds.tolist() == [1.0] * 4
    found = calibration.calibrate(8, 4, sizes=(1, 2, 4, 8), repeats=1)
    assert found.slope > 0
    assert set(found.in_classes(4)) == {"floor", "overhead"}


def run(capsys, *argv):
    try:
        code = main([str(a) for a in argv])
    except SystemExit as end:               # what argparse refuses
        code = end.code
    return code, *capsys.readouterr()


def test_the_command_reads_counts_texts_and_laws(tmp_path, capsys, monkeypatch):
    listed = tmp_path / "counts"
    listed.write_text("the 50\nof 20\nand 10\n" + "x 1\n" * 20)
    code, out, _ = run(capsys, listed, "--clusters", 1, 2)
    expected = plan([50, 20, 10] + [1] * 20, 2)
    assert code == 0 and ", ".join(map(str, expected.cutoffs)) in out
    assert f"{expected.ratio:.1f}" in out
    monkeypatch.setattr("sys.stdin", io.StringIO("a a a b b c d e f"))
    code, out, _ = run(capsys, "-", "--text", "--clusters", 1)
    assert code == 0 and out.startswith("6 classes")
    code, out, _ = run(capsys, "--zipf", 100, "--hidden", "--min-size", 5, "--floor", 2)
    assert code == 0 and "degenerates" in out and "floor 2" in out


def test_the_command_calibrates(capsys, monkeypatch):
    constants = calibration.Constants(1e-3, 1e-9, 5e4)
    monkeypatch.setattr("npadasoft.planning.command.calibrate", lambda features, batch: constants)
    code, out, _ = run(capsys, "--zipf", 9000, "--calibrate", "--batch", 100)
    assert code == 0
    assert "1000.0 us + 1.000 ns * max(50000, kB)" in out
    assert "floor 500, overhead 1e+04" in out


@pytest.mark.parametrize("argv, message", [
    ([], "give either FILE or --zipf N"),
    (["--zipf", "9", "x"], "give either FILE or --zipf N"),
    (["/nowhere/at/all"], "No such file"),
    (["--zipf", "4", "--clusters", "9"], "do not fit into 4 classes"),
    (["--zipf", "9", "--calibrate", "--batch", "0"], "batch should be at least 1, but found 0"),
])
def test_the_command_says_in_one_line_what_is_wrong(argv, message, capsys):
    code, out, error = run(capsys, *argv)
    assert code == 2 and not out
    assert message in error and error.count("\n") == 1


def test_the_picture_is_drawn_with_labelled_axes(tmp_path, capsys, monkeypatch):
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure
    drawn = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *a, **k: drawn.append(self) or save(self, *a, **k))
    code, out, _ = run(capsys, "--zipf", 500, "--plot", tmp_path / "a.svg")
    assert code == 0 and (tmp_path / "a.svg").stat().st_size > 1000
    assert all(axes.get_ylabel() for axes in drawn[0].axes)


def test_without_matplotlib_the_command_names_the_pip_command(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.backend_bases", None)
    code, _, error = run(capsys, "--zipf", 500, "--plot", tmp_path / "a.svg")
    assert code == 2 and "pip install 'npadasoft[plot]'" in error


@pytest.mark.figures
def test_the_table_of_the_wordsegment_counts(capsys):
    """NPADASOFT_WORDSEGMENT names the unigrams.txt of the PyPI package wordsegment 1.3.1."""
    path = os.environ.get("NPADASOFT_WORDSEGMENT")
    if path is None:
        pytest.skip("NPADASOFT_WORDSEGMENT is not set")
    with open(path, encoding="utf-8") as file:
        frequencies = counts.parse_counts(file)
    with capsys.disabled():
        print_tables(frequencies)
    found = plans(frequencies, (1, 2, 3, 4))
    assert [p.cutoffs for p in found] == [
        (19035,), (6014, 55048), (2889, 20581, 91549), (1656, 10848, 39757, 122627)]
    assert [round(100 * p.coverage, 1) for p in found] == [93.2, 83.7, 74.9, 67.3]
    assert [round(p.ratio, 1) for p in found] == [8.2, 16.6, 25.0, 33.1]


def print_tables(frequencies):
    today = time.strftime("%Y-%m-%d")
    print(f"\nword counts of wordsegment 1.3.1; numpy {np.__version__}; {today}")
    cases = [("undiminished", Cost(), {})]
    cases += [(f"floor {floor}", Cost(floor), {}) for floor in (200, 500, 1000, 2000)]
    cases += [("hidden sizes 512 // 4**i in the cost: degenerate", Cost(features=512), {}),
              ("the same, head covers 80 %: still degenerate", Cost(features=512),
               {"min_coverage": 0.8}),
              ("the same, clusters of 4000 and more", Cost(features=512),
               {"min_coverage": 0.8, "min_size": 4000})]
    for name, cost, conditions in cases:
        begin = time.perf_counter()
        found = plans(frequencies, range(1, 6), cost, **conditions)
        print(f"\n{name} ({time.perf_counter() - begin:.2f} s for J = 1 .. 5)")
        print("\n".join(planning.command._table(frequencies, found, cost)))
    print("\nthe best J up to 15, by floor (classes): ", end="")
    best = {floor: min(plans(frequencies, range(1, 16), Cost(floor)), key=lambda p: p.cost)
            for floor in (200, 500, 1000, 2000)}
    print({floor: len(p.cutoffs) for floor, p in best.items()})
