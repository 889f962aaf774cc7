"""`check`: the algorithm from preflight to report."""
from npadasoft.gradcheck.asked import question, refuse
from npadasoft.gradcheck.points import drawn, merged
from npadasoft.gradcheck.problem import Problem, quiet
from npadasoft.gradcheck.progress import Clock
from npadasoft.gradcheck.report import Report
from npadasoft.gradcheck.run import Run
from npadasoft.gradcheck.second_order import second_order


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
    refuse(params, options)
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
    run = Run(problem, report, values, gradients)
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
