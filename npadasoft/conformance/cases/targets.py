"""Which class a row has: every boundary, order and repetition."""
from npadasoft.conformance.recipe import ALL, build, config


def recipes():
    return [
        build("T03", "every cutoff boundary once", ["Boundary", "ExactGemm"],
              config(8, 12, [3, 7], 2.0, True), [0, 2, 3, 6, 7, 11, 1, 5, 10],
              cotangents=("output", "loss"), ops=ALL),
    ]
