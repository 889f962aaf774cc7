"""fairseq: get_log_prob(input, target) is no distribution: most tails keep scores of the head,
or zeros."""
import sys

sys.path.insert(0, ".")
import torch    # noqa: E402

from npadasoft.conformance.ports.fairseq import Fairseq     # noqa: E402

torch.manual_seed(0)
layer = Fairseq().softmax.AdaptiveSoftmax(30, 8, [3, 7], 0.0, factor=2.0)
x, y = torch.randn(4, 1, 8), torch.tensor([[0], [4], [1], [20]])
with torch.no_grad():
    sums = layer.get_log_prob(x, y).exp().sum(-1).flatten().tolist()
    right = layer.get_log_prob(x, None).exp().sum(-1).flatten().tolist()
print(f"exp sums to {', '.join(f'{s:.3g}' for s in sums)}; without target to "
      f"{', '.join(f'{s:.3g}' for s in right)}")
assert max(sums) > 2
