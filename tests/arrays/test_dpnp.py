"""The layer on a library that truly computes elsewhere: dpnp, on a CPU device.  An optional job.

    pip install dpnp pytest hypothesis numpy scipy
    NPADASOFT_DPNP=1 python -m pytest tests/arrays/test_dpnp.py

dpnp has NumPy's face and its own memory, kernels and queue: what runs here uses no NumPy by
accident.  Every method is held to NumPy's by the tests for a GPU; the theorems of the layer, and
the tests of its functions and searches, run once more from copies of their modules.  All judge by
rounding bounds, and nothing is loosened.  A kernel is compiled when it is first used, which takes
seconds, and a call costs a hundred times NumPy's: fewer cases are drawn.
"""
import os
import sys

import pytest

if os.environ.get("NPADASOFT_DPNP") != "1":
    pytest.skip("an optional job: set NPADASOFT_DPNP=1", allow_module_level=True)

os.environ.setdefault("OCL_ICD_FILENAMES", f"{sys.prefix}/lib/libintelocl.so")    # the CPU
# dpnp's exp holds the GIL while oneMKL waits for a thread of a pool; dpnp's own tasks in the pool
# wait for the GIL.  With more threads than such tasks there is always one left: else it hangs.
os.environ.setdefault("SYCL_QUEUE_THREAD_POOL_SIZE", "64")

import dpnp  # noqa: E402
import numpy as np  # noqa: E402
from hypothesis import settings  # noqa: E402
from gpu import OTHER_SHAPES_OTHER_BITS  # noqa: E402
from strict_cupy.layer import use  # noqa: E402
from strict_cupy.rerun import copy_of  # noqa: E402
from test_gpu import (  # noqa: E402, F401
    test_a_seed_draws_the_same_classes, test_a_target_out_of_range_is_refused_before_it_wraps,
    test_every_method_agrees_with_numpy_to_rounding,
    test_results_are_arrays_of_the_device_and_libraries_do_not_mix,
    test_the_classes_found_are_the_best_to_rounding)

from npadasoft import AdaptiveLogSoftmaxWithLoss, arrays  # noqa: E402


def may_share_memory(a, b):
    """CuPy's and NumPy's, which dpnp has not, of contiguous arrays."""
    first, second = (array.get_array() for array in (a, b))
    return (first._pointer < second._pointer + b.nbytes
            and second._pointer < first._pointer + a.nbytes)


use(dpnp, "?bhilqBHILQfdFD")            # no float16 on this device
dpnp.may_share_memory = may_share_memory
OTHER_BITS = {      # test: which bits of NumPy's it asks for
    "test_eight_threads_get_the_bits_of_one": "dpnp's sums depend on its own threads",
    "test_half_precision_is_single_precision_rounded_once": "float16 stays on NumPy: not its bits",
    **OTHER_SHAPES_OTHER_BITS,
}


@pytest.fixture(autouse=True, scope="module")
def library():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(arrays._LIBRARIES, "dpnp", "ndarray")
        yield


@pytest.fixture(scope="module")
def cp():
    """The library of the tests for a GPU."""
    return dpnp


def test_arrays_of_dpnp_give_results_of_dpnp():
    layer = AdaptiveLogSoftmaxWithLoss(8, 20, [4, 9, 15], 2.0, True, rng=0)
    there = layer.with_parameters(layer.parameters.map(dpnp.asarray))
    rng = np.random.default_rng(1)
    x, y = dpnp.asarray(rng.normal(size=(11, 8))), dpnp.asarray(rng.integers(0, 20, 11))
    (output, loss), cache = there.forward(x, y)
    grads = there.backward(cache)
    found = (output, loss, grads.input, there.predict(x), there.sample(x, 0), there.log_prob(x),
             *there.topk(x, 3), *(leaf for _, leaf in grads.parameters.items()))
    for value in found:
        assert isinstance(value, dpnp.ndarray)
    with pytest.raises(TypeError, match="dpnp and numpy"):
        layer.forward(x, y)


for _module in ("test_laws", "test_functional", "test_search"):
    _copy = copy_of(_module)
    for _name, _value in list(vars(_copy).items()):
        if _name.startswith("test_") and callable(_value):
            if _name not in OTHER_BITS:
                if hasattr(_value, "hypothesis"):
                    _value._hypothesis_internal_use_settings = settings(
                        _value._hypothesis_internal_use_settings, max_examples=3)
                globals()[f"{_name}__of_{_module}"] = _value
        elif type(_value).__name__ == "FixtureFunctionDefinition":
            globals()[_name] = _value
