"""Adaptive log-softmax in NumPy, with its gradients derived by hand.

The files, in reading order:

    reference.py     the definition: one example, plain Python, any number type
    cutoffs.py       which class lives where, which row goes where
    functional.py    linear map, log-softmax, choice; and the backward of each
    adaptive.py      the layer: forward, backward, log_prob and its backward
    fused.py         the training path: loss and gradients in blocks
    search.py        predict, topk, sample
    passes.py        exp, max and sum over rows on all cores
    adaptive_input.py   the embedding cut by the same cutoffs
    tying.py         one array in the softmax and in the input
    tangents.py      forward mode and second order: jvp, hvp, gnvp
    parameters.py    weights, gradients and directions are one typed tree
    arrays.py        which library owns these arrays (NumPy or CuPy)
    checks.py        what may come in, and the refusals

Beside the layer: `planning` (class counts to cutoffs), `gradcheck` (is this gradient right?),
`conformance` (is this port right, and what is its mistake called?), `interop` (weights in and out),
`training` (a language model on real text), `bench`.
"""
from npadasoft._version import __version__
from npadasoft.adaptive import AdaptiveLogSoftmaxWithLoss, Cache, Gradients, Output, TopK
from npadasoft.cutoffs import Cutoffs
from npadasoft.parameters import Cluster, Linear, Parameters

__all__ = ["AdaptiveLogSoftmaxWithLoss", "Cache", "Cluster", "Cutoffs", "Gradients", "Linear",
           "Output", "Parameters", "TopK", "__version__"]
