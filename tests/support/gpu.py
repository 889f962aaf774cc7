"""Is there a device?  CuPy imports without one, so its presence says nothing: count them."""
import pytest

OTHER_SHAPES_OTHER_BITS = {     # test: what it asks of one library, on the host
    "test_many_blocks_of_rows_have_the_bits_of_one_row_at_a_time":
        "how a sum is cut depends on the number of rows",
}


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
