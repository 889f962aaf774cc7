"""`check`: the algorithm from preflight to report."""
import math
from functools import partial

import numpy as np

from npadasoft.gradcheck import hints
from npadasoft.gradcheck.analytic import analyse
from npadasoft.gradcheck.derivative import EPS, value_noise
from npadasoft.gradcheck.elements import check_elements
from npadasoft.gradcheck.errors import GradcheckUsage
from npadasoft.gradcheck.noise import noise
from npadasoft.gradcheck.numeric import Numeric, moved, precision
from npadasoft.gradcheck.probes import check_probes, joint_probe
from npadasoft.gradcheck.problem import Problem, quiet
from npadasoft.gradcheck.report import Report, TensorReport
from npadasoft.gradcheck.second_order import second_order
from npadasoft.gradcheck.sizes import signs

METHODS = ("auto", "complex", "richardson")


def check(f, params, grads, *, wrt=None, cotangent=None, method="auto", max_elements=4096,
          probes=8, order=1, hvp=None, seed=0, upcast=True, name=None):
    """Whether `grads` is the gradient of `f` at `params`.

    Parameters
    ----------
    f : callable
        f(params) -> a real scalar, or an array or tree of arrays.
    params : tree
        dict, list, tuple, namedtuple, dataclass, or an object with `items()` and `map()`, of
        floating arrays and floats; anything else in it is a constant.  Never written to.
    grads : callable or tree
        grads(params) -> a tree with the paths of `params`; grads(params, cotangent) if f is no
        scalar.  Or the gradients themselves.
    wrt : str or list of str, optional
        Paths to check, default all; a part `*` stands for any one part.
    cotangent : tree like the output of f, optional
        What outputs are contracted with; default: seeded, never all ones.
    method : {"auto", "complex", "richardson"}
        auto takes the complex step for each tensor where Richardson agrees with it along a probe.
    max_elements : int or None
        Larger tensors are probed along random directions; None: never.
    probes : int
        Directions for each of those.
    order : {1, 2}
        2 checks the derivative of `grads` as well: symmetry, and against second differences of f.
    hvp : callable, optional
        hvp(params, v) -> H v, checked against the derivative of `grads`; needs order=2.
    seed : int
        Same input and seed, same report, byte for byte.
    upcast : bool
        f gets float64 copies of float16 and float32 leaves; grads gets the leaves' own dtype.
    name : str, optional
        For the report; default: the name of f.

    Returns
    -------
    Report

    Raises
    ------
    GradcheckUsage
        If the question is ill-posed.  A wrong gradient raises nothing: see `raise_if_failed`.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([1.0, 2.0, 3.0])
    >>> check(lambda x: np.sum(x ** 3), x, lambda x: 3 * x ** 2).verdict
    'PASS'
    >>> report = check(lambda x: np.sum(x ** 3), x, lambda x: 3 * x ** 2 * (1 + 1e-9))
    >>> report.verdict, report["x"].hint["kind"]
    ('FAIL', 'factor')
    """
    _refuse(method, max_elements, probes, order, hvp, grads)
    problem = Problem(f, params, grads, cotangent, seed, upcast)
    values, gradients = problem.start(wrt)
    report = Report(name or getattr(f, "__name__", type(f).__name__), seed=seed)
    report.f = values[0]
    report.notes += [f"{a} and {b} share memory" for a, b in problem.shared()]
    run = _Run(problem, report, values, gradients)
    if run.finite():
        with quiet():
            run.measure(method)
            run.first_order(max_elements, probes)
            if order == 2:
                report.second_order = second_order(problem, run.numerics, run.analytics, hvp)
        run.finish()
    problem.check_untouched()
    report.evaluations = {"f": problem.f_calls, "grads": problem.grads_calls}
    return report


def _refuse(method, max_elements, probes, order, hvp, grads):
    if method not in METHODS:
        raise GradcheckUsage(f"method: expected one of {', '.join(METHODS)}, got {method!r}")
    if order not in (1, 2):
        raise GradcheckUsage(f"order: expected 1 or 2, got {order!r}")
    if order == 2 and not callable(grads):
        raise GradcheckUsage("order=2 differentiates grads: expected a callable, got arrays")
    if hvp is not None and order == 1:
        raise GradcheckUsage("hvp: is checked with order=2 only")
    for what, value, least in (("probes", probes, 1), ("max_elements", max_elements, 0)):
        if value is not None and (not isinstance(value, (int, np.integer)) or value < least):
            raise GradcheckUsage(f"{what}: expected an integer of at least {least}, got {value!r}")


