"""Weights in and out: files, PyTorch, other frameworks' layouts, ONNX.

    files.py       read, write, load, save: safetensors, npz; reading only: the kinds of README.md
    describe.py    what stands in a file, and which layer it would make; also `npadasoft weights`
    torch.py       from_torch, to_torch: PyTorch's module
    layouts.py     Paddle, fairseq, Lua, libtorch: in and out, no number changes
    projected.py   Transformer-XL, TransfoXL, gluon-nlp, keras-adaptive-softmax, tied fairseq: in
    inputs.py      adaptive inputs of fairseq, Transformer-XL, TransfoXL, gluon-nlp: in
    onnx.py        to_onnx: log_prob, predict, output and loss as an ONNX file

How a file is read: `opening` tells its kind by the first bytes (`kinds`) and hands it to the reader
of that kind, which answers a `Found` of names, shapes and where the numbers are; `files` takes what
was asked for.  `folding` makes parametrized weights whole, `finding` knows where the layer is.
"""
from npadasoft.interop.common import WeightFileError
from npadasoft.interop.describe import describe
from npadasoft.interop.files import load, read, save, under, write
from npadasoft.interop.onnx import to_onnx
from npadasoft.interop.torch import from_torch, to_torch

__all__ = ["WeightFileError", "describe", "from_torch", "load", "read", "save", "to_onnx",
           "to_torch", "under", "write"]
