"""Paddle: log_prob of a float64 layer is rounded to float32 when that is the default."""
import paddle

paddle.seed(0)
paddle.set_default_dtype("float64")
layer = paddle.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], div_value=2.0)
x = paddle.randn([4, 8], dtype="float64")
paddle.set_default_dtype("float32")
found = layer.log_prob(x)
print(f"weights {layer.head_weight.dtype}, input {x.dtype}, log_prob {found.dtype}")
assert found.dtype == paddle.float32
