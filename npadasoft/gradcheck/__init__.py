"""Is this gradient right?  A numerical check for any hand-written backward, in NumPy alone.

    >>> import numpy as np
    >>> from npadasoft import gradcheck
    >>> def f(p):                                           # the loss: sum(tanh(x W))
    ...     return np.sum(np.tanh(p["x"] @ p["W"]))
    >>> def grads(p):                                       # its gradient, by hand
    ...     dz = 1 - np.tanh(p["x"] @ p["W"]) ** 2
    ...     return {"x": dz @ p["W"].T, "W": p["x"].T @ dz}
    >>> rng = np.random.default_rng(0)
    >>> params = {"x": rng.normal(size=(4, 3)), "W": rng.normal(size=(3, 2))}
    >>> gradcheck.check(f, params, grads).verdict
    'PASS'

There is no tolerance to set.  The noise of f and that of the gradient are measured, the derivative
comes with an estimate of its own error, and a difference counts if it exceeds both.

How to read the report
----------------------
One mistake, a forgotten factor 2, and what comes of it:

    >>> wrong = gradcheck.check(f, params, lambda p: {**grads(p), "W": 2 * grads(p)["W"]})
    >>> wrong["W"].verdict, wrong["W"].hint["text"]
    ('FAIL', 'yours is the derivative times 2 (a factor 2); divided by it the tensor PASSes')
    >>> wrong["x"].verdict
    'PASS'

`print(wrong)` shows one line a tensor.  From left to right: how many elements were compared (or
along how many random directions, for tensors above `max_elements`); how many derivatives are not
zero, that is, how much was tested; the difference at the worst element and what rounding allows
there, the tolerance; their ratio; `catches`, the smallest error of one element that would have been
a FAIL whatever the element (`would_catch`; `would_catch_relative`: as a part of the element); the
verdict.  Below a FAIL stand the worst element, what confirms it, and a pattern, printed only if
undoing it makes the tensor pass.

    PASS              every difference is within the element's own tolerance, a hundredth of it
                      at most, or both are zero; a sum that cancels to rounding counts as zero
    FAIL              a difference above 4 tolerances, which a second method confirms
    INCONCLUSIVE      between 1 and 4; or the tolerance is blunt; or the FAIL cannot be confirmed
    KINK              f has two slopes at the worst element; `left` and `right` are both given
    NONFINITE         nan or inf in f, in a gradient, in a parameter, or at all displaced points
    VACUOUS           no element, or gradient and derivative are zero
    NONDETERMINISTIC  two calls differ, and all differences are within their spread

Only PASS is `ok`; `report.raise_if_failed(accept=("PASS", "VACUOUS"))` accepts more.

Two methods.  The complex step, Im f(x + ih)/h, is exact to rounding, but only of an f that is
analytic: `.real` and its like break it in silence, and so would abs, sign or norm, which see arrays
of another class for that, on which |x| is ±x (`continued`).  So it has to agree with Richardson
along a direction, for every tensor, before it is used, and again at a wrong element before that is
called a FAIL; beyond what Richardson sees, circles around the point must not refute it.  Richardson
(central differences at up to 40 steps, Neville's table) is slower and less sharp, and needs nothing
but f.  `derivative` and `noise` are these engines for one number:

    >>> slope = gradcheck.derivative(lambda t: np.exp(1 + t))
    >>> bool(abs(slope.value - np.e) <= slope.error < 1e-12)
    True

Functions that return arrays are contracted with a seeded cotangent, which is handed to
`grads(params, cotangent)`.  Never all ones: the gradient of a softmax with those is zero, right or
wrong.

    >>> def softmax(z):
    ...     return np.exp(z) / np.exp(z).sum()
    >>> gradcheck.check(softmax, rng.normal(size=5), lambda z, c: softmax(z) * c).verdict
    'FAIL'

Parameters are trees: dicts, lists, tuples, dataclasses, one array, nested at will; f gets copies
that cannot be written.  `bound` serves objects that keep their arrays as attributes.  float32 and
float16 gradients are compared with the float64 derivative at the same point (`upcast`).  Other
libraries are checked through functions that take and return NumPy arrays.

What a check cannot see
-----------------------
* One small element of many.  Tensors above `max_elements` are probed, along elements of like size
  and like gradient together.  PASS says that 1 % of any of them would have shown; where f or the
  precision of the gradient is too coarse for that, INCONCLUSIVE says at how many it would not, and
  `max_elements=None` looks at each alone.  Two limits: of 65,536 elements or more a thousandth may
  be too small for it, as some always are by chance, and errors of 1 % in two elements may cancel
  in both directions that are drawn for them.
* An error below `would_catch`.  Errors that are equal in every call along a line are not noise, and
  may read as FAIL if they exceed a few units of rounding.
* A wrong loss.  It compares `grads` with `f`; if both hold one mistake, only known values tell.
* Other points.  One point and one cotangent are tested: a branch not taken, a class without a
  target is not.  `nonzero` shows how much was.  Loop over seeds and points.
* A staircase: `round(1000 * x) / 1000` has derivative 0, and what is measured, and noted, is its
  trend.  Steps finer than 2^-33 of the scale stay invisible.

    >>> stairs = gradcheck.check(lambda x: np.round(1000 * x.real) / 1000, 0.3217, lambda x: 1.0)
    >>> "staircase" in stairs.notes[0]
    True

* Jumps that recur along single elements: stairs, of a rounding or a quantisation, whose slope is in
  the jumps.  INCONCLUSIVE, also if the gradient is right.  Stairs wider than the elements are not
  looked for: there f has the slope of its other terms.

* A zero in place of a slope below the rounding of f, by differences alone: INCONCLUSIVE where
  f shows it elsewhere, with its other elements smaller or this one larger; if never, it passes.

* A swamped tensor: where f is so large that the tensor's part is lost in its rounding, the complex
  step cannot be compared with anything.  A complex step that lost a term, and a gradient that lacks
  it, would look alike: INCONCLUSIVE, also if the gradient is right.  A tensor of tiny weights is
  looked at where all small tensors are of size 1, and believed if f is seen to be analytic there.
* A complex branch with another derivative.  Where code for complex numbers is less accurate than
  double precision its values, or circles around the point, show it, and Richardson is used; a
  branch that has f's values to the last digit but not its slope, off by less than Richardson
  sees, is believed, and a right gradient may then FAIL.
* A function with a memory, or a random one: reported, not repaired.
* An element of float32 or float16 that its own rounding blurs: the formula is judged in float64,
  where `grads` answers in it; the rounding itself is a FAIL only above a hundredth of the element.
"""
from npadasoft.gradcheck.bound import bound
from npadasoft.gradcheck.check import check
from npadasoft.gradcheck.derivative import Derivative, derivative
from npadasoft.gradcheck.dot_test import dot_test
from npadasoft.gradcheck.errors import GradcheckFailed, GradcheckUsage
from npadasoft.gradcheck.noise import Noise, noise
from npadasoft.gradcheck.report import Report, TensorReport
from npadasoft.gradcheck.slopes import Slopes, slopes

__all__ = ["Derivative", "GradcheckFailed", "GradcheckUsage", "Noise", "Report", "Slopes",
           "TensorReport", "bound", "check", "derivative", "dot_test", "noise", "slopes"]
