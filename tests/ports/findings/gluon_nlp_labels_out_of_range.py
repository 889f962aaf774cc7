"""gluon-nlp: a target that is no class is clipped to one, and gets its log-probability."""
import sys

sys.path.insert(0, ".")
import mxnet as mx      # noqa: E402

from npadasoft.conformance.ports.gluon_nlp import GluonNLP      # noqa: E402

port = GluonNLP()
layer = port.layer_class(12, 8, 8, [3, 7], 2.0)
layer.initialize(mx.init.Normal(1.0))
x = mx.np.ones((4, 8))
found = layer(x, mx.np.array([-5, 0, 11, 99])).asnumpy()
print(f"targets -5, 0, 11, 99 of 12 classes: {found.round(3).tolist()}")
assert found[0] == found[1] and found[2] == found[3]
