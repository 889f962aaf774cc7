#!/usr/bin/env bash
# PyTorch's C++ layer: the loss of AdaptiveLogSoftmaxWithLoss cannot be differentiated.
#
# Guess: ASMoutput has two tensors, as the named tuple of Python has, and .loss.backward() works.
# What happens: loss is a C++ double, so there is nothing to call backward on; one has to take
# -output.mean() instead. Needs g++; the program is compiled (a static_assert), not run.
# torch 2.13.0 (its wheel has the headers), g++ 12, Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile torch==2.13.0 numpy==2.4.6 setuptools || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import subprocess

import torch
from torch.utils import cpp_extension

print(f"torch {torch.__version__}")
SOURCE = """
#include <torch/torch.h>
static_assert(std::is_same<decltype(torch::nn::ASMoutput::loss), double>::value, "mended");
"""
paths = [f"-I{p}" for p in cpp_extension.include_paths()]
done = subprocess.run(["g++", "-std=c++20", "-w", "-fsyntax-only", *paths, "-x", "c++", "-"],
                      input=SOURCE, text=True, capture_output=True)
if done.returncode:
    raise SystemExit(f"the behaviour has changed, or it does not compile:\n{done.stderr[-600:]}")
print("torch::nn::ASMoutput::loss is a double")
END
