"""fairseq: targets of 3 by 2 are taken for rows of 2 by 3; both are flattened, and each row gets
the target of another."""
import sys

sys.path.insert(0, ".")
import torch    # noqa: E402

from npadasoft.conformance.ports.fairseq import Fairseq     # noqa: E402

torch.manual_seed(0)
port = Fairseq()
layer = port.softmax.AdaptiveSoftmax(9, 4, [3], 0.0, factor=2.0).double()
x, y = torch.randn(2, 3, 4).double(), torch.tensor([[0, 4], [8, 1], [5, 2]])
found, due = (port._criterion(layer, rows, y, padding=10**6)[0].item()
              for rows in (x, x.transpose(0, 1).contiguous()))
print(f"rows of {tuple(x.shape[:2])}, targets of {tuple(y.shape)}: no error, and a loss of "
      f"{found:.6f}; with the axes of the rows turned it is {due:.6f}")
assert abs(found - due) > 0.1
