"""TransfoXL: its model takes the mean over losses that are not 0, so a confident token raises
the loss."""
import sys

sys.path.insert(0, ".")
import torch    # noqa: E402

from npadasoft.conformance.ports.transfo_xl import TransfoXL    # noqa: E402

layer = TransfoXL().module.ProjectedAdaptiveLogSoftmax(4, 1, 1, [2], 1)
with torch.no_grad():
    for parameter in layer.parameters():
        parameter.zero_()
    layer.out_layers[0].weight[0] = 100
    losses = layer(torch.tensor([[1.0], [0.01], [0.0]]), torch.tensor([0, 0, 1]), keep_order=True)
mean = losses[losses != 0].mean()           # modeling_transfo_xl.py, 4.35.2, line 1118
print(f"losses {losses.tolist()}: mean {losses.mean().item():.4f}, the model's {mean.item():.4f}")
assert (losses == 0).sum() == 1 and mean > losses.mean() * 1.9
