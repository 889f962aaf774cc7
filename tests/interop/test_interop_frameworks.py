"""Files that other frameworks wrote: every cell of the table in npadasoft/interop/README.md.

The files of tests/data come from the scripts beside them; `remake.sh` there makes them anew.
"""
import importlib.util
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from npadasoft import AdaptiveLogSoftmaxWithLoss, interop
from npadasoft.interop import WeightFileError, layouts, numbers

DATA = Path(__file__).parents[1] / "data"
README = Path(interop.__file__).parent / "README.md"


def written():
    """The arrays that `write_others.py` gives to every framework."""
    spec = importlib.util.spec_from_file_location("write_others", DATA / "write_others.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.weights()


W = written()
TURNED = {name: array.T if name.endswith("weight") else array for name, array in W.items()}
HALF = W["head.bias"]


def slashed(arrays, weight, bias="bias", start=""):
    """Names as paths, under other last words."""
    return {start + name.replace(".", "/").replace("weight", weight).replace("/bias", "/" + bias): a
            for name, a in arrays.items()}


def keras_names(start=""):
    """Keras 3 names layers by their class, in the order of a walk through the graph."""
    order = {"dense": "tail.0.0", "dense_1": "tail.1.0", "dense_2": "head", "dense_3": "tail.0.1",
             "dense_4": "tail.1.1"}
    found = {f"layers/{new}/vars/0": TURNED[old + ".weight"] for new, old in order.items()}
    return found | {"layers/dense_2/vars/1": W["head.bias"]}


PLAIN = slashed(W, "weight")
NNABLA = {name.replace("weight", "affine/W").replace("bias", "affine/b"): array
          for name, array in slashed(TURNED, "weight").items()}
CELLS = {       # file: (what it says it is, all that it holds, and what of it cannot be read)
    "flax.msgpack": ("MessagePack", {**slashed(TURNED, "kernel", start="params/"),
                                     "params/half": HALF}, {"step": "is int, not an array"}),
    "keras.weights.h5": ("HDF5", keras_names(), {}),
    "keras.keras": ("a .keras archive", keras_names(), {}),
    "plain.h5": ("HDF5", {**PLAIN, "scalar": np.int64(3), "packed": np.zeros((64, 64)),
                          "half": HALF.astype("f2")},
                 {"link": "is a link", "soft": "is a link", "text": "no plain numbers"}),
    "chainer.npz": (".npz", slashed(W, "W", "b"), {}),
    "chainer_none.npz": (".npz", {"bias": HALF, "head/b": np.zeros(4, "f4")},
                         {"head/W": "it holds pickled Python objects"}),
    "mlx.safetensors": ("safetensors", {**W, "half": HALF}, {}),
    "mlx.npz": (".npz", W, {"half": "two bytes without a type, as bfloat16 is written"}),
    "paddle.pdparams": ("Paddle", {"head_weight": TURNED["head.weight"],
                                   "head_bias": W["head.bias"]}, {}),
    "paddle_more.pdparams": ("Paddle", {"w": W["head.weight"], "half": HALF},
                             {"epoch": "is int, not a tensor"}),
    "mxnet.params": ("MXNet", {**W, "half": HALF.astype("f2"), "wide": HALF.astype("f8"),
                               "count": np.array([3], np.int64)}, {}),
    "mxnet_np.params": ("MXNet", {**W, "half": HALF.astype("f2"), "wide": HALF.astype("f8"),
                                  "count": np.array([3], np.int64)}, {}),
    "nnabla.h5": ("HDF5", NNABLA, {}),
    "nnabla.nnp": ("an .nnp archive of NNabla", NNABLA, {}),
    "mindspore.safetensors": ("safetensors", W, {}),
    "tinygrad.safetensors": ("safetensors", {**W, "half": HALF.astype("f2")}, {}),
    "tied.safetensors": ("safetensors", {"embed.weight": W["head.weight"], "head.bias": HALF,
                                         "head.weight": W["head.weight"]}, {}),
    "shard.safetensors.index.json": ("an index of 2 files", W, {}),
}


@pytest.mark.parametrize("file", CELLS)
def test_a_file_of_a_framework_is_read_and_what_cannot_be_is_named(file):
    if file.endswith((".h5", ".keras", ".nnp")):
        pytest.importorskip("h5py")
    kind, wanted, unreadable = CELLS[file]
    description = interop.describe(DATA / file)
    assert kind in description.kind
    assert description.unreadable.keys() == unreadable.keys()
    for name, why in unreadable.items():
        assert re.search(why, description.unreadable[name])
    if unreadable:
        with pytest.raises(WeightFileError, match=next(iter(unreadable.values()))):
            interop.read(DATA / file)
    found = interop.read(DATA / file, partial=True)
    assert found.keys() == wanted.keys()
    for name, array in found.items():
        assert array.dtype == wanted[name].dtype and array.shape == wanted[name].shape
        assert array.tobytes() == np.ascontiguousarray(wanted[name]).tobytes()
    assert {name: shape for name, (_, shape) in description.arrays.items()} == {
        name: array.shape for name, array in found.items()}


@pytest.mark.parametrize("file, message", [
    ("mindspore.ckpt", "a checkpoint of MindSpore, it seems: save it with mindspore.save_check"),
    ("nnabla.protobuf", "a protobuf of NNabla, it seems: save it as .h5 with nnabla.save_param"),
    ("mxnet_sparse.params", "holds a sparse array: save its tostype"),
    ("torch_script.pt", "this is a TorchScript archive"), ("torch_old.pt", "before 1.6"),
    ("torch_module.pt", "holds no state dict, but an object of 'torch.nn.modules.adaptive")])
def test_a_file_of_a_framework_is_refused_by_name(file, message):
    with pytest.raises(WeightFileError, match=message):
        interop.read(DATA / file)


@pytest.mark.parametrize("file", ["mlx.safetensors", "mxnet.params", "tinygrad.safetensors",
                                  "mindspore.safetensors",
                                  "shard.safetensors.index.json"])
def test_files_under_pytorchs_names_make_the_layer(file):
    found = interop.read(DATA / file)
    asm = AdaptiveLogSoftmaxWithLoss.from_state_dict({name: found[name] for name in W})
    assert asm.cutoffs == (2, 5, 9) and np.array_equal(asm.parameters.head.weight, W["head.weight"])
    if file.endswith("json"):
        assert interop.load(DATA / file).cutoffs == (2, 5, 9)


def test_paddles_file_lacks_the_tails_and_the_error_says_where_they_are():
    with pytest.raises(ValueError, match="no tail_weights: Paddle's state_dict.. leaves them out"):
        layouts.from_paddle(interop.read(DATA / "paddle.pdparams"))


def test_float8_widens_to_the_numbers_of_pytorch_and_packed_types_are_named():
    torch = pytest.importorskip("torch")
    with pytest.raises(WeightFileError, match="'float4_e2m1fn_x2' is of the type 'F4'"):
        interop.read(DATA / "float8.safetensors")
    found = interop.read(DATA / "float8.safetensors", partial=True)
    assert len(found) == 6 and np.array_equal(found["w"], W["head.weight"])
    bits = torch.arange(256, dtype=torch.uint8)
    for name in set(found) - {"w"}:
        wanted = bits.view(getattr(torch, name)).float().numpy()
        assert found[name].dtype == np.float32
        assert np.array_equal(np.isnan(found[name]), np.isnan(wanted))
        kept = ~np.isnan(wanted)
        assert found[name][kept].tobytes() == wanted[kept].tobytes()


def test_each_widened_type_is_exact_as_its_definition_says():
    """Sign, exponent and mantissa by hand, in Python's own numbers."""
    for name, (mantissa_bits, bias) in {"float8_e4m3fn": (3, 7), "float8_e5m2": (2, 15),
                                        "float8_e4m3fnuz": (3, 8), "float8_e5m2fnuz": (2, 16)
                                        }.items():
        found = numbers.DTYPES[name].widened(np.arange(256, dtype=np.uint8))
        for bits in range(256):
            exponent, mantissa = divmod(bits & 127, 1 << mantissa_bits)
            part = mantissa / (1 << mantissa_bits)
            size = (1 + part) * 2.0 ** (exponent - bias) if exponent else part * 2.0 ** (1 - bias)
            if np.isfinite(found[bits]):
                assert found[bits] == (-size if bits > 127 else size), (name, bits)
        lost = {"float8_e4m3fn": 2, "float8_e5m2": 8}.get(name, 1)     # nan, and e5m2's infinities
        assert (~np.isfinite(found)).sum() == lost


def test_tied_names_are_one_array():
    found = interop.read(DATA / "tied.safetensors")
    assert found["head.weight"] is found["embed.weight"]
    assert interop.describe(DATA / "tied.safetensors").notes == [
        "'head.weight' is tied to 'embed.weight'"]


def test_an_array_that_flax_cuts_in_pieces_is_put_together(tmp_path):
    """What Flax does beyond 1 GiB, made small: the same form, by the same words."""
    def packed(array):
        name, data = array.dtype.name.encode(), array.tobytes()
        inner = (b"\x93\x91" + bytes([len(array)]) + bytes([0xa0 + len(name)]) + name + b"\xc4"
                 + bytes([len(data)]) + data)
        return b"\xc7" + bytes([len(inner)]) + b"\x01" + inner
    pieces = [packed(np.arange(4, dtype="f4")), packed(np.arange(4, 6, dtype="f4"))]
    text = {word: bytes([0xa0 + len(word)]) + word.encode() for word in ("w", "shape", "0", "1")}
    chunked = (b"\x83\xb9__msgpack_chunked_array__\xc3" + text["shape"] + b"\x82" + text["0"]
               + b"\x02" + text["1"] + b"\x03\xa6chunks\x82" + text["0"] + pieces[0] + text["1"]
               + pieces[1])
    (tmp_path / "w").write_bytes(b"\x81" + text["w"] + chunked)
    assert interop.read(tmp_path / "w")["w"].tolist() == [[0, 1, 2], [3, 4, 5]]
    (tmp_path / "w").write_bytes(b"\x81" + text["w"] + chunked.replace(b"\x03\xa6", b"\x04\xa6"))
    with pytest.raises(WeightFileError, match="the pieces of 'w' do not make an array of shape .2"):
        interop.read(tmp_path / "w")


def test_an_archive_of_nnabla_without_its_hdf5_is_told(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.nnp", "w") as archive:
        archive.writestr("nnp_version.txt", "0.1")
        archive.writestr("parameter.protobuf", (DATA / "nnabla.protobuf").read_bytes())
    with pytest.raises(WeightFileError, match="an .nnp archive of NNabla without a parameter.h5"):
        interop.read(tmp_path / "a.nnp")


def test_without_h5py_the_command_is_named(monkeypatch):
    import sys
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match="pip install h5py"):
        interop.read(DATA / "keras.weights.h5")


def test_every_row_of_the_table_in_the_readme_names_files_that_are_tested():
    table = README.read_text(encoding="utf-8").split("## What is read, kind by kind", 1)[1]
    tested = "".join(path.read_text(encoding="utf-8")
                     for path in Path(__file__).parents[1].rglob("test_interop*.py"))
    named = set(re.findall(r"`([\w.]+\.(?:pt|npz|safetensors|json|h5|keras|msgpack|params|pdparams"
                           r"|nnp|protobuf|ckpt))`", table.split("\n## ")[0]))
    assert named and {file for file in CELLS} <= named
    for file in named:
        assert (DATA / file).exists() and file.rsplit(".", 1)[0] in tested, file
