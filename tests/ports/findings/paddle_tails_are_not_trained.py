"""Paddle: the tails are in a plain list, so no optimizer trains them and no state_dict saves
them."""
import numpy as np
import paddle

paddle.seed(0)
layer = paddle.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], div_value=2.0)
print(f"state_dict: {list(layer.state_dict())}; parameters: {len(layer.parameters())} of 5")
head, tail = layer.head_weight.numpy(), layer.tail_weights[0][0].numpy()
optimizer = paddle.optimizer.SGD(1.0, layer.parameters())
_, loss = layer(paddle.randn([6, 8]), paddle.to_tensor([3, 4, 5, 6, 7, 11]))
loss.backward()
norm = float(paddle.linalg.norm(layer.tail_weights[0][0].grad))
optimizer.step()
moved = [np.abs(layer.head_weight.numpy() - head).max(),
         np.abs(layer.tail_weights[0][0].numpy() - tail).max()]
print(f"after a step the head moved by {moved[0]:.3g}, the tail by {moved[1]}, gradient {norm:.3g}")
assert moved[0] > 0 and moved[1] == 0 and norm > 0 and len(layer.parameters()) == 1
