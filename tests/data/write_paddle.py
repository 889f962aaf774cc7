"""Write paddle.npz: python write_paddle.py  (PaddlePaddle 3.3.1)."""
from pathlib import Path

import numpy as np
import paddle

paddle.seed(0)
paddle.set_default_dtype("float64")
layer = paddle.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], div_value=2.0, head_bias=True)
layer.head_bias.set_value(paddle.randn([5]))
x, y = paddle.randn([7, 8]), paddle.to_tensor([0, 3, 7, 11, 2, 6, 4])
output, loss = layer(x, y)
tails = {f"tail_weights.{i}.{j}": weight.numpy()
         for i, pair in enumerate(layer.tail_weights) for j, weight in enumerate(pair)}
assert not any("tail" in name for name in layer.state_dict())
np.savez(Path(__file__).parent / "paddle.npz", **tails,
         **{name: tensor.numpy() for name, tensor in layer.state_dict().items()},
         input=x.numpy(), target=y.numpy(), output=output.numpy(), loss=loss.numpy(),
         log_prob=layer.log_prob(x).numpy())
