"""Write gluon_*.npz: PYTHONPATH=. python tests/data/write_gluon.py  (MXNet 1.9.1, NumPy 1.23.5).

The class is the one that the port takes from build/peers.
"""
from pathlib import Path

import mxnet as mx
import numpy as np

from npadasoft.conformance.ports.gluon_nlp import GluonNLP

layer_class = GluonNLP().layer_class
mx.random.seed(0)
for name, n_embed, div_val in (("projected", 6, 2.0), ("shared", 8, 1.0),
                               ("shared_projected", 6, 1.0)):
    layer = layer_class(12, n_embed, 8, [3, 7], div_val)
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
