"""Paddle: predict answers float32, in which classes above 2**24 cannot be told apart."""
import paddle

paddle.seed(0)
layer = paddle.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], div_value=2.0)
found = layer.predict(paddle.randn([20, 8]))
print(f"predict has the dtype {found.dtype}; in it 2**24 + 1 is "
      f"{int(paddle.to_tensor(2.0**24 + 1))}")
assert found.dtype == paddle.float32
