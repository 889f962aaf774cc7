"""Paddle: float labels are taken, and the loss is something."""
import paddle

paddle.seed(0)
layer = paddle.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], div_value=2.0)
x = paddle.randn([4, 8])
right = float(layer(x, paddle.to_tensor([0, 3, 7, 11]))[1])
found = float(layer(x, paddle.to_tensor([0.0, 3.0, 7.0, 11.0]))[1])
print(f"labels 0, 3, 7, 11: loss {right:.6g}; labels 0.0, 3.0, 7.0, 11.0: loss {found:.6g}")
assert found != right
