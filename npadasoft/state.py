"""The layer's arrays in and out, under the names of PyTorch's `state_dict`.

    D in_features   K = s + J columns of the head   H_i, O_i hidden size and classes of tail i

The first four functions are methods of the layer.
"""
import copy
from collections.abc import Mapping

import numpy as np

from npadasoft import checks
from npadasoft.arrays import array_namespace, as_array, from_foreign, is_floating, result_type
from npadasoft.cutoffs import Cutoffs, divisor, hidden_sizes, integer
from npadasoft.parameters import Parameters


def state_dict(layer):
    """The weights under PyTorch's names, copied."""
    xp = array_namespace(layer._parameters.head.weight)
    return {path: as_array(leaf.copy(), xp) for path, leaf in layer._parameters.items()}


def load_state_dict(layer, state_dict):
    """Replace the weights by those of a mapping under PyTorch's names.

    Parameters
    ----------
    state_dict : mapping from str to array
        NumPy arrays, arrays of the layer's library, PyTorch CPU tensors or lists, of the
        layer's dtype or a narrower float.  They are copied.

    Raises
    ------
    ValueError
        If a key is missing, unexpected or of another shape: all are named, and the layer is
        unchanged.
    TypeError
        If it is no mapping, or a dtype or a library does not fit.
    """
    arrays = _arrays_of(state_dict)
    refuse(errors({path: a.shape for path, a in arrays.items()}, layer._shapes()))
    weight, dtype = layer._parameters.head.weight, layer.dtype
    xp = array_namespace(weight)
    array_namespace(weight, *(a for a in arrays.values() if not isinstance(a, np.ndarray)))
    for path, array in arrays.items():
        if not is_floating(array.dtype) or result_type(array.dtype, dtype) != dtype:
            raise checks.mixed(path, array.dtype, dtype)
    layer._parameters = Parameters.from_items(
        {path: xp.array(arrays[path], dtype=dtype) for path in layer._shapes()})


def from_state_dict(cls, state_dict, *, div_value=None, ignore_index=None, reduction="mean"):
    """A layer whose sizes, cutoffs and dtype are read off the arrays of a `state_dict`.

    Parameters
    ----------
    state_dict : mapping from str to array
        Under PyTorch's names, of one library, which will be the layer's; lists go with them.
    div_value : float, optional
        If given, the hidden sizes must follow it; else any are taken and the attribute is None.
    ignore_index, reduction
        As for the class.

    Returns
    -------
    AdaptiveLogSoftmaxWithLoss

    Raises
    ------
    ValueError, TypeError
        If the arrays do not make a layer.
    """
    arrays = _arrays_of(state_dict)
    in_features, cuts, hidden = sizes({path: a.shape for path, a in arrays.items()})
    layer = cls.__new__(cls)
    in_features = integer("in_features", in_features, minimum=1)
    layer._configure(in_features, Cutoffs(cuts[:-1], cuts[-1]), "head.bias" in arrays,
                     "tail.0.1.bias" in arrays, ignore_index, reduction)
    layer.div_value, layer.hidden_sizes = None, hidden
    if div_value is not None:
        layer.div_value = divisor(div_value)
        layer.hidden_sizes = hidden_sizes(in_features, layer.div_value, layer._cutoffs,
                                          layer.tail_bias)
    leaves = {path: array.copy() for path, array in arrays.items()}
    refuse(errors({path: a.shape for path, a in leaves.items()}, layer._shapes()))
    return layer.with_parameters(Parameters.from_items(leaves))


def with_parameters(layer, parameters):
    """Another layer with the same configuration and these weights, uncopied.

    Parameters
    ----------
    parameters : Parameters
        Of one library and one precision; the new layer's dtype is theirs.

    Returns
    -------
    AdaptiveLogSoftmaxWithLoss

    Raises
    ------
    ValueError, TypeError
        If a shape, a dtype or a library does not fit.
    """
    leaves = dict(parameters.items())
    array_namespace(*leaves.values())
    refuse(errors({path: leaf.shape for path, leaf in leaves.items()}, layer._shapes()))
    for path, leaf in leaves.items():
        checks.floats(path, leaf, leaves["head.weight"].dtype, array_namespace(leaf))
    other = copy.copy(layer)
    other._parameters = parameters
    return other


