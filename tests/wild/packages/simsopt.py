"""simsopt: derivatives of curves, surfaces, fields, and objectives that coils are found by."""
import numpy as np
import simsopt.field as sf
import simsopt.geo as sg
from case import jacobian, rng, scalar
from simsopt.objectives import QuadraticPenalty, SquaredFlux

PINS = "simsopt==1.11.1 numpy==2.4.6"
CURVES = {"XYZFourier": lambda: sg.CurveXYZFourier(9, 2),
          "RZFourier": lambda: sg.CurveRZFourier(9, 2, 2, False),
          "RZFourier.stellsym": lambda: sg.CurveRZFourier(9, 2, 3, True),
          "PlanarFourier": lambda: sg.CurvePlanarFourier(9, 2),
          "XYZFourierSymmetries": lambda: sg.CurveXYZFourierSymmetries(9, 2, 2, True),
          "Helical": lambda: sg.CurveHelical(np.linspace(0, .9, 9), 2, 5, 2, 1., .3)}
OF_CURVES = {"gamma": "dgamma_by_dcoeff", "gammadash": "dgammadash_by_dcoeff",
             "gammadashdash": "dgammadashdash_by_dcoeff",
             "gammadashdashdash": "dgammadashdashdash_by_dcoeff", "kappa": "dkappa_by_dcoeff",
             "torsion": "dtorsion_by_dcoeff",
             "incremental_arclength": "dincremental_arclength_by_dcoeff"}
SURFACES = {"RZFourier": lambda: sg.SurfaceRZFourier(2, True, 1, 1, GRID, GRID),
            "XYZFourier": lambda: sg.SurfaceXYZFourier(2, True, 1, 1, GRID, GRID),
            "XYZTensorFourier": lambda: sg.SurfaceXYZTensorFourier(
                2, True, 1, 1, [False] * 3, GRID, GRID)}
OF_SURFACES = {"gamma": "dgamma_by_dcoeff", "gammadash1": "dgammadash1_by_dcoeff",
               "gammadash2": "dgammadash2_by_dcoeff", "normal": "dnormal_by_dcoeff",
               "gammadash1dash1": "dgammadash1dash1_by_dcoeff",
               "gammadash1dash2": "dgammadash1dash2_by_dcoeff",
               "gammadash2dash2": "dgammadash2dash2_by_dcoeff",
               "unitnormal": "dunitnormal_by_dcoeff", "area": "darea_by_dcoeff",
               "volume": "dvolume_by_dcoeff", "first_fund_form": "dfirst_fund_form_by_dcoeff",
               "second_fund_form": "dsecond_fund_form_by_dcoeff",
               "surface_curvatures": "dsurface_curvatures_by_dcoeff",
               "darea_by_dcoeff": "d2area_by_dcoeffdcoeff",
               "dvolume_by_dcoeff": "d2volume_by_dcoeffdcoeff",
               "dnormal_by_dcoeff": "d2normal_by_dcoeffdcoeff"}
GRID = np.linspace(0, 1, 4, endpoint=False)


def at_points(thing, name, value, slope, x):
    """`value` and `slope` are methods of `thing`, whose degrees of freedom are set to x."""
    def of(method):
        def call(x):
            thing.x = x
            return np.array(getattr(thing, method)())
        return call
    return jacobian(name, of(value), x, of(slope), method="richardson")


def curve(name, seed):
    c = CURVES[name]()
    x = rng(f"curve{name}{seed}").normal(size=c.x.size) * .15
    if name == "XYZFourier":
        x[[2, 6]] += 1
    elif name != "Helical":
        x[0] += 1
    return c, x


def coils(seed):
    r = rng(f"coils{seed}")
    found = sg.create_equally_spaced_curves(2, 1, True, R0=1., R1=.5, order=2, numquadpoints=15)
    for c in found:
        c.x = c.x + r.normal(size=c.x.size) * .05
    return found


def fields(seed):
    biot_savart = sf.BiotSavart([sf.Coil(c, sf.Current(1e5)) for c in coils(seed)])
    return {"BiotSavart": biot_savart, "Toroidal": sf.ToroidalField(1.1, .7),
            "Poloidal": sf.PoloidalField(1.1, .7, 1.3),
            "CircularCoil": sf.CircularCoil(.8, [.1, .2, .3], 1e6, [0, 0]),
            "Dommaschk": sf.Dommaschk([[5, 2], [5, 4]], [[1.4, 1.4], [19.25, 0.]]),
            "Reiman": sf.Reiman(.15, .38, [6], [.01], 1), "Mirror": sf.MirrorModel(),
            "Sum": sf.MagneticFieldSum([sf.ToroidalField(1.1, .7), sf.PoloidalField(1., .7, 1.)]),
            "Multiply": sf.MagneticFieldMultiply(1.7, sf.ToroidalField(1.1, .7)),
            "ScalarPotentialRZ": sf.ScalarPotentialRZMagneticField(
                "0.1*phi + 0.2*R*Z + 0.3*Z*phi + 0.4*R**2 + 0.5*Z**2")}


