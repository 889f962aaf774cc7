"""What may come in: every refusal of the layer's calls, with the value and the bound in its text.

A check answers the array in the form that the mathematics wants, or raises; nothing is changed
before all checks have passed.  Where PyTorch has a text for a refusal, it is PyTorch's.
"""
from npadasoft.arrays import (array_namespace, as_array, epsilon, is_floating, result_type,
                              working_type)


def targets(target, xp):
    """`target` as an integer array of any shape."""
    target = as_array(target, xp)
    if target.dtype.kind not in "iu":
        raise TypeError(f"target should hold integers, but found {target.dtype}")
    return target


def floats(name, value, layer_dtype, xp):
    """`value` as a floating-point array of the layer's precision."""
    value = as_array(value, xp)
    if not is_floating(value.dtype):
        raise TypeError(f"{name} should hold floating-point numbers, but found {value.dtype}")
    if epsilon(value.dtype) != epsilon(layer_dtype):
        raise mixed(name, value.dtype, layer_dtype)
    return value


def mixed(name, dtype, layer_dtype):
    """The error of an array whose precision is not the layer's."""
    return TypeError(f"{name} is {dtype} but the layer is {layer_dtype}: "
                     "precisions are not mixed, convert one of them")


def batch(input, target, in_features):
    """Shapes of a call of `forward`: `input` must be (*target.shape, D)."""
    if target.ndim == 1 and input.ndim >= 1 and input.shape[0] != target.shape[0]:
        raise ValueError("Input and target should have the same size in the batch dimension. "
                         f"Found {input.shape[0]} and {target.shape[0]}.")
    if target.ndim == 1 and input.ndim != 2:
        raise ValueError("1D target tensor expects 2D input tensors, "
                         f"but found inputs with size {input.shape}")
    if target.ndim == 0 and input.ndim != 1:
        raise ValueError("0D target tensor expects 1D input tensors, "
                         f"but found inputs with size {input.shape}")
    if target.shape != input.shape[:-1]:
        raise ValueError(f"target with size {target.shape} expects inputs with size "
                         f"{(*target.shape, in_features)}, "
                         f"but found inputs with size {input.shape}")


def features(input, in_features):
    """The last axis of `input` must hold `in_features` numbers."""
    if input.ndim == 0 or input.shape[-1] != in_features:
        raise ValueError(f"input should have {in_features} features in its last axis, "
                         f"but found inputs with size {input.shape}")


def upstream(name, value, other, shape, dtype, xp):
    """The gradient `value` of something that has the given shape, in the precision to compute in.

    A scalar stands for itself where the shape is (), and never widens a result.
    """
    array_namespace(value, xp.zeros(0))
    value = as_array(value, xp)
    if value.ndim == 0 and value.dtype.kind in "iufc":
        wide = working_type(dtype)
        value = value.astype(result_type(wide, "complex64") if value.dtype.kind == "c" else wide)
    else:
        value = floats(name, value, dtype, xp)
        value = value.astype(working_type(value.dtype), copy=False)
    if value.shape != shape:
        raise ValueError(f"Mismatch in shape: {name} has a shape of {value.shape} "
                         f"and {other} has a shape of {shape}.")
    return value


def writable(leaves, shapes, dtype, read):
    """Arrays `leaves`, by path, must be such that a result can be written into them.

    Parameters
    ----------
    leaves : mapping from str to array
    shapes : mapping from str to tuple
        Shape of the result at each path.
    dtype : dtype
        Of the result.
    read : mapping from str to array_like
        What they may not overlap in memory, beside each other: from the first number to the last.
    """
    if leaves.keys() != shapes.keys():
        raise ValueError(f"out should hold {', '.join(shapes)}, but found {', '.join(leaves)}")
    xp = array_namespace(*read.values(), *leaves.values())
    for path, leaf in leaves.items():
        if not isinstance(leaf, xp.ndarray):
            raise TypeError(f"{path} of out should be an array, but found {type(leaf).__name__}")
        if leaf.dtype != dtype:
            raise TypeError(f"{path} of out should be {dtype}, but found {leaf.dtype}")
        if leaf.shape != shapes[path]:
            raise ValueError(f"{path} of out should have shape {shapes[path]}, "
                             f"but found {leaf.shape}")
        if not leaf.flags.c_contiguous:
            raise ValueError(f"{path} of out should be C-contiguous, but it is not")
        if not getattr(leaf.flags, "writeable", True):                      # CuPy's always are
            raise ValueError(f"{path} of out should be writeable, but it is read-only")
    taken = {name: value if isinstance(value, xp.ndarray) else as_array(value, xp)
             for name, value in read.items()}
    for path, leaf in leaves.items():
        for name, other in taken.items():
            if xp.may_share_memory(leaf, other):
                raise ValueError(f"{path} of out overlaps {name} in memory")
        taken[f"{path} of out"] = leaf
