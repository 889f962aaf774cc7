"""libtorch: predict of a 3-D batch takes the argmax over the wrong axis, without an error where
the length is that of the head."""
import sys

sys.path.insert(0, ".")
import numpy as np      # noqa: E402

from npadasoft.conformance.ports.libtorch import LibTorch       # noqa: E402

rng = np.random.default_rng(0)
port = LibTorch()
config = {"in_features": 8, "n_classes": 12, "cutoffs": [3, 7], "div_value": 2.0,
          "head_bias": False}
params = {name: rng.standard_normal(shape) for name, shape in port.shapes(config).items()}
layer = port.build(config, params, "float64")
x = rng.standard_normal((2, 5, 8))
found, right = port.predict(layer, x), port.predict(layer, x.reshape(10, 8)).reshape(2, 5)
print(f"input {x.shape}: predict {found.tolist()}")
print(f"rows on their own:  {right.tolist()}")
assert not np.array_equal(found, right)
