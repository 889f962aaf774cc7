"""TransfoXL: losses come grouped by cluster, not in the order of the labels, unless
keep_order=True."""
import sys

sys.path.insert(0, ".")
import torch    # noqa: E402

from npadasoft.conformance.ports.transfo_xl import TransfoXL    # noqa: E402

torch.manual_seed(0)
layer = TransfoXL().module.ProjectedAdaptiveLogSoftmax(12, 8, 8, [3, 7], 2)
for parameter in layer.parameters():
    torch.nn.init.normal_(parameter)
x, y = torch.randn(5, 8), torch.tensor([0, 11, 4, 1, 8])       # the first label is shifted away
with torch.no_grad():
    found, right = layer(x, y), layer(x, y, keep_order=True)
print(f"default {found.numpy().round(3).tolist()}\nordered {right.numpy().round(3).tolist()}")
assert not torch.equal(found, right) and torch.equal(found.sort()[0], right.sort()[0])
