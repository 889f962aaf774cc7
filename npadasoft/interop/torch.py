"""The layer from and to `torch.nn.AdaptiveLogSoftmaxWithLoss`, bit for bit."""
import numpy as np

from npadasoft.adaptive import AdaptiveLogSoftmaxWithLoss
from npadasoft.arrays import from_foreign, to_numpy
from npadasoft.interop.finding import is_extra
from npadasoft.interop.folding import fold, refuse_quantized


def from_torch(module, *, ignore_index=None, reduction="mean"):
    """The layer with the weights of a PyTorch module, from any device.

    A module may be compiled, or wrapped for data in parallel or for an average.  Weights under a
    parametrization are those that the module has in eval(); weights that a hook makes (pruning, the
    older norms) are made anew of their parts, see `folding.fold`, because the module's own wait for
    its next call.

    Parameters
    ----------
    module : torch.nn.AdaptiveLogSoftmaxWithLoss
        bfloat16 weights are widened to float32, which holds them exactly.
    ignore_index, reduction
        As for `AdaptiveLogSoftmaxWithLoss`: the module has neither.

    Returns
    -------
    AdaptiveLogSoftmaxWithLoss
        Its arrays are copies.

    Raises
    ------
    TypeError
        If it is another module: one that contains the layer, say.
    ValueError
        If the module holds more or other arrays than the layer does.
    """
    while type(module).__name__ in _WRAPPERS:
        module = getattr(module, _WRAPPERS[type(module).__name__])
    state = {name: tensor.detach().cpu() for name, tensor in _state(module).items()}
    if not hasattr(module, "div_value"):
        raise TypeError("module should be a torch.nn.AdaptiveLogSoftmaxWithLoss, but found "
                        f"{type(module).__name__}")
    arrays = {name: from_foreign(tensor.resolve_conj().resolve_neg())[0]
              for name, tensor in state.items()}
    return AdaptiveLogSoftmaxWithLoss.from_state_dict(
        fold(arrays), div_value=module.div_value, ignore_index=ignore_index, reduction=reduction)


_WRAPPERS = {"OptimizedModule": "_orig_mod", "DistributedDataParallel": "module",
             "DataParallel": "module", "AveragedModel": "module"}


def _state(module):
    """The module's tensors by name; what stands under a parametrization as the module takes it."""
    state = module.state_dict()
    refuse_quantized(state)
    parametrized = {path: part for path, part in module.named_modules()
                    if "parametrizations" in dict(part.named_children())}
    training = {part: part.training for part in module.modules()}
    try:
        module.eval()               # a spectral norm in training moves on when it is looked at
        for path, part in parametrized.items():
            for name in part.parametrizations:
                start = f"{path}.parametrizations.{name}." if path else f"parametrizations.{name}."
                state = {key: value for key, value in state.items() if not key.startswith(start)}
                state[f"{path}.{name}" if path else name] = getattr(part, name)
    finally:
        for part, mode in training.items():
            part.training = mode
    return {name: value for name, value in state.items() if not is_extra(name)}


def to_torch(layer):
    """A PyTorch module with the layer's weights, on the CPU and in the layer's dtype.

    Parameters
    ----------
    layer : AdaptiveLogSoftmaxWithLoss
        ignore_index and reduction have no place in the module and must be the defaults.

    Returns
    -------
    torch.nn.AdaptiveLogSoftmaxWithLoss
        Its tensors are copies.  Of a layer whose hidden sizes follow no div_value the module has
        the same sizes, and None for its div_value.

    Raises
    ------
    ValueError
        If PyTorch's module cannot hold the layer.
    ImportError
        Without PyTorch.
    """
    torch = _torch()
    if layer.ignore_index is not None or layer.reduction != "mean":
        raise ValueError("PyTorch's module has no ignore_index and always takes the mean, but "
                         f"found {layer.ignore_index} and {layer.reduction!r}")
    if layer.dtype == np.longdouble and np.dtype(np.longdouble).itemsize > 8:
        raise ValueError(f"PyTorch has no dtype for {layer.dtype}")
    module = torch.nn.AdaptiveLogSoftmaxWithLoss(       # "meta": sizes, and no memory
        layer.in_features, layer.n_classes, list(layer.cutoffs[:-1]), 1.0, layer.head_bias,
        device="meta")
    module.div_value = layer.div_value
    parameters = layer.parameters
    module.head = _linear(torch, parameters.head)
    module.tail = torch.nn.ModuleList(
        torch.nn.Sequential(_linear(torch, cluster.projection), _linear(torch, cluster.output))
        for cluster in parameters.tail)
    return module


def _linear(torch, linear):
    """`torch.nn.Linear` with a copy of the weights."""
    n_out, n_in = linear.weight.shape
    module = torch.nn.Linear(n_in, n_out, bias=linear.bias is not None, device="meta")
    module.weight = torch.nn.Parameter(torch.from_numpy(to_numpy(linear.weight)))
    if linear.bias is not None:
        module.bias = torch.nn.Parameter(torch.from_numpy(to_numpy(linear.bias)))
    return module


def _torch():
    try:
        import torch
    except ImportError:
        raise ImportError("PyTorch is not installed: pip install torch") from None
    return torch
