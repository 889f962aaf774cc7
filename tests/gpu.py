"""Is there a device?  CuPy imports without one, so its presence says nothing: count them."""
import pytest


def cupy_with_a_device():
    """CuPy, or a skip that says what is missing."""
    cupy = pytest.importorskip("cupy")
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:         # no driver, or one too old
        pytest.skip(f"CuPy {cupy.__version__} finds no device: {error}")
    if not count:
        pytest.skip(f"CuPy {cupy.__version__} counts 0 devices")
    return cupy
