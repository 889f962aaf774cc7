"""Write keras_adaptive*: python tests/data/write_keras_adaptive.py

With tensorflow 2.21.0, tf_keras 2.21.0, h5py 3.14.0, keras-adaptive-softmax 0.9.0 (--no-deps).
"""
import os
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np  # noqa: E402
import tf_keras  # noqa: E402
from keras_adaptive_softmax import AdaptiveSoftmax  # noqa: E402

HERE, rng = Path(__file__).parent, np.random.default_rng(0)
tf_keras.backend.set_floatx("float64")
layer = AdaptiveSoftmax(8, 12, 6, cutoffs=[3, 7], div_val=2, name="softmax")
one = tf_keras.Input((8,))
model = tf_keras.Model(one, layer([one]))
layer.set_weights([rng.normal(size=w.shape) for w in layer.weights])
x = rng.normal(size=(12, 8))
model.save_weights(HERE / "keras_adaptive.h5")
np.savez(HERE / "keras_adaptive_numbers.npz", input=x, probabilities=model(x).numpy())