def _arrays_of(state_dict):
    """The mapping's values as arrays of one library, PyTorch's tensors as NumPy arrays."""
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
    return dict(zip(state_dict, from_foreign(*state_dict.values())))


def shapes(in_features, cutoffs, hidden_sizes, head_bias, tail_bias=False):
    """Path and shape of every array of a layer, in the order of PyTorch's `state_dict`."""
    found: dict[str, tuple[int, ...]] = {"head.weight": (cutoffs.head_size, in_features)}
    if head_bias:
        found["head.bias"] = (cutoffs.head_size,)
    for i, size in enumerate(hidden_sizes):
        found[f"tail.{i}.0.weight"] = (size, in_features)
        found[f"tail.{i}.1.weight"] = (cutoffs.cluster_size(i), size)
        if tail_bias:
            found[f"tail.{i}.1.bias"] = (cutoffs.cluster_size(i),)
    return found


def initial(shapes, rng, dtype):
    """Weights from U(-b, b), b = 1/√fan_in, drawn in float64 in the order of `shapes`.

    A bias takes the bound of its weight.
    """
    leaves = {}
    for path, shape in shapes.items():
        if len(shape) == 2:
            bound = 1 / shape[1] ** 0.5 if shape[1] else 0.0
        leaves[path] = rng.uniform(-bound, bound, shape).astype(dtype)
    return Parameters.from_items(leaves)


def errors(found, wanted):
    """What keeps arrays of shapes `found` from being a state of shapes `wanted`: all of it, or ''.

    Both are mappings from paths to shapes (a wanted None is any shape); the words are PyTorch's.
    """
    def quoted(keys):
        return ", ".join(f'"{key}"' for key in keys)

    missing = [key for key in wanted if key not in found]
    unexpected = [key for key in found if key not in wanted]
    lines = []
    if missing:
        lines.append(f"Missing key(s) in state_dict: {quoted(missing)}.")
    if unexpected:
        lines.append(f"Unexpected key(s) in state_dict: {quoted(unexpected)}.")
    lines += [f"size mismatch for {key}: copying a param with shape {tuple(found[key])} "
              f"from checkpoint, the shape in current model is {shape}."
              for key, shape in wanted.items()
              if key in found and shape is not None and tuple(found[key]) != shape]
    return "".join("\n\t" + line for line in lines)


def sizes(shapes):
    """What the shapes of a `state_dict` say about the layer.

    Parameters
    ----------
    shapes : mapping from str to tuple
        Shape of the array at each path.

    Returns
    -------
    in_features : int
    cutoffs : list of int
        With the number of classes at the end.
    hidden_sizes : tuple of int

    Raises
    ------
    ValueError
        If keys are missing or unexpected, or a weight is no matrix.
    """
    n_clusters = max(1, sum(path.startswith("tail.") and path.endswith(".weight")
                            for path in shapes) // 2)
    weights = ["head.weight", *(f"tail.{i}.{k}.weight" for i in range(n_clusters) for k in (0, 1))]
    wanted = dict.fromkeys(weights)
    biases = ["head.bias"], [f"tail.{i}.1.bias" for i in range(n_clusters)]
    wanted |= {path: None for some in biases if some[0] in shapes for path in some}
    refuse(errors(shapes, wanted))
    refuse("".join(f"\n\t{key} should be a matrix, but found shape {tuple(shapes[key])}"
                   for key in weights if len(shapes[key]) != 2))
    first = shapes["head.weight"][0] - n_clusters
    cutoffs = [first]
    for i in range(n_clusters):
        cutoffs.append(cutoffs[-1] + shapes[f"tail.{i}.1.weight"][0])
    hidden = tuple(shapes[f"tail.{i}.0.weight"][0] for i in range(n_clusters))
    return shapes["head.weight"][1], cutoffs, hidden


def refuse(text):
    """Raise what `errors` found, if anything."""
    if text:
        raise ValueError("Error(s) in loading state_dict for AdaptiveLogSoftmaxWithLoss:" + text)
