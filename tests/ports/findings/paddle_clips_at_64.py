"""Paddle on a CPU: log_softmax is cut off at -64, and so are output, log_prob and their
gradients."""
import numpy as np
import paddle

scores = paddle.to_tensor(np.array([[0.0, -100.0, -np.inf]]), stop_gradient=False)
log_p = paddle.nn.functional.log_softmax(scores)
log_p[:, 0].sum().backward()
print(f"log_softmax of 0, -100, -inf: {log_p.numpy().tolist()[0]}; it is 0, -100, -inf")
gradient = scores.grad.numpy().tolist()[0]
print(f"gradient of the first: {gradient}; it is 0, {-np.exp(-100.0):.3g}, 0")
assert log_p.numpy().tolist() == [[0.0, -64.0, -64.0]]

layer = paddle.nn.AdaptiveLogSoftmaxWithLoss(1, 4, [2], div_value=1.0)
layer.head_weight.set_value(np.array([[400.0, -400.0, 0.0]], "float32"))
output, loss = layer(paddle.to_tensor([[1.0]]), paddle.to_tensor([1]))
print(f"loss of a target 800 below the best: {float(loss)}; it is 800")
assert float(loss) == 64
