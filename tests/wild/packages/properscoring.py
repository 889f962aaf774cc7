"""properscoring: the gradient of the ranked probability score of a Gaussian."""
from case import Case, rng
from properscoring import crps_gaussian

PINS = "properscoring==0.1 scipy==1.16.3 numpy==2.4.6"


def checks():
    for seed in range(5):
        r = rng(f"crps{seed}")
        x, p = r.normal(size=4), {"mu": r.normal(size=4), "sig": r.uniform(.5, 2, 4)}

        def grads(p, x=x):
            g = crps_gaussian(x, p["mu"], p["sig"], grad=True)[1]
            return {"mu": g[0], "sig": g[1]}
        yield Case(f"crps_gaussian[{seed}]", lambda p, x=x: float(
            crps_gaussian(x, p["mu"], p["sig"]).sum()), p, grads, options={"method": "richardson"})


WHY = {}
