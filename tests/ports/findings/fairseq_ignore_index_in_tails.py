"""fairseq: the criterion takes a tail's class number padding_idx (1, say) for padding too, and
it pays nothing."""
import sys
from types import SimpleNamespace

sys.path.insert(0, ".")
import torch    # noqa: E402

from npadasoft.conformance.ports.fairseq import Fairseq     # noqa: E402

torch.manual_seed(0)
port = Fairseq()
layer = port.softmax.AdaptiveSoftmax(12, 8, [3, 7], 0.0, factor=2.0).double()
port.config = SimpleNamespace()
x = torch.randn(6, 8).double()
y = torch.tensor([0, 3, 4, 7, 8, 2])            # 4 and 8 are second in their tails
paid = port._criterion(layer, x, y, padding=1)[0].item()
due = port._criterion(layer, x, y, padding=10**6)[0].item()
true = -layer.get_log_prob(x[:, None], None)[:, 0].gather(1, y[:, None]).sum().item()
print(f"no target is padding (1): the loss is {true:.6f}, AdaptiveLoss says {paid:.6f}, "
      f"and {due:.6f} if padding is a number that no cluster has")
assert abs(due - true) < 1e-12 and true - paid > 0.1
