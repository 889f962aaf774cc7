#!/usr/bin/env bash
# Paddle: load(path, return_numpy=True) of a bfloat16 tensor gives integers: 16256 for 1.0.
#
# Guess: NumPy has no bfloat16, so that it comes as float32, or is refused.
# Happens: the array is uint16, the bits of the numbers; nothing in it says so.  Without
#          return_numpy the tensor is right.
# Versions: paddlepaddle 3.3.1, Python 3.11.  Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile paddlepaddle==3.3.1 || exit 2
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PY'
import sys
import paddle

paddle.save({"w": paddle.to_tensor([1.0, 2.5]).astype("bfloat16")}, "w.pdparams")
tensor = paddle.load("w.pdparams")["w"]
array = paddle.load("w.pdparams", return_numpy=True)["w"]
print("paddlepaddle", paddle.__version__)
print("as a tensor      ", tensor.dtype, tensor.astype("float32").tolist())
print("return_numpy=True", array.dtype, array.tolist())
bits = array.dtype == "uint16" and array.tolist() == [16256, 16416]
print("return_numpy=True gave the bits as integers, and said nothing" if bits else "CHANGED")
sys.exit(0 if bits else 1)
PY
