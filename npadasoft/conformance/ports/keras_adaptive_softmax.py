"""CyberZHG's AdaptiveSoftmax under tf_keras: `--port keras-adaptive-softmax`.

    pip install tensorflow tf_keras
    pip install --no-deps --use-pep517 keras-adaptive-softmax==0.9.0

It gives probabilities, whose logarithms the port takes; output and loss are Keras's cross-entropy.
The columns of tails in the head are a kernel of their own. Its tails have biases whenever its head
has, 0 unless a case says others. Sizes of a div_val that is no int cannot be built, so the port
sets its weights by hand. Under Keras 3 it is imported, and raises when it is called on one tensor.
"""
import os

import numpy as np

from npadasoft.conformance.ports.base import Port, Skipped
from npadasoft.conformance.ports.foreign import DTYPES, PREDICTS, mean_of_all
from npadasoft.conformance.wire.messages import PortInfo


class KerasAdaptiveSoftmax(Port):
    """keras-adaptive-softmax 0.9.0 on TensorFlow, eagerly."""

    def __init__(self):
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        os.environ["TF_USE_LEGACY_KERAS"] = "1"
        try:
            import tensorflow
            import tf_keras     # noqa: F401
            from keras_adaptive_softmax import AdaptiveSoftmax
        except ImportError:
            raise ImportError("this port needs keras-adaptive-softmax on tf_keras: pip install "
                              "tensorflow tf_keras keras-adaptive-softmax") from None
        from importlib.metadata import version
        self.tf, self.layer = tensorflow, AdaptiveSoftmax
        self.info = PortInfo(
            "keras-adaptive-softmax", f"{version('keras-adaptive-softmax')} on tensorflow "
            f"{tensorflow.__version__}", "python", dtypes=DTYPES, ops=PREDICTS)

    def _layer(self, config, dtype=None):
        div_value = config["div_value"]
        layer = self.layer(
            config["in_features"], config["n_classes"], cutoffs=list(config["cutoffs"]),
            div_val=int(div_value) if div_value == int(div_value) else div_value,
            use_bias=config["head_bias"], force_projection=False, dtype=dtype)
        layer.build([(None, config["in_features"])])
        return layer

    def shapes(self, config):
        if config["div_value"] == 1:
            raise Skipped("with div_val 1 it is one softmax over all classes")
        layer = self._layer(config)
        found: dict = {}
        n_clusters = layer.kernel_cluster.shape[1]
        found["head.weight"] = (config["cutoffs"][0] + n_clusters, config["in_features"])
        if config["head_bias"]:
            found["head.bias"] = found["head.weight"][:1]
        for i in range(n_clusters):
            found[f"tail.{i}.0.weight"] = tuple(layer.projections[i + 1].shape)
            found[f"tail.{i}.1.weight"] = tuple(layer.embeddings[i + 1].shape)
        return found

    def build(self, config, params, dtype):
        mean_of_all({**config, "tail_bias": False})
        if config.get("tail_bias") and not config["head_bias"]:
            raise Skipped("it has biases in head and tails, or in none of them")
        layer = self._layer({**config, "in_features": 64, "div_value": 2}, dtype)
        variable, s = self.tf.Variable, config["cutoffs"][0]
        layer.embeddings[0] = variable(params["head.weight"][:s])
        layer.kernel_cluster = variable(params["head.weight"][s:].T)
        if layer.use_bias:
            layer.biases[0] = variable(params["head.bias"][:s])
            layer.bias_cluster = variable(params["head.bias"][s:])
        for i in range(1, len(layer.embeddings)):
            layer.projections[i] = variable(params[f"tail.{i - 1}.0.weight"])
            layer.embeddings[i] = variable(params[f"tail.{i - 1}.1.weight"])
            if layer.use_bias:
                bias = params.get(f"tail.{i - 1}.1.bias", np.zeros(layer.biases[i].shape))
                layer.biases[i].assign(bias)
        return layer

    def _output(self, layer, x, target):
        losses = self.tf.keras.losses.sparse_categorical_crossentropy(target, layer([x]))
        return {"output": -losses, "loss": self.tf.reduce_mean(losses)}

    def forward(self, layer, input, target, want):
        found = self._output(layer, self.tf.constant(input), target)
        return {name: a.numpy() for name, a in found.items()}

    def backward(self, layer, input, target, cotangents, want):
        def total(x):
            found = self._output(layer, x, target)
            return sum(self.tf.reduce_sum(found[name] * a) for name, a in cotangents.items())
        return self._gradients(layer, input, total)

    def log_prob(self, layer, input):
        return self.tf.math.log(layer([self.tf.constant(input)])).numpy()

    def log_prob_backward(self, layer, input, cotangent, want):
        return self._gradients(layer, input, lambda x: self.tf.reduce_sum(
            self.tf.math.log(layer([x])) * cotangent))

    def predict(self, layer, input):
        return self.tf.argmax(layer([self.tf.constant(input)]), -1).numpy()

    def _gradients(self, layer, input, total):
        with self.tf.GradientTape() as tape:
            x = self.tf.constant(input)
            tape.watch(x)
            value = total(x)
        joins = {"head.weight": [layer.embeddings[0], layer.kernel_cluster]}
        if layer.use_bias:
            joins["head.bias"] = [layer.biases[0], layer.bias_cluster]
        for i, (projection, table) in enumerate(zip(layer.projections[1:], layer.embeddings[1:])):
            joins[f"tail.{i}.0.weight"], joins[f"tail.{i}.1.weight"] = [projection], [table]
            if layer.use_bias:
                joins[f"tail.{i}.1.bias"] = [layer.biases[i + 1]]
        found_x, found = tape.gradient(value, [x, joins], unconnected_gradients="zero")
        found = {name: [self.tf.convert_to_tensor(g).numpy() for g in parts]
                 for name, parts in found.items()}
        found["head.weight"][1] = found["head.weight"][1].T
        return {"grad.input": self.tf.convert_to_tensor(found_x).numpy(),
                **{f"grad.{name}": np.concatenate(parts) for name, parts in found.items()}}
