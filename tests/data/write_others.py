"""Write one file of weights as a framework writes it: python write_others.py NAME, in its own venv.

`remake.sh` makes the venvs and calls this once for each.  The numbers are of no training: element k
of each array is (7 k + its number) mod 64, in eighths, less 4, which all types but float8 hold.
"""
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
SHAPES = {"head.weight": (4, 4), "head.bias": (4,), "tail.0.0.weight": (2, 4),
          "tail.0.1.weight": (3, 2), "tail.1.0.weight": (1, 4), "tail.1.1.weight": (4, 1)}


def weights():
    """The layer's arrays under PyTorch's names: D = 4, cutoffs 2, 5, 9."""
    return {name: ((np.arange(np.prod(shape)) * 7 + i) % 64 / 8 - 4).astype("f4").reshape(shape)
            for i, (name, shape) in enumerate(SHAPES.items())}


def nested(arrays):
    """Dicts in dicts, as Flax has them: kernels are (in, out)."""
    tree = {}
    for name, array in arrays.items():
        *path, last = name.split(".")
        node = tree
        for part in path:
            node = node.setdefault(part, {})
        node["kernel" if last == "weight" else last] = array.T if last == "weight" else array
    return tree


def flax():
    import jax
    import jax.numpy as jnp
    from flax import serialization
    params = jax.tree.map(jnp.asarray, nested(weights()))
    params["half"] = jnp.asarray(weights()["head.bias"], jnp.bfloat16)
    (HERE / "flax.msgpack").write_bytes(serialization.to_bytes({"params": params, "step": 3}))


def keras():
    import os
    os.environ["KERAS_BACKEND"] = "jax"
    import keras as k
    w = weights()
    x = k.Input((4,))
    head = k.layers.Dense(4, name="head")
    outputs = [head(x)]
    layers = {"head": head}
    for i, (hidden, out) in enumerate([(2, 3), (1, 4)]):
        first = layers[f"tail.{i}.0"] = k.layers.Dense(hidden, use_bias=False, name=f"tail_{i}_0")
        second = layers[f"tail.{i}.1"] = k.layers.Dense(out, use_bias=False, name=f"tail_{i}_1")
        outputs.append(second(first(x)))
    model = k.Model(x, outputs)
    for name, layer in layers.items():
        bias = [w[name + ".bias"]] if layer.use_bias else []
        layer.set_weights([w[name + ".weight"].T, *bias])
    model.save_weights(HERE / "keras.weights.h5")
    model.save(HERE / "keras.keras")


def h5py():
    import h5py
    with h5py.File(HERE / "plain.h5", "w") as file:
        for name, array in weights().items():
            file[name.replace(".", "/")] = array
        file["scalar"], file["text"] = 3, "a text"
        file["link"] = h5py.ExternalLink("other.h5", "/a")
        file["soft"] = h5py.SoftLink("/head/weight")
        file.create_dataset("packed", data=np.zeros((64, 64)), compression="gzip", chunks=(64, 64))
        file.create_dataset("half", data=weights()["head.bias"].astype("f2"))


def chainer():
    import chainer as ch

    class Layer(ch.Chain):
        def __init__(self):
            super().__init__()
            with self.init_scope():
                self.head = ch.links.Linear(4, 4)
                self.tail = ch.ChainList(*(ch.ChainList(
                    ch.links.Linear(4, h, nobias=True), ch.links.Linear(h, o, nobias=True))
                    for h, o in [(2, 3), (1, 4)]))
    layer, w = Layer(), weights()
    layer.head.W.array[...], layer.head.b.array[...] = w["head.weight"], w["head.bias"]
    for i, pair in enumerate(layer.tail):
        for j, link in enumerate(pair):
            link.W.array[...] = w[f"tail.{i}.{j}.weight"]
    ch.serializers.save_npz(str(HERE / "chainer.npz"), layer)
    lazy = ch.Chain()
    with lazy.init_scope():
        lazy.head = ch.links.Linear(None, 4)        # of a size that no input has told: a None
        lazy.bias = ch.Parameter(w["head.bias"])
    ch.serializers.save_npz(str(HERE / "chainer_none.npz"), lazy)


def mlx():
    import mlx.core as mx
    arrays = {name: mx.array(array) for name, array in weights().items()}
    arrays["half"] = mx.array(weights()["head.bias"]).astype(mx.bfloat16)
    mx.save_safetensors(str(HERE / "mlx.safetensors"), arrays)
    mx.savez(str(HERE / "mlx.npz"), **arrays)


def tinygrad():
    from tinygrad import Tensor
    from tinygrad.nn.state import safe_save
    arrays = weights() | {"half": weights()["head.bias"].astype("f2")}
    safe_save({name: Tensor(array) for name, array in arrays.items()},
              str(HERE / "tinygrad.safetensors"))


