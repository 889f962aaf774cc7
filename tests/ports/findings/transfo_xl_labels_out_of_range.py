"""TransfoXL: a label that is no class costs nothing, and the mean is taken over the others."""
import sys

sys.path.insert(0, ".")
import torch    # noqa: E402

from npadasoft.conformance.ports.transfo_xl import TransfoXL    # noqa: E402

torch.manual_seed(0)
layer = TransfoXL().module.ProjectedAdaptiveLogSoftmax(12, 8, 8, [3, 7], 2)
for parameter in layer.parameters():
    torch.nn.init.normal_(parameter)
with torch.no_grad():
    losses = layer(torch.randn(4, 8), torch.tensor([0, 2, 12, -5]), keep_order=True)
print(f"labels 2, 12, -5 of 12 classes: losses {losses.numpy().round(3).tolist()}")
assert losses[0] > 0 and not losses[1:].any()
