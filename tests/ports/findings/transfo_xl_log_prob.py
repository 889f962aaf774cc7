"""TransfoXL: its log_prob raises as soon as there is a cluster."""
import sys

sys.path.insert(0, ".")
import torch    # noqa: E402

from npadasoft.conformance.ports.transfo_xl import TransfoXL    # noqa: E402

layer = TransfoXL().module.ProjectedAdaptiveLogSoftmax(12, 8, 8, [3, 7], 2)
try:
    layer.log_prob(torch.randn(5, 8))
except (RuntimeError, IndexError) as error:
    print(f"{type(error).__name__}: {str(error)[:100]}")
else:
    raise AssertionError("mended")
