"""fairseq: get_log_prob cannot be differentiated: it writes into what log_softmax needs for its
gradient."""
import sys

sys.path.insert(0, ".")
import torch    # noqa: E402

from npadasoft.conformance.ports.fairseq import Fairseq     # noqa: E402

layer = Fairseq().softmax.AdaptiveSoftmax(12, 8, [3, 7], 0.0, factor=2.0)
try:
    layer.get_log_prob(torch.randn(2, 1, 8), None).sum().backward()
except RuntimeError as error:
    print(str(error)[:110])
else:
    raise AssertionError("mended")
