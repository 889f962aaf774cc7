"""Headers of .npy arrays as the format allows them, against NumPy's own reader."""
import io
import math
import zipfile

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from npadasoft import interop


def header(keys, quotes, space, end, values):
    """A dict in Python's words: keys in this order, each key in quotes of its own."""
    items = [f"{quote}{key}{quote}:{space}{values[key]}" for key, quote in zip(keys, quotes)]
    return ("{" + f",{space}".join(items) + end + "}" + space).encode()


@given(st.permutations(["descr", "fortran_order", "shape"]),
       st.lists(st.sampled_from("'\""), min_size=4, max_size=4), st.sampled_from(["", " ", "\n"]),
       st.sampled_from(["", ",", ", "]), st.sampled_from([1, 2, 3]),
       st.sampled_from(["<f8", ">f4", "|b1", "<c16", "=i8", ">u2"]), st.booleans(),
       st.sampled_from([(), (0,), (3,), (2, 3), (1, 2, 2)]))
@settings(deadline=None, derandomize=True, max_examples=100)
def test_a_header_that_numpy_reads_is_read(
        tmp_path_factory, keys, quotes, space, end, version, code, fortran, shape):
    """Keys in any order, either quotes, three versions: "readers MUST NOT depend on" the order."""
    text = header(keys, quotes, space, end, {
        "descr": quotes[3] + code + quotes[3], "fortran_order": fortran, "shape": shape})
    array = np.arange(math.prod(shape)).astype(code).reshape(shape)
    data = (b"\x93NUMPY" + bytes([version, 0])
            + len(text).to_bytes(2 if version == 1 else 4, "little") + text
            + array.tobytes("F" if fortran else "C"))
    theirs = np.lib.format.read_array(io.BytesIO(data))
    assert theirs.dtype == array.dtype and np.array_equal(theirs, array)
    path = tmp_path_factory.getbasetemp() / "header.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", data)
    ours = interop.read(path)["a"]
    assert ours.dtype == array.dtype.newbyteorder("=") and np.array_equal(ours, array)