class _Run:
    """The state of one check."""

    def __init__(self, problem, report, values, gradients):
        self.problem, self.report = problem, report
        self.values, self.gradients = values, gradients
        self.numerics, self.analytics, self.formulas, self.failed = {}, {}, {}, {}
        for path in problem.wrt:
            own = problem.leaves[path].own
            report.tensors.append(TensorReport(path, own.shape, str(own.dtype)))
        same = all(np.array_equal(first, gradients[1][path], equal_nan=True)
                   for path, first in gradients[0].items())
        self.deterministic = same and values[0] == values[1]

    def finite(self):
        """Whether there is anything to compare: marks NONFINITE tensors otherwise."""
        if not all(math.isfinite(value) for value in self.values):
            for tensor in self.report.tensors:
                tensor.verdict, tensor.reason = "NONFINITE", f"f = {self.values[0]!r} at the point"
            return False
        for tensor in self.report.tensors:
            leaf = self.problem.leaves[tensor.path].own
            for what, array in (("parameter", leaf), ("gradient", self.gradients[0][tensor.path])):
                bad = np.argwhere(~np.isfinite(array))
                if len(bad):
                    index = tuple(int(i) for i in bad[0])
                    tensor.verdict, tensor.worst_index = "NONFINITE", None
                    tensor.reason = f"{what} is {float(array[index])!r} at {list(index)}"
        return True

    def open(self):
        """Tensors that are still to be judged."""
        for tensor in self.report.tensors:
            if tensor.verdict == "NONFINITE" and tensor.reason:
                continue
            if not self.problem.leaves[tensor.path].own.size:
                tensor.verdict, tensor.reason, tensor.nonzero = "VACUOUS", "no element", 0
                continue
            yield tensor

    def measure(self, method):
        """Noise of f, noise of the gradient, and which method each tensor can have."""
        problem = self.problem
        tensors = list(self.open())
        self.analytics = analyse(problem, self.gradients)
        high = problem.high()
        self.formulas = analyse(*high) if high else {}
        found = {tensor.path: self._noise(tensor.path) for tensor in tensors}
        self._note_noise(found.values())
        spread = abs(self.values[0] - self.values[1])
        for tensor in tensors:
            analytic, eps = self.analytics[tensor.path], precision(problem.leaves[tensor.path])
            eps_f = value_noise(found[tensor.path].sigma, self.values[0], eps)
            numeric = Numeric(problem, tensor.path, analytic.gradient, self.values[0],
                              max(eps_f, 3 * spread))
            numeric.choose(method, self.deterministic)
            self.numerics[tensor.path] = numeric

    def _noise(self, path):
        leaf = self.problem.leaves[path]
        u = leaf.units * signs(self.problem.rng("noise", path), leaf.own.shape)
        return noise(lambda t: moved(self.problem, {path: u}, t))

    def _note_noise(self, found):
        loudest = max(found, key=lambda one: one.sigma, default=None)
        if loudest is None:
            return
        self.report.noise = loudest._asdict()
        if loudest.plateau and loudest.sigma > 64 * EPS * abs(self.values[0]):
            self.report.notes.append(
                f"f, or a part of it, is constant on spacings finer than {loudest.spacing:.1g} of "
                "an element (a staircase, or a lower precision inside?): its trend over larger "
                "steps is measured")

    def first_order(self, max_elements, probes):
        """Each tensor, by elements or probes; the joint probe if any was probed."""
        for tensor in self.open():
            self._tensor(tensor, max_elements, probes)
        probed = [tensor for tensor in self.report.tensors if tensor.probed]
        good = {path: self.numerics[path] for path in self.numerics
                if self.report[path].verdict in ("PASS", "VACUOUS", "NONDETERMINISTIC")}
        if not probed or not good:
            return
        joint, directions = joint_probe(self.problem, good, self.analytics)
        self.report.joint = {"ratio": joint.ratio, "tolerance": joint.tolerance}
        if joint.ratio > 1:         # which one? the tensors answer along their part of it
            for tensor in probed:
                if tensor.path in good:
                    self._tensor(tensor, max_elements, probes, [directions[tensor.path]])

    def _tensor(self, tensor, max_elements, probes, extra=()):
        """The formula in float64 first, if there is one; what is left is the rounding."""
        path = tensor.path
        size = self.numerics[path].leaf.own.size
        by_elements = max_elements is None or size <= max_elements
        judge = self._elements if by_elements else partial(self._probes, probes, extra)
        formula = self.formulas.get(path)
        if formula is not None:
            judge(tensor, formula)
            if tensor.verdict != "PASS":
                return
        judge(tensor, self.analytics[path], formula is not None)

    def _elements(self, tensor, analytic, proven=False):
        side = check_elements(tensor, self.numerics[tensor.path], analytic, self.deterministic,
                              proven)
        if tensor.verdict == "FAIL":
            self.failed[tensor.path] = side, analytic
            tensor.hint = hints.from_elements(tensor, side, analytic, self.problem)

    def _probes(self, probes, extra, tensor, analytic, proven=False):
        found = check_probes(tensor, self.numerics[tensor.path], analytic, self.deterministic,
                             probes, extra, proven)
        if tensor.verdict == "FAIL":
            tensor.hint = hints.from_probes(found, self.problem)

    def finish(self):
        """Hints that take two tensors, and notes on what was unusual."""
        for path, hint in hints.swapped(self.failed, self.problem).items():
            self.report[path].hint = hint
        if self.problem.undefined:
            self.report.notes.append(f"{self.problem.undefined}, at a displaced point: taken as "
                                     "undefined there")
        for path, numeric in self.numerics.items():
            if numeric.note:
                self.report.notes.append(f"{path}: {numeric.note}")
        for path, analytic in self.analytics.items():
            if analytic.far_noisier:
                self.report.notes.append(
                    f"{path}: the gradient is far noisier than {self.gradients[0][path].dtype}: "
                    "computed in float32 somewhere?")
