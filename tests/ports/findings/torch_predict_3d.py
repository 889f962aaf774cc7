"""PyTorch: predict of a 3-D batch takes the argmax over the wrong axis, without an error."""
import torch

torch.manual_seed(0)
layer = torch.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10])
x = torch.randn(2, 7, 8)
with torch.no_grad():
    found = layer.predict(x)
    right = layer.predict(x.reshape(-1, 8)).reshape(2, 7)
print(f"input {tuple(x.shape)}: predict {found.tolist()}")
print(f"rows on their own:  {right.tolist()}")
assert not torch.equal(found, right)
