"""Told what it is by its first bytes, with the way on: every kind of file that is not read."""
import gzip
import io
import json
import os
import pickle
import struct
import tarfile

import numpy as np
import pytest

from npadasoft import interop
from npadasoft.interop import WeightFileError, kinds

LFS = (b"version https://git-lfs.github.com/spec/v1\n"
       b"oid sha256:4665a5ea423c2713d436b5ee50593a9640e0018c1550b5a0002f74190d6caea8\nsize 12345\n")


def tar():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("weights.pt"), io.BytesIO(b""))
    return buffer.getvalue()


TOLD = {
    "an empty file: the download": b"",
    "a Git LFS pointer, .*: run git lfs pull": LFS,
    "a GGUF file, llama.cpp's: read it with the package gguf": b"GGUF\3\0\0\0" + bytes(64),
    "a gzip file: unpack it with gunzip": gzip.compress(b"weights"),
    "a bzip2 file": b"BZh91AY&SY" + bytes(40),
    "an xz file": b"\xfd7zXZ\0" + bytes(40),
    "a Zstandard file": b"\x28\xb5\x2f\xfd" + bytes(40),
    "a tar archive: unpack it": tar(),
    "a table of Lua's Torch": struct.pack("<6i", 3, 1, 2, 2, 4, 104),
    "an object of Lua's Torch": struct.pack("<3i", 4, 1, 3) + b"V 1" + struct.pack("<i", 17),
    "an ONNX model, it seems: read its initializers": b"\x08\x08\x12\x07pytorch\x1a\x06" + bytes(9),
    "a TFLite model": b"\x1c\0\0\0TFL3" + bytes(40),
    "an ExecuTorch program": b"\x1c\0\0\0PTE1" + bytes(40),
    "the index of a TensorFlow checkpoint": bytes(80) + b"\x57\xfb\x80\x8b\x24\x75\x47\xdb",
    "a protobuf of NNabla, it seems": b"\xa2\x06\x20\x0a" + bytes(40),
    "a protobuf of NNabla, it seems: save it as .h5": b"\xc2\x0c\x5c\x0a" + bytes(40),
    "a page of HTML or XML: the download has answered": b"<!DOCTYPE html>\n<html>" + b" " * 20,
    "text, which begins with 'learning_rate: 0.1 model: l": b"learning_rate: 0.1\nmodel: large\n",
    "a single .npy array": b"\x93NUMPY\1\0" + bytes(100),
    "a JPEG picture": b"\xff\xd8\xff\xe0" + bytes(40),
    "a JSON without a weight_map": b'{"architectures": ["Bert"]}',
    "looks like JSON, and is none": b'{"architectures": ["Bert"',
    "no file of weights that is known: it begins with b'defghijk', and a": bytes(range(100, 200)),
    "known: it begins with b'Rar!": b"Rar!\x1a\x07\x01\0" + bytes(60),
    r"known: it begins with b'.n .n.x05inpu', and a": b"\n \n\x05input\x12\x0bPlaceholder",
    "a checkpoint of MindSpore, it seems": b"\n\x0a\n\1w\x12\x09\x12\x07Float32\x1a" + bytes(9),
    "before 1.6": b"\x80\2\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." + bytes(9),
    "a bare pickle, .* no state dict, but something else: list": pickle.dumps([1, 2]),
}


@pytest.mark.parametrize("message", TOLD)
def test_a_file_is_told_in_one_sentence(tmp_path, message):
    (tmp_path / "file.bin").write_bytes(TOLD[message])
    for function in interop.read, interop.load, interop.describe:
        with pytest.raises(WeightFileError, match=message) as caught:
            function(tmp_path / "file.bin")
        assert len(str(caught.value)) < 300 and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", sorted({kind[0] for kind in kinds._STARTS}))
def test_what_is_told_can_be_no_safetensors_file(name):
    """A length that begins so is one of a header that is larger than any, or not followed by {."""
    length = int.from_bytes(name[:8].ljust(8, b"\0"), "little")
    assert length > 2**22 or len(name) < 8


