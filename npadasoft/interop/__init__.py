"""Weights in and out: files, PyTorch, other frameworks' layouts, ONNX.

    files.py       read, write, load, save: safetensors, npz; reading only: PyTorch's .pt
    torch.py       from_torch, to_torch: PyTorch's module
    layouts.py     Paddle, fairseq, Lua, libtorch: in and out, no number changes
    projected.py   Transformer-XL, Hugging Face's TransfoXL, gluon-nlp, tied fairseq: in only
    onnx.py        to_onnx: log_prob, predict, output and loss as an ONNX file
"""
from npadasoft.interop.common import WeightFileError
from npadasoft.interop.files import load, read, save, under, write
from npadasoft.interop.onnx import to_onnx
from npadasoft.interop.torch import from_torch, to_torch

__all__ = ["WeightFileError", "from_torch", "load", "read", "save", "to_onnx", "to_torch", "under",
           "write"]
