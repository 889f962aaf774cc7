"""Weights in files: safetensors, npz, PyTorch's .pt, and what other frameworks write.

`read` and `write` deal in mappings of names to arrays, `load` and `save` in layers.  Reading
decides by what is in the file, writing by the name's ending.  A file is data from a stranger:
reading runs nothing, allocates no more than a small multiple of the file's size, and refuses what
is not exactly as the format says.
"""
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from npadasoft.adaptive import AdaptiveLogSoftmaxWithLoss
from npadasoft.arrays import array_namespace, from_foreign, to_numpy
from npadasoft.interop import finding, npz_file, safetensors_file
from npadasoft.interop.common import FREE, MULTIPLE, WeightFileError, replacing, shown
from npadasoft.interop.folding import fold, refuse_quantized
from npadasoft.interop.opening import opened

_WRITERS = {".safetensors": safetensors_file.write, ".npz": npz_file.write}


def read(path, *, entry=None, prefix="", partial=False, max_bytes=None):
    """The arrays of a file of weights, by name.

    Parameters
    ----------
    path : path
        A file of one of the kinds in this package's README; the content decides which.  Of weights
        in several files, the index (`model.safetensors.index.json`).
    entry : str, optional
        In a .pt file that holds dicts in a dict (a checkpoint): the one to read.
    prefix : str
        Only names that begin with it are read, and come without it.  What stands beside them may be
        anything.
    partial : bool
        Leave out what cannot be read as an array, instead of refusing the file.
    max_bytes : int, optional
        What all arrays together may take.  Default: 16 times the file's size and 64 MiB, so that a
        small file cannot fill the memory.

    Returns
    -------
    dict of str to array
        In the file's order, writable, C order but for Fortran arrays of an .npz, the machine's byte
        order.  bfloat16 and the 8-bit floats come as float32, which holds them exactly.  Names that
        are tied in the file (one storage, seen in one way) have one array.  An `_extra_state` that
        is no tensor is left out.

    Raises
    ------
    WeightFileError
        A ValueError that says what is wrong with the file.
    OSError
        If it cannot be opened.

    Examples
    --------
    >>> import tempfile, os
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "weights.safetensors")
    ...     write(path, {"a": np.arange(6.0).reshape(2, 3).T})
    ...     read(path)["a"].tolist()
    [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]
    """
    with opened(path, entry) as (found, size):
        return _arrays(found, size, prefix, partial, max_bytes)


def _arrays(found, size, prefix, partial, max_bytes):
    """The arrays of what was found under `prefix`, within the bound."""
    wanted = {name: item for name, item in under(found.items, prefix).items()
              if item.make or not finding.is_extra(name)}
    if not partial:
        _refuse_unreadable(found, wanted)
    wanted = {name: item for name, item in wanted.items() if item.make}
    keys = {name: name if item.key is None else item.key for name, item in wanted.items()}
    total = sum({keys[name]: item.n_bytes for name, item in wanted.items()}.values())
    allowed = MULTIPLE * size + FREE if max_bytes is None else max_bytes
    if total > allowed:
        raise WeightFileError(f"the arrays take {total} bytes, more than the {allowed} allowed for "
                              f"a file of {size}: max_bytes= says another bound")
    made: dict = {}
    for name, item in wanted.items():
        if keys[name] not in made:
            made[keys[name]] = item.make()
    return {name: made[keys[name]] for name in wanted}


def _refuse_unreadable(found, wanted):
    """Raise if something wanted cannot be read: what, why, and the way on."""
    bad = [item.why for item in wanted.values() if not item.make]
    if not bad:
        return
    more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
    if found.entries:
        way = f"; entry= may name one of {', '.join(map(shown, found.entries[:5]))}"
    else:
        way = "; prefix= reads a part of the names, partial=True what can be read"
    raise WeightFileError(f"{bad[0]}{more}{way}")


def write(path, state):
    """Write arrays by name to a .safetensors or .npz file, atomically.

    Arrays may have any strides and any byte order; of arrays of another library (CuPy, PyTorch) a
    copy on the host is written.  The file under `path` is replaced only when the new one is
    complete and on disk.

    Raises
    ------
    ValueError, TypeError
        For another ending, a name that is no text, or an array that holds no plain numbers.
    """
    suffix = Path(path).suffix
    if suffix not in _WRITERS:
        raise ValueError(f"files are written as {' or '.join(_WRITERS)}, not {suffix!r}")
    if not isinstance(state, Mapping):
        raise TypeError(f"state should be a mapping of names to arrays, but found {type(state)}")
    arrays = {_name(name): _plain(name, value) for name, value in state.items()}
    with replacing(path) as file:
        _WRITERS[suffix](file, arrays)


