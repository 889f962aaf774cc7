"""The layer from and to `torch.nn.AdaptiveLogSoftmaxWithLoss`, bit for bit."""
import numpy as np

from npadasoft.adaptive import AdaptiveLogSoftmaxWithLoss
from npadasoft.arrays import to_numpy


def from_torch(module, *, ignore_index=None, reduction="mean"):
    """The layer with the weights of a PyTorch module, from any device.

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
    ValueError
        If the module holds more or other arrays than the layer does, biases in its tails say.
    """
    state = {name: tensor.detach().cpu() for name, tensor in module.state_dict().items()}
    return AdaptiveLogSoftmaxWithLoss.from_state_dict(
        state, div_value=module.div_value, ignore_index=ignore_index, reduction=reduction)


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
