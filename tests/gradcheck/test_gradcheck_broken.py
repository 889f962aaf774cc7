"""Break the checker: each weakness that it avoids is put in, and a test of it must fail.

A check that cannot fail is a defect; so is a checker whose tests do not notice what it has lost.
"""
import sys

import numpy as np
import pytest
import test_gradcheck_adaptive as adaptive_tests
import test_gradcheck_cancelled as cancelled_tests
import test_gradcheck_coarse_functions as coarse_tests
import test_gradcheck_engine as engine_tests
import test_gradcheck_probes as probe_tests
import test_gradcheck_small_elements as small_tests
import test_gradcheck_strata as strata_tests
import test_gradcheck_verdicts as verdict_tests

from npadasoft import gradcheck

elements, sides, probes, noise, analytic, checking, running, numeric = (
    sys.modules[f"npadasoft.gradcheck.{name}"]
    for name in ("elements", "sides", "probes", "noise", "analytic", "check", "run", "numeric"))


def breaks(test, *args):
    """The named test fails now."""
    with pytest.raises((AssertionError, gradcheck.GradcheckFailed, pytest.fail.Exception)):
        test(*args)


def rademacher(rng, shape):
    return rng.choice([-1.0, 1.0], shape)


def test_an_absolute_tolerance_is_noticed(monkeypatch):
    original = analytic.Analytic.error
    monkeypatch.setattr(analytic.Analytic, "error",
                        property(lambda self: original.fget(self) + 1e-8))
    breaks(adaptive_tests.test_a_planted_mistake_fails_at_exactly_its_tensors_with_its_hint,
           "one element 1e-12")


def test_a_relative_tolerance_is_noticed(monkeypatch):
    original = analytic.Analytic.error
    monkeypatch.setattr(analytic.Analytic, "error", property(
        lambda self: original.fget(self) + 1e-5 * np.abs(self.gradient)))
    breaks(adaptive_tests.test_a_planted_mistake_fails_at_exactly_its_tensors_with_its_hint,
           "relative 1e-6")


def test_a_tolerance_that_grows_with_the_size_is_noticed(monkeypatch):
    original = probes.projection

    def growing(u, one):
        value, room, size = original(u, one)
        return value, room + 1e-5 * u.size, size
    monkeypatch.setattr(probes, "projection", growing)
    breaks(probe_tests.test_two_seeds_at_a_smaller_size, "square", "complex")


def test_rademacher_probes_are_noticed(monkeypatch):
    monkeypatch.setattr(probe_tests, "signs", rademacher)
    breaks(probe_tests.test_no_probe_misses_twice_what_it_would_catch, (1, -1))


def test_a_joint_probe_alone_is_noticed(monkeypatch):
    """Each tensor answers for all of them together."""
    run = running.Run

    def jointly(self, tensor, max_elements, count, extra=()):
        joint, _ = running.joint_probe(self.problem, self.numerics, self.analytics)
        tensor.probed, tensor.ratio = True, joint.ratio
        tensor.verdict = "FAIL" if joint.ratio > 4 else "PASS"
    monkeypatch.setattr(run, "_tensor", jointly)
    breaks(probe_tests.test_a_large_tensor_beside_a_small_one_is_probed_alone_too)


def test_one_fine_noise_spacing_is_noticed(monkeypatch):
    monkeypatch.setattr(noise, "LADDER", noise.LADDER[:1])
    breaks(engine_tests.test_a_cast_to_single_precision_is_seen_on_a_plateau)
    breaks(adaptive_tests.test_the_estimate_covers_the_truth_with_single_precision_inside_f)


def test_one_coarse_noise_spacing_is_noticed(monkeypatch):
    monkeypatch.setattr(noise, "LADDER", noise.LADDER[-1:])
    monkeypatch.setattr(noise, "LONE", np.inf)
    breaks(engine_tests.test_a_kink_nearby_is_stepped_under, 1e-4)


def test_noise_that_all_elements_share_is_noticed(monkeypatch):
    """That of the largest blurs the smallest."""
    monkeypatch.setattr(analytic, "shared", lambda common, size, safety=1.0: common)
    breaks(small_tests.test_a_right_row_below_the_rounding_of_f_passes_beside_others_that_are_seen)


def test_an_error_relative_to_the_largest_element_is_noticed(monkeypatch):
    monkeypatch.setattr(elements.Judge, "sharp", lambda self: np.ones(self.g.size, bool))
    breaks(coarse_tests.test_a_term_that_is_lost_where_f_is_swamped_is_inconclusive_and_said, 0)


def test_steps_in_units_of_the_tensor_are_noticed(monkeypatch):
    """Those of its largest element, for all."""
    problem = sys.modules["npadasoft.gradcheck.problem"]
    monkeypatch.setattr(problem, "units", lambda x: np.full(x.shape, np.abs(x).max()))
    breaks(small_tests.test_the_sign_of_a_small_element_decides, 1e-15, 1)


def test_no_confirmation_is_noticed(monkeypatch):
    """Without a second opinion a gradient at a kink fails."""
    monkeypatch.setattr(elements.Judge, "confirm", lambda self, i: ("FAIL", "unconfirmed"))
    breaks(verdict_tests.test_a_gradient_outside_both_slopes_of_a_kink_is_said_to_be)


def test_no_comparison_with_richardson_is_noticed(monkeypatch):
    def trusting(self, value, u):
        self.method = "complex"
        return True
    monkeypatch.setattr(sides, "trust", lambda *args: None)
    monkeypatch.setattr(numeric.Numeric, "_compare", trusting)
    breaks(verdict_tests.test_an_omission_shared_by_the_complex_step_and_the_gradient_is_found)


