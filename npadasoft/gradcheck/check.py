"""`check`: the algorithm from preflight to report."""
import math
from functools import partial

import numpy as np

from npadasoft.gradcheck import hints
from npadasoft.gradcheck.analytic import analyse
from npadasoft.gradcheck.asked import question, refuse, sparsity
from npadasoft.gradcheck.derivative import EPS, value_noise
from npadasoft.gradcheck.elements import check_elements
from npadasoft.gradcheck.equations import of_out, of_value
from npadasoft.gradcheck.noise import noise
from npadasoft.gradcheck.numeric import Numeric, moved, precision
from npadasoft.gradcheck.points import drawn, merged
from npadasoft.gradcheck.probes import check_probes, joint_probe
from npadasoft.gradcheck.problem import Problem, quiet
from npadasoft.gradcheck.progress import Clock
from npadasoft.gradcheck.report import Report, TensorReport
from npadasoft.gradcheck.second_order import second_order
from npadasoft.gradcheck.sizes import norm, signs
from npadasoft.gradcheck.special_leaves import note_conjugate

RICHARDSON = 20     # evaluations of f for an element, about


def check(f, params, grads=None, *, jacobian=None, elementwise=None, hvp=None, wrt=None,
          structure=None, sparsity=None, cotangent=None, value=False, out=None, method="auto",
          max_elements=4096, probes=8, order=1, points=1, seconds=None, seed=0, upcast=True,
          name=None):
    """Whether `grads` is the gradient of `f` at `params`.

    Parameters
    ----------
    f : callable
        f(params) -> a real scalar, or an array or tree of arrays.
    params : tree
        dict, list, tuple, namedtuple, dataclass, or an object with `items()` and `map()`, of
        floating arrays and floats; anything else in it is a constant.  Never written to.
        Complex leaves are checked as two: the gradient is df/dRe + i df/dIm.  Or a callable:
        params(rng) -> the tree, for each of the `points`.
    grads : callable or tree
        grads(params) -> a tree with the paths of `params`; grads(params, cotangent) if f is no
        scalar.  Or the gradients themselves.
    jacobian, elementwise : callable
        In place of `grads`: jacobian(params) -> d outputs / d leaf, of the shape of the output and
        then that of the leaf, or sparse, each number an element; or f'(x) of an f that works
        element by element.
    hvp : callable
        hvp(params, v) -> H v: alone, in place of `grads`; or beside it with order=2.
    wrt : str or list of str, optional
        Paths to check, default all; a part `*` stands for any one part.
    structure : str, array, or dict of them by path, optional
        "symmetric", "lower", "upper", or what elements are one: see `special_leaves.of_structure`.
    sparsity : boolean array, or tree of them, optional
        Where a gradient or `jacobian` may be other than zero.  That f does not move with the rest
        is looked at along one direction.
    value : bool
        grads answers (value, gradients); the value is compared with f.
    out : {"add", "write"}, optional
        grads takes arrays as `out=`, and adds to them or writes over them; that, too, is checked.
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
    points : int
        So many seeds, in one report: of each tensor the worst is shown.
    seconds : float, optional
        Tensors for which there is no time are probed, and it is said.  Then the report depends on
        the machine.
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
    options = dict(locals())
    del options["f"], options["params"]
    refuse(options)
    reports = [_once(f, drawn(params, seed + k), {**options, "seed": seed + k})
               for k in range(points)]
    return merged(reports) if points > 1 else reports[0]


def _once(f, params, options):
    """The report of one seed."""
    name = options["name"] or getattr(f, "__name__", type(f).__name__)
    clock, seed = Clock(options["seconds"]), options["seed"]
    (f, params, grads, cotangent), answers = question(f, params, options)
    problem = Problem(f, params, grads, cotangent, seed, options["upcast"], clock)
    values, gradients = problem.start(options["wrt"])
    report = Report(name, seed=seed)
    report.f = values[0]
    report.notes += [f"{a} and {b} share memory" for a, b in problem.shared()]
    run = _Run(problem, report, values, gradients)
    if run.finite():
        with quiet():
            run.measure(options["method"], options["sparsity"])
            run.first_order(options["max_elements"], options["probes"])
            if options["order"] == 2:
                report.second_order = second_order(problem, run.numerics, run.analytics,
                                                   options["hvp"])
        run.finish()
        if answers is not None:
            run.compare(answers)
    clock.done()
    problem.check_untouched()
    report.evaluations = {"f": problem.f_calls, "grads": problem.grads_calls}
    return report


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

    def measure(self, method, declared):
        """Noise of f, noise of the gradient, and which method each tensor can have."""
        problem = self.problem
        tensors = list(self.open())
        masks = sparsity(declared, {tensor.path: tensor.shape for tensor in self.report.tensors})
        self.analytics = analyse(problem, self.gradients)
        high = problem.high()
        self.formulas = analyse(*high) if high else {}
        found = {tensor.path: self._noise(tensor.path) for tensor in tensors}
        self._note_noise(found)
        spread = abs(self.values[0] - self.values[1])
        for tensor in tensors:
            analytic, eps = self.analytics[tensor.path], precision(problem.leaves[tensor.path])
            eps_f = value_noise(found[tensor.path].sigma, self.values[0], eps)
            numeric = Numeric(problem, tensor.path, analytic.gradient, self.values[0],
                              max(eps_f, 3 * spread), sparsity=masks.get(tensor.path))
            numeric.choose(method, self.deterministic)
            self.numerics[tensor.path] = numeric

    def _noise(self, path):
        leaf = self.problem.leaves[path]
        u = leaf.units * signs(self.problem.rng("noise", path), leaf.own.shape)
        return noise(lambda t: moved(self.problem, {path: u}, t))

    def _note_noise(self, found):
        if not found:
            return
        path = max(found, key=lambda path: found[path].sigma)
        loudest = found[path]
        self.report.noise = loudest._asdict()
        sums = norm(self.problem.leaves[path].units * self.analytics[path].gradient)
        if loudest.plateau and loudest.sigma > 64 * EPS * (abs(self.values[0]) + sums):
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
        self.problem.clock.doing = path
        by_elements = self._by_elements(path, max_elements)
        judge = self._elements if by_elements else partial(self._probes, probes, extra)
        formula = self.formulas.get(path)
        if formula is not None:
            judge(tensor, formula)
            if tensor.verdict != "PASS":
                return
        judge(tensor, self.analytics[path], formula is not None)

    def _by_elements(self, path, max_elements):
        """Whether the tensor is small enough, and there is time for all of its elements."""
        numeric, clock = self.numerics[path], self.problem.clock
        size = numeric.leaf.own.size
        if max_elements is not None and size > max_elements:
            return False
        if clock.budget is None:
            return True
        takes = clock.takes(size * (1 if numeric.method == "complex" else RICHARDSON))
        if takes > max(clock.left(), 0.0):
            self.report.notes.append(
                f"{path}: probed, as its {size} elements would take {takes:.2g} s more, of a "
                f"budget of {clock.budget:g} s")
            return False
        return True

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
        for path in self.failed:
            note_conjugate(self.report[path])
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

    def compare(self, answers):
        """What grads said besides gradients."""
        problem, equations = self.problem, self.report.equations
        eps = max(float(np.finfo(leaf.own.dtype).eps) for leaf in problem.leaves.values())
        if answers.value:
            own = problem.contract(answers.values[0])
            equations.append(of_value(float(np.real(own)), self.values[0],
                                      self.report.noise.get("sigma", 0.0), eps))
        if answers.out:
            args = () if problem.cotangent_weights is None else (problem.cotangent,)
            clean, before, after = answers.twice(problem.params, args, problem.seed)
            equations.append(of_out(answers.out, clean, before, after, problem.wrt))
