#!/usr/bin/env bash
# keras-adaptive-softmax: a class rarer than 1e-7 cannot be learned with Keras's own cross-entropy.
#
# Guess: loss and gradient of a rare class are those of -log p, whatever p is: rare classes are what
#          the layer is made for.
# Happens: the layer gives probabilities, and the cross-entropy of Keras 2 cuts them at 1e-7. A class
#          of probability 2e-8 costs 16.12 in place of 17.6, and its gradient is 2e-8 in place of 1,
#          in float64, too; where words are counted by the million, such are ordinary.
# Versions: keras-adaptive-softmax 0.9.0, tf_keras 2.21.0, tensorflow 2.21.0, Python 3.11.
#          Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile tensorflow==2.21.0 tf_keras==2.21.0 || exit 2
"$folder/venv/bin/pip" install --quiet --no-deps keras-adaptive-softmax==0.9.0 || exit 2
TF_USE_LEGACY_KERAS=1 TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" -W ignore - <<'END'
import math
import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"
import tensorflow as tf
from keras_adaptive_softmax import AdaptiveSoftmax

layer = AdaptiveSoftmax(4, 6, cutoffs=[2, 4], div_val=2, use_bias=False, dtype="float64")
x = tf.constant([[1.0, 0.0, 0.0, 0.0]], "float64")
layer([x])
layer.projections[0].assign(tf.eye(4, dtype="float64"))
layer.embeddings[0].assign([[10.0, 0, 0, 0], [0.0, 0, 0, 0]])       # a frequent word
layer.kernel_cluster.assign(tf.zeros((4, 2), "float64"))            # either tail: e^-10
layer.projections[2].assign([[1.0, 0, 0, 0]])
layer.embeddings[2].assign([[0.0], [7.6]])                          # in it, word 4: e^-7.6
with tf.GradientTape() as tape:
    p = layer([x])
    loss = tf.keras.losses.sparse_categorical_crossentropy([4], p)[0]
gradients = tape.gradient(loss, [layer.embeddings[2], layer.kernel_cluster])
largest = max(float(tf.reduce_max(tf.abs(g))) for g in gradients)
due = -math.log(float(p[0, 4]))
print(f"keras-adaptive-softmax on tensorflow {tf.__version__}: the probability of word 4 is "
      f"{float(p[0, 4]):.2e}")
print(f"its loss is {float(loss):.4f}, -log p is {due:.4f}; its largest gradient is {largest}")
if not (due > 17 and float(loss) < 16.2 and largest < 1e-6):
    raise SystemExit("the behaviour has changed")
END
