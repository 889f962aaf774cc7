"""PyTorch: a confident example has no loss and no gradient from a gap of 37 on (float32: 17)."""
import math

import torch

for dtype, gap in (torch.float64, 37.0), (torch.float32, 17.5):
    layer = torch.nn.AdaptiveLogSoftmaxWithLoss(1, 3, [1], div_value=1.0, dtype=dtype)
    with torch.no_grad():
        for weight in layer.parameters():
            weight.zero_()
        layer.head.weight[0] = gap
    loss = layer(torch.ones(1, 1, dtype=dtype), torch.tensor([0])).loss
    loss.backward()
    true = math.log1p(math.exp(-gap))
    gradient = layer.head.weight.grad[0].item()
    print(f"{dtype}: loss {loss.item()}, gradient at the target {gradient}; "
          f"the loss is {true:.3g}")
    assert loss.item() == 0 and not layer.head.weight.grad[0].any() and true > 1e-17
