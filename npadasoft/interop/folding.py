"""Weights that a parametrization of PyTorch keeps in parts, made whole again.

    pruning           W · mask          weight_orig, weight_mask
    weight norm       g v / ‖v‖         weight_g, weight_v; or parametrizations.weight.original0, 1
    spectral norm     W / (uᵀ W v)      weight_orig, weight_u, weight_v; or parametrizations.weight
                                        .original, .0._u, .0._v

‖v‖ runs over all axes but that along which g has numbers.  u and v of a spectral norm are those
that were stored, as the module takes them in eval(); W is a matrix, normalised along its first axis
as that of a linear layer is.  A mask multiplies without rounding.  The two norms are computed in
float64 (in the type itself where it is wider) and rounded once: an entry is within one unit
roundoff u of exact, and PyTorch's own, of sums in the type itself, within about n u for n summands.

[torch/nn/utils: prune.py, weight_norm.py, spectral_norm.py, parametrizations.py, 2.13]
"""
from collections.abc import Callable

import numpy as np


def fold(state, make=True):
    """The state with its parts made whole.

    Parameters
    ----------
    state : mapping from str to array
    make : bool
        If false, a whole is not computed: the array of its shape stands for it.

    Returns
    -------
    dict of str to array
        A state without parts as it was, in its order; wholes at the end.

    Raises
    ------
    ValueError
        For quantized weights, and for a parametrization that is none of the above.

    Examples
    --------
    >>> whole = fold({"a.weight_g": np.array([[10.0]]), "a.weight_v": np.array([[3.0, 4.0]])})
    >>> whole["a.weight"].tolist()
    [[6.0, 8.0]]
    """
    refuse_quantized(state)
    found = dict(state)
    for ending, others, function, main in _RULES:
        for name in [name for name in found if name.endswith(ending)]:
            stem = name.removesuffix(ending)
            parts = [stem + part for part in (ending, *others)]
            whole = _whole(stem, ending)
            if whole is None or not all(part in found for part in parts):
                continue
            arrays = [found.pop(part) for part in parts]
            if whole in found:
                raise ValueError(f"{whole!r} stands beside its own parts, {name!r} and others")
            found[whole] = function(whole, *arrays) if make else arrays[main]
    for name in found:
        if "parametrizations." in name:
            raise ValueError(f"{name!r} is part of a parametrization that is not known: remove it "
                             "by torch.nn.utils.parametrize.remove_parametrizations, and save anew")
    return found


def refuse_quantized(names):
    """Raise if a name is one of torch.ao.quantization's."""
    for name in names:
        if "_packed_params" in name:
            raise ValueError(f"{name!r} is of a module of torch.ao.quantization, which packs its "
                             "weights in 8 bits: take the module from before quantize_dynamic")


def _whole(stem, ending):
    """The name of what a part belongs to: m.weight of m.weight_g, and of m.parametrizations.weight.
    """
    if ending[0] == "_":
        return stem
    module, found, name = stem.rpartition("parametrizations.")
    return module + name if found and name and "." not in name else None


def _pruned(name, original, mask):
    if original.shape != mask.shape:
        raise ValueError(f"{name!r} has the shape {original.shape} and a mask of {mask.shape}")
    return (original * mask).astype(original.dtype)


def _weight_norm(name, g, v):
    """g v / ‖v‖."""
    axes = tuple(i for i in range(v.ndim) if g.ndim != v.ndim or g.shape[i] == 1)
    if g.ndim not in (0, v.ndim) or g.ndim and any(
            g.shape[i] not in (1, v.shape[i]) for i in range(v.ndim)):
        raise ValueError(f"{name!r} has a direction of shape {v.shape} and sizes of {g.shape}")
    wide = np.result_type(v, np.float64)
    v_wide = v.astype(wide)
    norm = np.sqrt(np.sum(v_wide * v_wide, axis=axes, keepdims=True))
    with np.errstate(divide="ignore", invalid="ignore"):    # a direction of zeros is nan there, too
        scale = g.astype(wide).reshape(g.shape or (1,) * v.ndim) / norm
        return (v_wide * scale).astype(v.dtype)


def _spectral_norm(name, original, u, v):
    """W / (uᵀ W v)."""
    if original.ndim != 2 or u.shape != original.shape[:1] or v.shape != original.shape[1:]:
        raise ValueError(f"{name!r} has the shape {original.shape} and a spectral norm of "
                         f"{u.shape} and {v.shape}, which is not that of a linear layer")
    wide = original.astype(np.result_type(original, np.float64))
    return (wide / (u @ wide @ v)).astype(original.dtype)


_RULES: list[tuple[str, tuple[str, ...], Callable, int]] = [
    # the ending of a part; of its companions; what makes a whole; which has its shape
    ("_orig", ("_mask",), _pruned, 0),
    ("_g", ("_v",), _weight_norm, 1),
    ("_orig", ("_u", "_v"), _spectral_norm, 0),
    (".original0", (".original1",), _weight_norm, 1),
    (".original", (".0._u", ".0._v"), _spectral_norm, 0),
]
