#!/usr/bin/env bash
# Make the files of other frameworks in this folder anew, each in a venv with the versions they came from: ./remake.sh [NAME...]
# Python 3.11, for nnabla python3.10; tinygrad compiles by clang.  The files of PyTorch, fairseq, Transformer-XL, gluon-nlp, Paddle's .npz and libtorch: the write_*.py beside it say how.
set -euo pipefail
cd "$(dirname "$0")"
declare -A needs=(
  [flax]="flax==0.12.8 jax==0.10.2"
  [keras]="keras==3.15.1 jax==0.10.2 h5py==3.16.0"
  [h5py]="h5py==3.16.0"
  [chainer]="numpy==1.23.5 chainer==7.8.1"
  [mlx]="mlx[cpu]==0.32.4 numpy==2.4.6"
  [paddle]="paddlepaddle==3.3.1"
  [mxnet]="numpy==1.23.5 mxnet==1.9.1"
  [mindspore]="numpy==1.26.4 mindspore==2.7.0"
  [nnabla]="numpy==1.26.4 nnabla==1.39.0"
  [tinygrad]="numpy==2.4.6 tinygrad==0.14.0"
  [safetensors]="safetensors==0.8.0 torch==2.13.0 numpy==2.4.6"
)
folder=$(mktemp -d)
for name in "${@:-${!needs[@]}}"; do
  for one in $name; do
    $([ "$one" = nnabla ] && echo python3.10 || echo python3) -m venv "$folder/$one"
    [ "$one" != chainer ] || "$folder/$one/bin/pip" install -q 'setuptools<60' wheel
    # shellcheck disable=SC2086
    "$folder/$one/bin/pip" install -q $([ "$one" = chainer ] && echo --no-build-isolation) ${needs[$one]}
    CACHEDB=$folder/tinygrad.db "$folder/$one/bin/python" write_others.py "$one"
    echo "$one: written"
  done
done