def by_place(name, field, seed):
    x = np.array([[.9, .3, .1]]) + rng(f"{name}{seed}").normal(size=(1, 3)) * .05
    for value, slope in (("B", "dB_by_dX"), ("dB_by_dX", "d2B_by_dXdX"), ("A", "dA_by_dX"),
                         ("AbsB", "GradAbsB")):
        def of(method):
            def call(p):
                field.set_points(p[None])
                return np.array(getattr(field, method)())[0]
            return call

        def jac(p, slope=slope, of=of):
            d = of(slope)(p)
            return d.reshape(1, 3) if slope == "GradAbsB" else np.moveaxis(d, -d.ndim + (
                1 if slope == "d2B_by_dXdX" else 0), -1)
        if slope == "d2B_by_dXdX" and name not in ("BiotSavart", "Toroidal", "Multiply"):
            continue
        if value == "A" and name not in ("BiotSavart", "Toroidal"):
            continue
        yield jacobian(f"field.{name}.{slope}[{seed}]", of(value), x[0], jac, method="richardson")


def objectives(seed):
    one, two = coils(seed)
    surface = sg.SurfaceRZFourier(2, True, 1, 1, GRID, GRID)
    bs = sf.BiotSavart([sf.Coil(one, sf.Current(1e5)), sf.Coil(two, sf.Current(1e5))])
    for name, j in (
            ("CurveLength", sg.CurveLength(one)),
            ("LpCurveCurvature", sg.LpCurveCurvature(one, 2)),
            ("LpCurveTorsion", sg.LpCurveTorsion(one, 2)),
            ("ArclengthVariation", sg.ArclengthVariation(one)),
            ("MeanSquaredCurvature", sg.MeanSquaredCurvature(one)),
            ("CurveCurveDistance", sg.CurveCurveDistance([one, two], 2.)),
            ("CurveSurfaceDistance", sg.CurveSurfaceDistance([one, two], surface, 2.)),
            ("SquaredFlux", SquaredFlux(surface, bs)),
            ("SquaredFlux.normalized", SquaredFlux(surface, bs, definition="normalized")),
            ("SquaredFlux.local", SquaredFlux(surface, bs, definition="local")),
            ("QuadraticPenalty", QuadraticPenalty(sg.CurveLength(one), 1.)),
            ("sum", 2 * sg.CurveLength(one) + sg.MeanSquaredCurvature(two))):
        def f(x, j=j):
            j.x = x
            return float(j.J())

        def g(x, j=j):
            j.x = x
            return np.array(j.dJ())
        yield scalar(f"{name}.dJ[{seed}]", f, np.array(j.x), g, method="richardson")
    for name, kind in (("Area", sg.Area), ("Volume", sg.Volume), ("AspectRatio", sg.AspectRatio)):
        s = sg.SurfaceRZFourier(2, True, 1, 1, GRID, GRID)
        at = s.x + rng(f"{name}{seed}").normal(size=s.x.size) * .03

        def f(x, s=s, k=kind):
            s.x = x
            return float(k(s).J())

        def g(x, s=s, k=kind):
            s.x = x
            return np.array(k(s).dJ_by_dsurfacecoefficients() if hasattr(
                k, "dJ_by_dsurfacecoefficients") else k(s).dJ())
        yield scalar(f"{name}.dJ[{seed}]", f, at, g, method="richardson")


def checks():
    for seed in range(2):
        for name in CURVES:
            c, x = curve(name, seed)
            for value, slope in OF_CURVES.items():
                yield at_points(c, f"curve.{name}.{slope}[{seed}]", value, slope, x)
        for name, make in SURFACES.items():
            s = make()
            x = s.x + rng(f"surface{name}{seed}").normal(size=s.x.size) * .05
            for value, slope in OF_SURFACES.items():
                yield at_points(s, f"surface.{name}.{slope}[{seed}]", value, slope, x)
        for name, field in fields(seed).items():
            yield from by_place(name, field, seed)
        yield from objectives(seed)


WHY = {
    "field.Toroidal.d2B*": ("mistake", "its first element: 3 x**2 + y**3 for 3 x**2 y - y**3"),
    "field.Multiply.d2B*": ("mistake", "inherits that of ToroidalField"),
    "field.Toroidal.dA*": ("mistake", "transposed: axes of place and of component swapped"),
    "field.Poloidal.*": ("mistake", "transposed: axes of place and of component swapped"),
    "field.Sum.*": ("mistake", "inherits that of PoloidalField"),
}