def nnabla():
    import nnabla as nn
    import nnabla.parametric_functions as pf
    from nnabla.utils.save import save
    w, x = weights(), nn.Variable((2, 4))

    def affine(x, name, n_out, **options):
        with nn.parameter_scope(name.replace(".", "/")):
            return pf.affine(x, n_out, **options)
    outputs = {"head": affine(x, "head", 4)}
    for i, (hidden, out) in enumerate([(2, 3), (1, 4)]):
        h = affine(x, f"tail.{i}.0", hidden, with_bias=False)
        outputs[f"tail{i}"] = affine(h, f"tail.{i}.1", out, with_bias=False)
    for path, parameter in nn.get_parameters().items():
        name, last = path.replace("/", ".").split(".affine.")
        parameter.d = w[name + ".weight"].T if last == "W" else w[name + ".bias"]
    for kind in "h5", "protobuf":
        nn.save_parameters(str(HERE / f"nnabla.{kind}"))
    save(str(HERE / "nnabla.nnp"), {
        "networks": [{"name": "n", "batch_size": 2, "outputs": outputs, "names": {"x": x}}],
        "executors": [{"name": "r", "network": "n", "data": ["x"], "output": list(outputs)}]})


def mindspore():
    import mindspore as ms
    arrays = [{"name": name, "data": ms.Tensor(array)} for name, array in weights().items()]
    ms.save_checkpoint(arrays, str(HERE / "mindspore.ckpt"))
    ms.save_checkpoint(arrays, str(HERE / "mindspore"), format="safetensors")


def paddle():
    import paddle as pd
    w = weights()
    layer = pd.nn.AdaptiveLogSoftmaxWithLoss(4, 9, [2, 5], div_value=2.0, head_bias=True)
    layer.head_weight.set_value(w["head.weight"].T)
    layer.head_bias.set_value(w["head.bias"])
    pd.save(layer.state_dict(), str(HERE / "paddle.pdparams"))
    pd.save({"w": pd.to_tensor(w["head.weight"]), "half": pd.to_tensor(w["head.bias"]).astype(
        "bfloat16"), "epoch": 3}, str(HERE / "paddle_more.pdparams"))


def mxnet():
    for name in ("bool", "object", "float", "int"):      # names that NumPy has dropped
        if not hasattr(np, name):
            setattr(np, name, {"bool": bool, "object": object, "float": float, "int": int}[name])
    import mxnet as mx
    arrays = {name: mx.nd.array(array) for name, array in weights().items()}
    arrays["half"] = mx.nd.array(weights()["head.bias"], dtype="float16")
    arrays["wide"] = mx.nd.array(weights()["head.bias"], dtype="float64")
    arrays["count"] = mx.nd.array([3], dtype="int64")
    mx.nd.save(str(HERE / "mxnet.params"), arrays)
    mx.nd.save(str(HERE / "mxnet_sparse.params"), {
        "dense": arrays["head.bias"], "rows": arrays["head.weight"].tostype("row_sparse")})
    with mx.util.np_shape(True):
        mx.nd.save(str(HERE / "mxnet_np.params"), arrays)


def safetensors():
    import torch
    from safetensors.torch import save_file, save_model
    w = {name: torch.from_numpy(array) for name, array in weights().items()}
    module = torch.nn.Module()
    module.embed, module.head = torch.nn.Embedding(4, 4), torch.nn.Linear(4, 4)
    module.head.weight = module.embed.weight
    with torch.no_grad():
        module.head.weight.copy_(w["head.weight"])
        module.head.bias.copy_(w["head.bias"])
    save_model(module, str(HERE / "tied.safetensors"))
    bits = torch.arange(256, dtype=torch.uint8)
    save_file({name: bits.clone().view(getattr(torch, name)) for name in (
        "float8_e4m3fn", "float8_e5m2", "float8_e8m0fnu", "float8_e4m3fnuz", "float8_e5m2fnuz")} | {
        "float4_e2m1fn_x2": bits[:8].clone().view(torch.float4_e2m1fn_x2), "w": w["head.weight"]},
        str(HERE / "float8.safetensors"))
    names = list(w)
    shards = [names[:3], names[3:]]
    files = [f"shard-{i + 1:05}-of-00002.safetensors" for i in range(2)]
    for file, part in zip(files, shards):
        save_file({name: w[name] for name in part}, str(HERE / file), {"format": "pt"})
    import json
    (HERE / "shard.safetensors.index.json").write_text(json.dumps({
        "metadata": {"total_size": sum(a.nbytes for a in weights().values())},
        "weight_map": {name: file for file, part in zip(files, shards) for name in part}}))


if __name__ == "__main__":
    sys.path.pop(0)     # this folder, so that a module of it hides no framework
    globals()[sys.argv[1]]()
