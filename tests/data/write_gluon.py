"""Write gluon_*.npz: python write_gluon.py FILE  (MXNet 1.9.1, NumPy 1.23.5).

FILE holds the class ProjectedAdaptiveLogSoftmaxWithLoss of gluon-nlp's src/gluonnlp/layers.py.
"""
import importlib.util
import sys
from pathlib import Path

import mxnet as mx
import numpy as np

mx.npx.set_np()
spec = importlib.util.spec_from_file_location("theirs", sys.argv[1])
theirs = importlib.util.module_from_spec(spec)
spec.loader.exec_module(theirs)
mx.random.seed(0)
for name, n_embed, div_val in (("projected", 6, 2.0), ("shared", 8, 1.0),
                               ("shared_projected", 6, 1.0)):
    layer = theirs.ProjectedAdaptiveLogSoftmaxWithLoss(12, n_embed, 8, [3, 7], div_val)
    layer.cast("float64")
    layer.initialize(mx.init.Zero())
    for parameter in layer.collect_params().values():
        parameter.set_data(mx.np.random.normal(size=parameter.shape, dtype="float64"))
    x = mx.np.random.normal(size=(12, 8), dtype="float64")
    y = mx.np.arange(12)
    weights = {key: value.data().asnumpy()
               for key, value in layer._collect_params_with_prefix().items()}
    np.savez(Path(__file__).parent / f"gluon_{name}.npz", **weights, input=x.asnumpy(),
             target=np.arange(12), output=layer(x, y).asnumpy())
