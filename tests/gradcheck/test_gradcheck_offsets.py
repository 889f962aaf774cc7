"""Numbers with an offset, as of time: f varies on a billionth of them, and is judged all the same.

The last digit of seconds since 1970 is 2.4e-7 s: of a function that varies within a minute it is
4e-9, so that a hundredth of its slope is seen by far.
"""
import numpy as np
import pytest

from npadasoft import gradcheck

ORIGINS = {"seconds since 1970": (1.7e9, (1, 60, 3600, 86400)),
           "milliseconds": (1.7e12, (6e4, 3.6e6)), "Julian days": (2.46e6, (0.1, 365.0)),
           "metres of a map": (5e6, (0.1, 100.0)), "years": (2026.0, (0.01, 10.0))}
FUNCTIONS = {
    "a wave from the origin on": (lambda t, o, s: np.sin((t - o) / s),
                                  lambda t, o, s: np.cos((t - o) / s) / s),
    "a bell": (lambda t, o, s: np.exp(-((t - o) / s - 1.3) ** 2),
               lambda t, o, s: -2 * ((t - o) / s - 1.3) / s * np.exp(-((t - o) / s - 1.3) ** 2)),
    "decay": (lambda t, o, s: np.exp((o - t) / s), lambda t, o, s: -np.exp((o - t) / s) / s)}


def checks(method, f, g, t):
    """Verdicts of the right gradient, and of one with an element off by 2 %."""
    for factor in (1, np.array([1, 1.02, 1, 1])):
        yield gradcheck.check(lambda t: f(t).sum(), t, lambda t: factor * g(t), method=method)


@pytest.mark.parametrize("method", ["auto", "richardson"])
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("kind", ORIGINS)
def test_a_right_gradient_passes_and_two_percent_of_an_element_fail(kind, name, method):
    (origin, scales), (f, g) = ORIGINS[kind], FUNCTIONS[name]
    for scale in scales:
        t = origin + np.random.default_rng(0).uniform(0, 3 * scale, 4)
        right, wrong = checks(method, lambda t: f(t, origin, scale), lambda t: g(t, origin, scale),
                              t)
        assert right.verdict == "PASS", str(right)
        assert wrong.verdict == "FAIL" and wrong["x"].worst_index == (1,), str(wrong)


def test_a_step_of_whole_periods_is_no_slope():
    """Steps of the first Richardson are multiples of 377.2 s here, and the period is 377.0 s."""
    rng = np.random.default_rng(1)
    rng.uniform(0, 3, 5)
    t = 1.7e9 + rng.uniform(0, 180, 5)
    for factor, verdict in ((1, "PASS"), ([1, 1.02, 1, 1, 1], "FAIL")):
        report = gradcheck.check(lambda t: np.sin((t - 1.7e9) / 60).sum(), t, lambda t: np.cos(
            (t - 1.7e9) / 60) / 60 * factor, method="richardson")
        assert report.verdict == verdict, str(report)


def test_the_note_says_that_the_last_digits_are_the_cause():
    t = 1.7e9 + np.random.default_rng(0).uniform(0, 180, 5)
    report = gradcheck.check(lambda t: np.sin(2 * np.pi * t / 60).sum(), t,
                             lambda t: np.pi / 30 * np.cos(2 * np.pi * t / 60))
    assert report.verdict == "PASS"
    assert all("the last digit of its elements changes" in note for note in report.notes)
    inside = gradcheck.check(lambda x: np.sin(x.astype(np.complex64) if np.iscomplexobj(x)
                                              else x.astype("f4")).sum(), t - 1.7e9, np.cos)
    assert not any("the last digit" in note for note in inside.notes)
    low = gradcheck.check(lambda x: np.sin(x).sum(), np.array([0.3, 0.7, 1.9]),
                          lambda x: np.cos(x.astype("f4")).astype(float))
    assert any("computed in float32 somewhere" in note for note in low.notes)