def test_a_safetensors_file_whose_length_looks_like_another_kind_is_read(tmp_path):
    """The lengths of headers take all values; those that begin as a pickle or an ONNX do, too."""
    for start in b"\x80\x02", b"\x08\x08\x12", b"\x81\xa1", b"\x1f\x8b", b"<!":
        length = int.from_bytes(start, "little")
        text = json.dumps({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}).encode()
        path = tmp_path / "w.safetensors"
        path.write_bytes(length.to_bytes(8, "little") + text.ljust(length) + b"\7")
        assert interop.read(path)["a"].tolist() == [7]


@pytest.mark.parametrize("names, message", [
    (["a.txt"], "this is a folder: name a file in it$"),
    (["a.txt", "w.npz"], "name a file in it, w.npz say"),
    (["model.safetensors.index.json", "m-1.safetensors"], "name its index, model.safetensors.ind"),
    ([".metadata", "__0_0.distcp"], "a distributed checkpoint of PyTorch: convert it"),
    (["saved_model.pb", "variables"], "a SavedModel of TensorFlow"),
    (["manifest.ocdbt", "_METADATA", "d"], "a checkpoint of Orbax"),
])
def test_a_folder_is_told_and_no_descriptor_is_lost(tmp_path, names, message):
    for name in names:
        (tmp_path / name).touch()
    before = sorted(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    for _ in range(3):
        with pytest.raises(WeightFileError, match=message):
            interop.read(tmp_path)
    if before is not None:
        assert sorted(os.listdir("/proc/self/fd")) == before


def test_no_descriptor_is_lost_where_a_file_is_refused(tmp_path):
    (tmp_path / "w").write_bytes(LFS)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with pytest.raises(WeightFileError):
            interop.read(tmp_path / "w")
    assert len(os.listdir("/proc/self/fd")) == before


# ---------------------------------------------------------------- an index of several files

def sharded(folder):
    """Weights in two files, and their index as Hugging Face writes it."""
    arrays = {"a": np.arange(3.0), "b": np.arange(4.0), "c": np.arange(5.0)}
    interop.write(folder / "m-1.safetensors", {"a": arrays["a"], "b": arrays["b"]})
    interop.write(folder / "m-2.safetensors", {"c": arrays["c"]})
    index = {"metadata": {"total_size": 96},
             "weight_map": {"a": "m-1.safetensors", "b": "m-1.safetensors", "c": "m-2.safetensors"}}
    (folder / "m.safetensors.index.json").write_text(json.dumps(index))
    return folder / "m.safetensors.index.json", arrays


def test_an_index_is_followed_through_its_files(tmp_path):
    path, arrays = sharded(tmp_path)
    found = interop.read(path)
    assert list(found) == list(arrays)
    assert all(np.array_equal(found[name], array) for name, array in arrays.items())


def test_a_missing_file_concerns_only_what_it_holds(tmp_path):
    path, arrays = sharded(tmp_path)
    (tmp_path / "m-2.safetensors").unlink()
    assert list(interop.read(path, partial=True)) == ["a", "b"]
    with pytest.raises(WeightFileError, match="'c'.*'m-2.safetensors'"):
        interop.read(path)
    (tmp_path / "m-2.safetensors").write_bytes(LFS)
    with pytest.raises(WeightFileError, match="'m-2.safetensors'.*Git LFS pointer"):
        interop.read(path)


@pytest.mark.parametrize("shard", ["../m-1.safetensors", "/etc/passwd", "", ".", "a/b", "a\\..\\b"])
def test_an_index_leads_nowhere_but_beside_itself(tmp_path, shard):
    path = tmp_path / "i.json"
    path.write_text(json.dumps({"weight_map": {"a": shard}}))
    with pytest.raises(WeightFileError, match="not beside it|'a'"):
        interop.read(path)


def test_an_index_that_names_itself_or_another_is_refused(tmp_path):
    path = tmp_path / "i.json"
    path.write_text(json.dumps({"weight_map": {"a": "i.json"}}))
    with pytest.raises(WeightFileError, match="an index names an index"):
        interop.read(path)