def _name(name):
    if not isinstance(name, str) or name == "__metadata__":
        raise ValueError(f"an array cannot have the name {name!r}")
    name.encode("utf-8")        # a lone surrogate has no place in any of the formats
    return name


def _plain(name, value):
    """`value` as a NumPy array of numbers."""
    array, = from_foreign(value)
    array = array if array_namespace(array) is np else to_numpy(array)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"{name} is {array.dtype}, which holds no plain numbers")
    return array


def save(layer, path):
    """Write a layer's weights under PyTorch's names; see `write`."""
    write(path, layer.state_dict())


def load(path, *, entry=None, prefix="", partial=False, max_bytes=None, div_value=None,
         ignore_index=None, reduction="mean"):
    """The layer whose weights a file holds under PyTorch's names.

    Parameters
    ----------
    path, entry, partial, max_bytes
        As for `read`.
    prefix : str
        Of the layer's names in the state of a whole model, "decoder.softmax." for example; "auto"
        is the one under which there is a layer, if it is the only one.
    div_value, ignore_index, reduction
        As for `AdaptiveLogSoftmaxWithLoss.from_state_dict`: no file holds them.

    Raises
    ------
    WeightFileError
        If there is no layer; the message says under which names there is one.

    Notes
    -----
    Weights under a weight norm, a spectral norm or a pruning of PyTorch are made whole
    (`folding.fold` says to what rounding), and `_extra_state` is left out.

    Examples
    --------
    >>> import tempfile, os
    >>> asm = AdaptiveLogSoftmaxWithLoss(4, 6, cutoffs=[2, 4], div_value=2.0, rng=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(asm, os.path.join(folder, "weights.npz"))
    ...     load(os.path.join(folder, "weights.npz"), div_value=2.0)
    AdaptiveLogSoftmaxWithLoss(4, 6, cutoffs=[2, 4], div_value=2.0, head_bias=False, dtype=float64)
    """
    with opened(path, entry) as (found, size):
        shapes = {name: item.shape for name, item in found.items.items() if item.make}
        if prefix == "auto" and (found_at := list(finding.layers(shapes))) and len(found_at) == 1:
            prefix, = found_at
        if finding.layer(under(shapes, prefix))[0] is None:
            raise WeightFileError(f"there is no layer in {ascii(str(path))}{_at(entry, prefix)}: "
                                  f"{_advice(path, found, shapes, prefix)}")
        state = _arrays(found, size, prefix, partial, max_bytes)
    state = {name: array for name, array in state.items() if not finding.is_extra(name)}
    return AdaptiveLogSoftmaxWithLoss.from_state_dict(
        fold(state), div_value=div_value, ignore_index=ignore_index, reduction=reduction)


def _at(entry, prefix):
    """The two arguments, as they were given."""
    given = {"entry": entry, "prefix": prefix or None}
    said = ", ".join(f"{name}={ascii(value)}" for name, value in given.items() if value is not None)
    return f" at {said}" if said else ""


def _advice(path, found, shapes, prefix):
    """Where the layer is instead: in another dict of the file, under another prefix, or nowhere."""
    places = [_at(entry, prefix) for entry, prefix in places_of_layers(path, found.entries)]
    if places:
        return f"there is one{' and one'.join(places[:5])}"
    try:
        refuse_quantized(found.items)
    except ValueError as error:
        return str(error)
    bad = [item.why for name, item in under(found.items, prefix).items() if not item.make]
    why = finding.advice(shapes, "" if prefix == "auto" else prefix)
    return f"{why}; {bad[0]}" if bad else why


def places_of_layers(path, entries):
    """(entry, prefix) of the layers in the dicts of a file."""
    for entry in entries[:20]:
        with opened(path, entry) as (inner, _):
            shapes = {name: item.shape for name, item in inner.items.items() if item.make}
            yield from ((entry, prefix) for prefix in finding.layers(shapes))


def under(state, prefix):
    """The part of `state` whose names begin with `prefix`, without it.

    Examples
    --------
    >>> under({"a.w": 1, "b.w": 2}, "a.")
    {'w': 1}
    """
    return {name[len(prefix):]: value for name, value in state.items() if name.startswith(prefix)}
