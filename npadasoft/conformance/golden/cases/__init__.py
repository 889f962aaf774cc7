"""The catalogue: every case, why it exists, and what kind of mistake it is there to find.

One module a feature, in the order in which they are judged.  An id is never used twice, not even
after its case is gone; a case whose expected value changes makes a new major version of the
vectors.  A new case says `since=SUITE`, and raises the minor version once.
"""
from __future__ import annotations

from npadasoft.conformance.golden.recipe import Recipe

SUITE = "1.1.0"
FEATURES = ("shape", "targets", "errors", "numerics", "predict", "gradients", "excellence",
            "special", "extensions", "rounding", "biases", "tangents", "input",
            "linear")


def catalogue() -> dict[str, list[Recipe]]:
    """Feature -> its recipes, in order."""
    from importlib import import_module
    return {name: import_module(f"{__name__}.{name}").recipes() for name in FEATURES}
