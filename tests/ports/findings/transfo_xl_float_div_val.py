"""TransfoXL: a div_val that is no int cannot be built: sizes are floats."""
import sys

sys.path.insert(0, ".")
from npadasoft.conformance.ports.transfo_xl import TransfoXL    # noqa: E402

try:
    TransfoXL().module.ProjectedAdaptiveLogSoftmax(12, 8, 8, [3, 7], 1.5)
except TypeError as error:
    print(str(error)[:110])
else:
    raise AssertionError("mended")
