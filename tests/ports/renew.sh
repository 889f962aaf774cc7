#!/usr/bin/env bash
# Renew rows of `npadasoft ports`, each in a fresh environment: tests/ports/renew.sh ROW...
#
#   tests/ports/renew.sh torch mlx                    into the rows of this checkout
#   STATE=new.json tests/ports/renew.sh torch         into a file; then npadasoft ports --diff new.json
#   PYTHON=python3.13 PINS= tests/ports/renew.sh jax  with another Python, and the newest versions
#
# A row's packages stand below, with the versions that its row was made with; files of projects that
# cannot be imported as a whole are put under build/peers.
set -euo pipefail
cd "$(dirname "$0")/../.."
peers=build/peers

packages() {            # of a row, for pip
    case $1 in
        ours) echo "numpy==2.4.6" ;;
        torch | torch-compile | torch-inductor) echo "torch==2.13.0 numpy==2.4.6" ;;
        torch-newest) echo "torch numpy" ;;
        libtorch) echo "torch==2.13.0 numpy==2.4.6 setuptools" ;;
        fairseq | transfo-xl | transfo-xl-default | transfo-xl-newest | pytorch-transformers)
            echo "torch==2.13.0 numpy==2.4.6" ;;
        paddle | linear-paddle) echo "paddlepaddle==3.3.1 numpy==2.4.6 setuptools" ;;
        fairseq-input | transfo-xl-input) echo "torch==2.13.0 numpy==2.4.6" ;;
        gluon-nlp | gluon-nlp-input) echo "mxnet==1.9.1 numpy==1.23.5" ;;
        jax) echo "jax==0.12.0.1 numpy==2.5.5" ;;           # for Python 3.12 or newer
        autograd) echo "autograd==1.9.1 scipy==1.17.1 numpy==2.4.6" ;;
        mlx | linear-mlx) echo "mlx==0.32.4 mlx-cpu==0.32.4 numpy==2.4.6" ;;
        tensorflow | keras-adaptive-softmax | linear-tensorflow | linear-keras)
            echo "tensorflow==2.21.0 tf_keras==2.21.0" ;;
        chainer | linear-chainer) echo "numpy==1.23.5 setuptools<60 wheel" ;;
        tinygrad | linear-tinygrad) echo "tinygrad==0.14.0 numpy==2.4.6" ;;
        onnxruntime | onnx-reference | onnxruntime-node | onnxruntime-web)
            echo "onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6" ;;
        openvino) echo "openvino==2026.4.1 onnx==1.23.2 numpy==2.4.6" ;;
        linear-ours | linear-ours-blocks) echo "numpy==2.4.6" ;;
        linear-torch | linear-torch-fused | linear-torch-chunked)
            echo "torch==2.13.0 numpy==2.4.6" ;;
        linear-sklearn) echo "scikit-learn==1.9.1 numpy==2.4.6" ;;
        linear-optax) echo "jax==0.10.2 optax==0.2.8 numpy==2.4.6" ;;
        linear-cut) echo "cut-cross-entropy==25.1.1 torch==2.13.0 numpy==2.4.6 setuptools" ;;
        dynet) echo "dynet38==2.2 numpy==2.4.6" ;;
        *) echo "renew.sh: no row $1" >&2; exit 2 ;;
    esac
}

unpacked() {            # requirement, folder under build/peers, platform options of pip
    [ -d "$peers/$2" ] && return
    "$venv/bin/pip" install --quiet --no-deps --target "$peers/$2" "${@:3}" "$1"
}

files() {               # of a row, under build/peers
    case $1 in
        fairseq | fairseq-input) unpacked fairseq==0.12.2 fairseq-0.12.2 --only-binary :all: \
            --python-version 3.8 --platform manylinux1_x86_64 ;;
        transfo-xl | transfo-xl-default | transfo-xl-input) unpacked transformers==4.35.2 transformers-4.35.2 ;;
        transfo-xl-newest) unpacked transformers==4.57.6 transformers-4.57.6 ;;
        pytorch-transformers)
            unpacked pytorch-transformers==1.2.0 pytorch-transformers-1.2.0 ;;
        chainer | linear-chainer) "$venv/bin/pip" install --quiet --no-build-isolation chainer==7.8.1 ;;
        keras-adaptive-softmax)
            "$venv/bin/pip" install --quiet --no-deps keras-adaptive-softmax==0.9.0 ;;
        gluon-nlp | gluon-nlp-input) unpacked autogluon-contrib-nlp==0.0.1b20220208 gluon-nlp ;;
        onnxruntime-node | onnxruntime-web)
            [ -d "$peers/node" ] || npm install --silent --ignore-scripts --prefix "$peers/node" \
                onnxruntime-node@1.30.0 onnxruntime-web@1.30.0 ;;
    esac
}

venv='' made=''
trap 'rm -rf "$venv"' EXIT
for row in "$@"; do
    list=$(packages "$row")
    [ -n "${PINS-pinned}" ] || list=$(sed 's/==[^ ]*//g' <<< "$list")
    if [ "$list" != "$made" ]; then         # rows of the same packages, one after another, share it
        rm -rf "$venv"
        venv=$(mktemp -d) made=$list
        "${PYTHON:-python3}" -m venv "$venv"
        # shellcheck disable=SC2086
        "$venv/bin/pip" install --quiet --no-compile $list
    fi
    files "$row"
    PYTHONPATH=$PWD "$venv/bin/python" -m npadasoft ports --record "$row" \
        ${STATE:+--state "$STATE"} > /dev/null
    PYTHONPATH=$PWD "$venv/bin/python" -m npadasoft ports ${STATE:+--state "$STATE"} \
        | grep "^$row"
done
