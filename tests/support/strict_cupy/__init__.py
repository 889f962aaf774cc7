"""A stand-in for CuPy on a machine without a GPU: NumPy behind CuPy's rules, and stricter.

Code that runs here, with the bits that it has on NumPy, holds to these rules:

 1. No implicit way to the host: `__array__` raises.  [cupy.ndarray.__array__]
 2. No NumPy array, NumPy scalar or list meets an array.  CuPy refuses arrays and lists, too
    («Unsupported type»); it takes NumPy scalars, and host arrays as an index.  We refuse these:
    scalars bring their own precision, host arrays an upload.  [CuPy and NumPy differ: «Universal
    functions only work with CuPy array or scalar»; _core/_kernel.pyx, _preprocess_args]
 3. No NumPy function on an array.  CuPy would dispatch some of them; which ones is nothing to
    rely on.  [cupy.ndarray.__array_ufunc__, __array_function__]
 4. Only names, parameters and keywords that CuPy has.  [cupy_surface.json, recorded]
 5. No `__index__`: `range(a)` and a shape from an array raise.  [recorded: it has none]  So does
    (ours) a slice; CuPy takes int(a), and waits.  [_core/internal.pyx, _extract_slice_element]
 6. Integers in an index array wrap around, in take_along_axis too.  [differ: «Out-of-bounds
    indices»; _core/_routines_indexing.pyx, _take_kernel and _prepare_array_indexing]
 7. An assignment that names a place twice raises; CuPy leaves the value undefined.
    [cupy.ndarray.__setitem__, last note; differ: «Duplicate values in indices»]
 8. `empty` holds nan, or the lowest integer: what nobody wrote shows.  [cupy.empty]
 9. `ufunc.reduce` for add and multiply alone; (ours) no accumulate, reduceat, at, outer.
    [cupy.maximum.reduce: «`cupy_maximum.reduce` is not supported yet»]
10. A reduction is a 0-d array, never a scalar.  [differ: «Reduction methods»]
11. Sorting is stable, and no other kind is known; searchsorted wants its first argument on the
    device, and (ours) ascending, where CuPy is undefined.  [_sorting/sort.py, search.py]
12. No long double, no objects, no strings.  [cupy.zeros(3, "g"): «Unsupported dtype float128»]
13. Floating-point events are silent: no RuntimeWarning.  [CuPy has no errstate: recorded]
14. Whatever makes the host wait is counted (`count_syncs`): bool, int, float, complex, item,
    tolist, get, asnumpy, printing, a boolean index (read or written), nonzero, flatnonzero,
    one-argument where, unique, bincount, and every other function whose documentation or source
    says «synchronize».  [recorded; _core/_routines_indexing.pyx, _prepare_mask_indexing_single]
15. No expm1, log1p, log2, arctan2, logaddexp, hypot of complex numbers: the kernels are listed, but
    the device's complex headers have no such functions, and CuPy's tests leave complex out.
    [_core/include/cupy/complex/complex.h; tests/cupy_tests/math_tests/test_explog.py]
16. Of several nan argmax and argmin answer the last, NumPy the first.  CuPy keeps the left one of
    two, in the order in which its threads meet.  [_core/_routines_statistics.pyx, my_argmax_float]

Uploads (`asarray` of a NumPy array) are free: they do not make the host wait.
"""
import numpy as _np

from .arrays import SURFACE as _SURFACE
from .arrays import RepeatedIndex, ndarray
from .functions import REFUSED as _REFUSED
from .functions import SPECIAL as _SPECIAL
from .functions import Ufunc as _Ufunc
from .functions import plain_function as _plain_function
from .syncs import count_syncs

__all__ = ["RepeatedIndex", "count_syncs", "ndarray"]


def __getattr__(name):
    """CuPy's `name`, made when it is first asked for."""
    entry = _SURFACE["functions"].get(name)
    if name in _SPECIAL:
        made = _SPECIAL[name]
    elif entry is None or name.startswith("_"):
        raise AttributeError(f"module 'cupy' has no attribute {name!r}")
    elif name in _REFUSED:
        raise NotImplementedError(f"cupy.{name}: {_REFUSED[name]}")
    elif entry["kind"] == "ufunc":
        made = _Ufunc(name)
    elif entry["kind"] == "function" and entry["signature"]:
        made = _plain_function(name)
    elif entry["kind"] == "type" or isinstance(getattr(_np, name), (float, type(None))):
        made = getattr(_np, name)           # float64, int64, dtype, inf, nan, pi, newaxis
    else:
        raise NotImplementedError(f"cupy.{name} is not modelled")
    globals()[name] = made
    return made
