"""One check, from the noise to the verdict of each tensor."""
import math
from functools import cache, partial

import numpy as np

from npadasoft.gradcheck import hints
from npadasoft.gradcheck.analytic import analyse
from npadasoft.gradcheck.asked import sparsity
from npadasoft.gradcheck.cancelled import restless
from npadasoft.gradcheck.derivative import EPS, value_noise
from npadasoft.gradcheck.elements import check_elements
from npadasoft.gradcheck.equations import of_out, of_value
from npadasoft.gradcheck.inside import noise_inside
from npadasoft.gradcheck.joint import joint_probe
from npadasoft.gradcheck.noise import louder_lines, noise
from npadasoft.gradcheck.numeric import BLURRED, Numeric, moved, precision
from npadasoft.gradcheck.probes import check_probes
from npadasoft.gradcheck.report import TensorReport
from npadasoft.gradcheck.sizes import norm, signs
from npadasoft.gradcheck.special_leaves import OWN, note_conjugate
from npadasoft.gradcheck.stairs import recurring

RICHARDSON = 20     # evaluations of f for an element, about
FEW_ELEMENTS = 6    # in which stairs are told from thresholds


class Run:
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
        for path, formula in self.formulas.items():
            self.analytics[path].widen(formula)
        found = self._noises([tensor.path for tensor in tensors])
        self._note_noise(found)
        spread = abs(self.values[0] - self.values[1])
        loudest = max((one.sigma for one in found.values()), default=0.0)
        for tensor in tensors:
            analytic, eps = self.analytics[tensor.path], precision(problem.leaves[tensor.path])
            own = found[tensor.path]        # where f stands still it tells nothing of its noise
            eps_f = value_noise(loudest if own.none else own.sigma, self.values[0], eps)
            numeric = Numeric(problem, tensor.path, analytic.gradient, self.values[0],
                              max(eps_f, 3 * spread), sparsity=masks.get(tensor.path))
            numeric.choose("richardson" if own.stairs(self.values[0]) else method,
                           self.deterministic)
            self.numerics[tensor.path] = numeric

    def _noises(self, paths):
        """Noise of f along each tensor; where f is quiet along all together it is along each."""
        u = {path: self.problem.leaves[path].units * signs(
            self.problem.rng("noise", path), self.problem.leaves[path].own.shape)
            for path in paths}
        together = cache(lambda t: moved(self.problem, u, t))
        quiet = louder_lines(together) if len(u) > 1 else None
        found = {}
        for path in paths:
            phi = together if len(u) == 1 else cache(
                lambda t, path=path: moved(self.problem, {path: u[path]}, t))
            found[path] = noise(phi, quiet=quiet)
            if found[path].stairs(self.values[0]) and not any(
                    self._afar(recurring, one) for one in self._singly(path, u[path])):
                found[path] = noise(phi, quiet=quiet, wide=False)
            if found[path].none:
                found[path] = restless(phi)
            found[path] = self._afar(noise_inside, found[path], phi, self.problem, path, u[path])
        return found

    def _afar(self, look, *args):
        """What a look shows that goes far; what f raises there is not worth a note."""
        said = self.problem.undefined
        seen = look(*args)
        self.problem.undefined = said
        return seen

    def _singly(self, path, u):
        """f along a few elements of a tensor, each alone."""
        rng = self.problem.rng("stairs", path)
        for i in rng.permutation(u.size)[:FEW_ELEMENTS]:
            one = np.zeros(u.shape)
            one.flat[i] = u.flat[i]
            yield lambda t, one=one: moved(self.problem, {path: one}, t)

    def _note_noise(self, found):
        if not found:
            return
        path = max(found, key=lambda path: found[path].sigma)
        loudest = found[path]
        self.report.noise = loudest._asdict()
        sums = norm(self.problem.leaves[path].units * self.analytics[path].gradient)
        if loudest.plateau and loudest.sigma > 64 * EPS * (abs(self.values[0]) + sums):
            self.report.notes.append(
                "f jumps on both sides, again and again (a rounding or a lower precision inside?): "
                "what slope the jumps stand for is not known"
                if loudest.stairs(self.values[0]) else
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
            constant = self.numerics[tensor.path].constant or bool(side.constant.all())
            tensor.hint = hints.from_elements(tensor, side, analytic, self.problem, constant)

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
            if numeric.note and not (self.report[path].verdict == "PASS"
                                     and numeric.note.endswith(OWN)):
                self.report.notes.append(f"{path}: {numeric.note}")
        for path, analytic in self.analytics.items():
            if analytic.far_noisier:
                self.report.notes.append(f"{path}: " + (
                    BLURRED.format("the gradient", analytic.relative) if analytic.blurred else
                    f"the gradient is far noisier than {self.gradients[0][path].dtype}: computed "
                    "in float32 somewhere?"))

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
