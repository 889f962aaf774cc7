"""What holds for every test: threads of BLAS, and witnesses.

In CI a missing witness fails: what is one skip elsewhere, for want of a package, is an error.
"""
import gc
import importlib
import os
import warnings

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:     # before NumPy is imported: it reads them once
    # pytest -n fills the cores with processes; more threads in each would wait for one another
    for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(_name, "1")

# devices, and frameworks that CI has not: anywhere, or on the Python that it runs on now
ELSEWHERE = {"autograd", "chainer", "cupy", "dpnp", "dynet", "jax", "keras_adaptive_softmax", "mlx",
             "mxnet", "openvino", "optax", "paddle", "tensorflow", "tinygrad",
             *os.environ.get("NPADASOFT_ABSENT", "").split()}

if os.environ.get("CI") == "true":
    _skip = pytest.importorskip

    def importorskip(name, *args, **kwargs):
        """The module `name`; its absence is an error."""
        if name.split(".")[0] in ELSEWHERE:
            return _skip(name, *args, **kwargs)
        with warnings.catch_warnings():         # as pytest's own does
            warnings.simplefilter("ignore")
            return importlib.import_module(name)

    pytest.importorskip = importorskip


def pytest_collection_finish():
    """What was imported and collected stays to the end: let the garbage collector not search it."""
    gc.collect()
    gc.freeze()
