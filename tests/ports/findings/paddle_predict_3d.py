"""Paddle: predict of a 3-D batch of the right length has another shape, without an error."""
import paddle

paddle.seed(0)
layer = paddle.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], div_value=2.0)
x = paddle.randn([2, 3, 8])
found, right = layer.predict(x), layer.predict(x.reshape([6, 8])).reshape([2, 3])
print(f"input {x.shape}: predict {found.tolist()}")
print(f"rows on their own:  {right.tolist()}")
assert found.shape == [2, 5]