def test_dropped_imaginary_parts_that_pass_silently_are_noticed(monkeypatch):
    from contextlib import nullcontext
    monkeypatch.setattr(checking, "quiet", nullcontext)
    with pytest.warns(np.exceptions.ComplexWarning):
        with np.errstate(all="ignore"):
            gradcheck.check(verdict_tests.empty_buffer, verdict_tests.X,
                            lambda x: np.append(2 * x[:3], 1.0))


def test_two_coarse_levels_believed_are_noticed(monkeypatch):
    derivative = sys.modules["npadasoft.gradcheck.derivative"]
    monkeypatch.setattr(derivative, "AGREEMENT", 0.0)
    breaks(engine_tests.test_the_estimate_covers_the_error, "fast sine")


def test_steps_that_are_powers_of_two_are_noticed(monkeypatch):
    derivative = sys.modules["npadasoft.gradcheck.derivative"]
    monkeypatch.setattr(derivative, "ODD", 1.0)
    breaks(engine_tests.test_a_period_of_powers_of_two_does_not_hide_the_slope)


def test_no_kink_detection_is_noticed(monkeypatch):
    monkeypatch.setattr(sys.modules["npadasoft.gradcheck.kinks"], "FLAT", np.inf)
    breaks(engine_tests.test_a_kink_at_the_point_has_two_slopes, 1.0)


def test_hints_by_ratio_alone_are_noticed(monkeypatch):
    hints = sys.modules["npadasoft.gradcheck.hints"]
    monkeypatch.setattr(hints.Failure, "passes", lambda self, corrected, scale=1.0: bool(
        np.allclose(corrected, self.n)))
    breaks(adaptive_tests.test_a_planted_mistake_fails_at_exactly_its_tensors_with_its_hint,
           "one element 1e-12")


def test_a_second_look_that_shares_its_steps_with_the_first_is_noticed(monkeypatch):
    derivative = sys.modules["npadasoft.gradcheck.derivative"]
    monkeypatch.setattr(derivative, "OTHER", derivative.ODD)
    breaks(coarse_tests.test_and_so_it_is_along_probes_which_richardson_takes_over_then,
           "jv", .3, 20)


def test_probes_that_trust_a_coarse_branch_are_noticed(monkeypatch):
    monkeypatch.setattr(probes, "coarse", lambda *args: False)
    breaks(coarse_tests.test_and_so_it_is_along_probes_which_richardson_takes_over_then,
           "hyp2f1", -3, .9)


def test_tensors_that_are_taken_for_quiet_unseen_are_noticed(monkeypatch):
    monkeypatch.setattr(running, "louder_lines", lambda phi: [0.0] * 3)
    breaks(coarse_tests.test_and_so_it_is_beside_a_tensor_that_is_double_throughout, 1.0)


def test_stairs_that_are_taken_for_flat_are_noticed(monkeypatch):
    derivative = sys.modules["npadasoft.gradcheck.derivative"]
    monkeypatch.setattr(derivative.Sampler, "stair", lambda self: 0.0)
    breaks(coarse_tests.test_stairs_that_no_line_of_the_noise_shows_accuse_nobody, "tan",
           lambda s: np.round(s, 6))


def test_a_finer_level_that_is_not_heard_is_noticed(monkeypatch):
    """Where the noise is not seen, either: two lines of defence, of which one is enough."""
    derivative = sys.modules["npadasoft.gradcheck.derivative"]
    monkeypatch.setattr(running, "noise_inside", lambda found, *rest: found)
    test = coarse_tests.test_stairs_that_no_line_of_the_noise_shows_accuse_nobody
    test("asin", lambda s: float(np.float32(s)))
    monkeypatch.setattr(derivative.Neville, "drift", lambda self, row, bounds: 0.0)
    breaks(test, "asin", lambda s: float(np.float32(s)))


def test_one_scale_for_all_elements_is_noticed(monkeypatch):
    monkeypatch.setattr(probes, "scales", lambda x: np.full(x.shape, np.sqrt(np.mean(x * x))))
    breaks(strata_tests.test_and_no_right_one_is_accused_by_differences, "inverse")


def test_probes_along_all_elements_alone_are_noticed(monkeypatch):
    monkeypatch.setattr(probes, "split", lambda weight, noise, limit: [weight > -1])
    monkeypatch.setattr(probes.Strata, "blunt", lambda self: "")
    breaks(strata_tests.test_a_wrong_element_of_any_size_is_never_a_pass, "coefficients", "2 %")


def test_blunt_strata_that_pass_are_noticed(monkeypatch):
    monkeypatch.setattr(probes.Strata, "blunt", lambda self: "")
    breaks(strata_tests.test_what_f_is_too_coarse_for_is_said)
    breaks(strata_tests.test_one_of_many_in_half_precision_is_too_coarse_for_a_probe)


def test_rounding_that_is_taken_for_a_slope_is_noticed(monkeypatch):
    monkeypatch.setattr(running, "restless", lambda phi: noise.Noise(0.0, 1.0, False))
    breaks(cancelled_tests.test_a_sum_that_cancels_is_zero_and_passes, "layer norm", (4, 6), "f8")
    monkeypatch.undo()
    for module in (elements, probes):
        monkeypatch.setattr(module, "flat", lambda numeric, left: False)
    for shape in cancelled_tests.SHAPES:
        breaks(cancelled_tests.test_a_sum_that_cancels_is_zero_and_passes, "softmax", shape, "f8")


def test_a_swamped_slope_that_is_taken_for_rounding_is_noticed(monkeypatch):
    for module in (elements, probes):
        monkeypatch.setattr(module, "flat", lambda numeric, left: True)
    breaks(cancelled_tests
           .test_a_small_gradient_beside_a_large_constant_is_not_taken_for_rounding)
