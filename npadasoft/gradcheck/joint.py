"""One direction through all tensors together: what none of them shows alone."""
from npadasoft.gradcheck.derivative import richardson
from npadasoft.gradcheck.numeric import complex_slope, moved
from npadasoft.gradcheck.probes import Probe, projection
from npadasoft.gradcheck.sizes import norm, signs
from npadasoft.gradcheck.strata import scales


def joint_probe(problem, numerics, analytics):
    """(Probe, directions by path)."""
    directions = {path: scales(numeric.leaf.point) * signs(
        problem.rng("joint", path), numeric.leaf.own.shape) for path, numeric in numerics.items()}
    sides = [projection(u, analytics[path]) for path, u in directions.items()]
    analytic, noise = sum(s[0] for s in sides), sum(s[1] for s in sides)
    size = norm([s[2] for s in sides])
    if all(numeric.method == "complex" for numeric in numerics.values()):
        value = complex_slope(problem, directions, 2.0 ** -66)
        eps = max(numeric.eps for numeric in numerics.values())
        error = 4 * eps * max(abs(value), size)
        return Probe(None, analytic, value, error, noise, size), directions
    real = richardson(lambda t: moved(problem, directions, t), 1.0,
                      max(numeric.eps_f for numeric in numerics.values()),
                      eps=max(numeric.own_eps for numeric in numerics.values()))
    return Probe(None, analytic, real.value, real.error, noise, size, real), directions
