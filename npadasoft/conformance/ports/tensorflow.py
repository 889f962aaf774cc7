"""The definition in TensorFlow: `npadasoft conform --port tensorflow`  (pip install tensorflow)."""
import os

from npadasoft.conformance.ports.primitives import Primitives


class TensorFlow(Primitives):
    """TensorFlow on a CPU, eagerly; tf.nn.log_softmax, tf.gather and a GradientTape."""

    def __init__(self):
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        try:
            import tensorflow
        except ImportError:
            raise ImportError("this port needs TensorFlow: pip install tensorflow") from None
        self.tf = tensorflow
        self.announce("tf.nn.log_softmax", tensorflow.__version__)

    def tensor(self, array):
        return self.tf.constant(array)

    def product(self, x, weight):
        return self.tf.tensordot(x, weight, [[-1], [1]])

    def log_softmax(self, scores):
        return self.tf.nn.log_softmax(scores)

    def concatenate(self, parts):
        return self.tf.concat(parts, -1)

    def where(self, kept, x):
        return self.tf.where(kept, x, self.tf.zeros_like(x))

    def pick(self, log_p, y):
        return self.tf.gather(log_p, y, axis=-1, batch_dims=y.ndim)

    def sum(self, tensor):
        return self.tf.reduce_sum(tensor)

    def gradients(self, total, weights, x):
        with self.tf.GradientTape() as tape:
            leaves = [x, *weights.values()]
            tape.watch(leaves)
            value = total(weights, x)
        found = tape.gradient(value, leaves, unconnected_gradients="zero")
        arrays = [self.tf.convert_to_tensor(g).numpy() for g in found]
        return dict(zip(weights, arrays[1:])), arrays[0]
