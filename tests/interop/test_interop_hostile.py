"""Files from strangers: lies, bombs and pickles that run code are refused, fast and cheaply."""
import contextlib
import io
import json
import os
import pickle
import struct
import sys
import time
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from npadasoft import interop
from npadasoft.interop import WeightFileError, pickle_subset, safetensors_file, zip_member

DATA = Path(__file__).parents[1] / "data"


@contextlib.contextmanager
def within_a_second():
    """A second of processor time, without what measures coverage."""
    tracer = sys.gettrace()
    sys.settrace(None)
    start = time.process_time()
    try:
        yield
        spent = time.process_time() - start
    finally:
        sys.settrace(tracer)
    assert spent < 1


def refused(path, message, *, megabytes=8, **options):
    """`path` is refused with `message`, in a second and in little memory beyond its own size."""
    tracemalloc.start()
    try:
        with pytest.raises(WeightFileError, match=message):
            interop.read(path, **options)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * os.path.getsize(path) + megabytes * 2**20
    with within_a_second(), pytest.raises(WeightFileError):
        interop.read(path, **options)


def written(tmp_path, data):
    path = tmp_path / "w"
    path.write_bytes(data)
    return path


# ---------------------------------------------------------------- safetensors

def safetensors_bytes(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype="F32", shape=(2,), offsets=(0, 8), **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}


@pytest.mark.parametrize("data, message", [
    (b"", "this is an empty file"),
    (b"\1\0\0", "cut short: 3 of 8"),
    (b"\xff" * 8 + b"{}", "the header claims 18446744073709551615 bytes; the file has 10"),
    (struct.pack("<Q", 2**22 + 1) + b"{" * (2**22 + 8), "the header claims 4194305 bytes"),
    (safetensors_bytes(b" {}"), "does not begin with '{'"),
    (safetensors_bytes(b"{]"), "the header is no JSON"),
    (safetensors_bytes(b"{\xff}"), "the header is no JSON"),
    (safetensors_bytes(b'{"a":' * 200_000), "the header is no JSON"),
    (safetensors_bytes(b'{"a":' + b"[" * 200_000), "the header is no JSON"),
    (safetensors_bytes(b'{"a":' + b"9" * 100_000 + b"}"), "the header is no JSON"),
    (safetensors_bytes(b'{"a":1,"a":2}'), "the key 'a' twice"),
    (safetensors_bytes(b'{"a":{"dtype":"F32","dtype":"F64"}}'), "the key 'dtype' twice"),
    (safetensors_bytes({"__metadata__": {"a": 1}}), "__metadata__ should hold strings"),
    (safetensors_bytes({"__metadata__": [1]}), "__metadata__ should hold strings"),
    (safetensors_bytes({"a": 1}), "the entry of 'a' should have dtype, shape and data_offsets"),
    (safetensors_bytes({"a": entry(extra=1)}), "and nothing else"),
    (safetensors_bytes({"a": entry(dtype="O8")}, bytes(8)), "the type 'O8', which is none of F64"),
    (safetensors_bytes({"a": entry(dtype=["F32"])}, bytes(8)), r"the dtype \['F32'\]"),
    (safetensors_bytes({"a": {**entry(), "shape": 2}}, bytes(8)), "shape of 'a' should be a list"),
    (safetensors_bytes({"a": entry(shape=[-2])}, bytes(8)), r"impossible shape \(-2,\)"),
    (safetensors_bytes({"a": entry(shape=[2.0])}, bytes(8)), "impossible shape"),
    (safetensors_bytes({"a": entry(shape=[True, 2])}, bytes(8)), "impossible shape"),
    (safetensors_bytes({"a": entry(shape=[2**60, 0])}, bytes(8)), "impossible shape"),
    (safetensors_bytes({"a": entry(shape=[1] * 40)}, bytes(8)), "impossible shape"),
    (safetensors_bytes({"a": entry(shape=[2**40])}, bytes(8)), "takes 4398046511104 bytes, but"),
    (safetensors_bytes({"a": entry(offsets=[0])}, bytes(8)), "should be two positions"),
    (safetensors_bytes({"a": entry(offsets=[-8, 0])}, bytes(8)), "should be two positions"),
    (safetensors_bytes({"a": entry(offsets=[8, 0])}, bytes(8)), "data_offsets give it -8"),
    (safetensors_bytes({"a": entry(offsets=[0.0, 8.0])}, bytes(8)), "should be two positions"),
    (safetensors_bytes({"a": entry(offsets=[4, 12])}, bytes(12)), "'a' begins at byte 4"),
    (safetensors_bytes({"a": entry(), "b": entry()}, bytes(8)), "'b' begins at byte 0 of the data"),
    (safetensors_bytes({"a": entry()}, bytes(4)), "take 8 bytes of data, but the file has 4"),
    (safetensors_bytes({"a": entry()}, bytes(9)), "take 8 bytes of data, but the file has 9"),
    (safetensors_bytes({"a" * 10**6: 1}), "the entry of 'aaa"),
])
def test_a_safetensors_file_that_lies_is_refused(tmp_path, data, message):
    refused(written(tmp_path, data), message)


def test_what_is_no_file_of_weights_is_refused(tmp_path):
    refused(written(tmp_path, pickle.dumps({"a": 1})), "'a' is int, not a tensor")
    refused(written(tmp_path, pickle.dumps([1])), "a bare pickle, which can run code, and was read")
    np.save(tmp_path / "a.npy", np.ones(2))
    refused(tmp_path / "a.npy", "a single .npy array: save a dict with numpy.savez")
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "not a regular file")
    interop.write(tmp_path / "w.safetensors", {"a": np.ones(100)})
    refused(tmp_path / "w.safetensors", "more than the 100 allowed", max_bytes=100)
    refused(tmp_path / "w.safetensors", "only .pt files and pickles have ent", entry="model")


def test_bools_that_are_neither_are_true_and_sound(tmp_path):
    data = safetensors_bytes({"a": entry("BOOL", (3,), (0, 3))}, b"\0\1\7")
    found = interop.read(written(tmp_path, data))["a"]
    assert found.tolist() == [False, True, True] and found.tobytes() == b"\0\1\1"


# ---------------------------------------------------------------- npz

def npz_bytes(members, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", compression) as archive:
        warnings.simplefilter("ignore")         # a name twice
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def npy_bytes(descr="'<f8'", order="False", shape="(2,)", data=bytes(16), version=b"\1\0"):
    header = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}".encode()
    length = len(header).to_bytes(2 if version[0] == 1 else 4, "little")
    return b"\x93NUMPY" + version + length + header + data


@pytest.mark.parametrize("data, message", [
    (b"no array", "'a' is no .npy array of version 1.0, 2.0 or 3.0"),
    (npy_bytes(version=b"\4\0"), "no .npy array of version"),
    (b"\x93NUMPY\1\0\xff\xff{}", "the header of 'a' claims 65535 bytes"),
    (npy_bytes(descr="'|O'"), "the dtype '|O': it holds pickled Python objects"),
    (npy_bytes(descr="'|O8'"), "the dtype '|O8': it holds pickled"),
    (npy_bytes(descr="'<M8'"), "the dtype '<M8'"),
    (npy_bytes(descr="'<f9'"), "the dtype '<f9'"),
    (npy_bytes(descr="[('x', '<f8')]"), "not that of a plain array"),
    (npy_bytes(descr="__import__('os')"), "not that of a plain array"),
    (npy_bytes(shape="(2, -1)"), "not that of a plain array"),
    (npy_bytes(shape="(3,)"), r"\(3,\) and dtype float64 takes 24 bytes, but the file gives it 16"),
    (npy_bytes(shape="(1000000000000,)"), "takes 8000000000000 bytes"),
    (npy_bytes(shape="(" + "1," * 40 + ")"), "impossible shape"),
    (npy_bytes(shape="(0, 99999999999999999999999)"), "impossible shape"),
    (npy_bytes(shape="(1 2,)"), "impossible shape"),
    (npy_bytes(data=bytes(17)), "the file gives it 17"),
])
def test_an_npz_that_lies_is_refused(tmp_path, data, message):
    refused(written(tmp_path, npz_bytes([("a.npy", data)])), message)


def test_version_2_and_old_longs_are_read(tmp_path):
    for data in npy_bytes(version=b"\2\0"), npy_bytes(shape="(2L,)"):
        assert interop.read(written(tmp_path, npz_bytes([("a.npy", data)])))["a"].tolist() == [0, 0]


def test_compressed_npz_are_read_and_bombs_refused(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", a=np.arange(1000.0))
    assert interop.read(tmp_path / "a.npz")["a"].sum() == 499500
    bomb = npz_bytes([("a.npy", npy_bytes(shape=f"({2**24},)", data=bytes(2**27)))],
                     zipfile.ZIP_DEFLATED)
    assert len(bomb) < 2**18
    refused(written(tmp_path, bomb), "arrays take 13421.... bytes, more than the .* allowed")
    refused(written(tmp_path, bomb[:]), "more than the 1000 allowed", max_bytes=1000)


def test_a_bomb_that_understates_its_size_is_refused(tmp_path):
    data = npz_bytes([("a.npy", npy_bytes(shape="(2,)", data=bytes(2**25)))], zipfile.ZIP_DEFLATED)
    full = (2**25 + len(npy_bytes(data=b""))).to_bytes(4, "little")
    claimed = len(npy_bytes()).to_bytes(4, "little")
    assert data.count(full) == 2
    refused(written(tmp_path, data.replace(full, claimed)), "archive is damaged|longer than it")


@pytest.mark.parametrize("data, message", [
    (npz_bytes([("a.npy", npy_bytes())] * 2), "has the member 'a.npy' twice"),
    (npz_bytes([("a.npy", npy_bytes())], zipfile.ZIP_LZMA), "compressed by another method"),
    (npz_bytes([("a.npy", npy_bytes())])[:-30], "the archive is damaged"),
    (npz_bytes([("a.npy", npy_bytes())])[:40], "the archive is damaged"),
    (npz_bytes([("a.npy", npy_bytes())]).replace(bytes(16), b"\1" + bytes(15)), "damaged: Bad CRC"),
    (npz_bytes([(f"{i:03000}.npy", b"") for i in range(1000)]), "directory has more than 25....."),
], ids=lambda value: value if isinstance(value, str) else "file")
def test_archives_that_are_no_archives_are_refused(tmp_path, data, message):
    refused(written(tmp_path, data), message, megabytes=16)


# ---------------------------------------------------------------- .pt

class Runs:
    """What a hostile file holds: unpickling it would run a command."""

    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


def pt_bytes(pickled, *more, compression=zipfile.ZIP_STORED):
    return npz_bytes([("w/data.pkl", pickled), *more], compression)


class Writer(pickle.Pickler):
    """Pickles `(kind, key, numel)` under "storage" as PyTorch does a storage."""

    def persistent_id(self, value):
        return value.arguments if isinstance(value, Runs) and value.call == "storage" else None


def tensor_bytes(tensors, *more, key="0", numel=6, data=bytes(24), kind="FloatStorage", **options):
    """A .pt file of tensors given as (offset, shape, stride), all of one storage of `data`."""
    torch = pytest.importorskip("torch")
    storage = Runs("storage", "storage", getattr(torch, kind), key, "cpu", numel)
    state = {name: Runs(torch._utils._rebuild_tensor_v2, storage, *args, False, {})
             for name, args in tensors.items()}
    buffer = io.BytesIO()
    Writer(buffer, 2).dump(state)
    return pt_bytes(buffer.getvalue(), ("w/data/0", data), *more, **options)


PLAIN = {"a": (0, (2, 3), (3, 1))}


def test_the_files_made_here_are_like_pytorchs(tmp_path):
    data = tensor_bytes(PLAIN, data=np.arange(6, dtype="f4").tobytes())
    found = interop.read(written(tmp_path, data))
    assert found["a"].tolist() == [[0, 1, 2], [3, 4, 5]]
    empty = tensor_bytes({"a": (0, (0, 3), (3, 1))}, numel=0, data=b"")
    assert interop.read(written(tmp_path, empty))["a"].shape == (0, 3)
    bools = tensor_bytes({"a": (1, (2,), (1,))}, kind="BoolStorage", numel=3, data=b"\0\1\7")
    assert interop.read(written(tmp_path, bools))["a"].tobytes() == b"\1\1"
    swapped = tensor_bytes(PLAIN, ("w/byteorder", b"big"), data=np.arange(6, dtype=">f4").tobytes())
    assert interop.read(written(tmp_path, swapped))["a"].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("call", [os.system, exec, eval, __import__, getattr, io.open])
@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_runs_code_is_refused_and_runs_nothing(tmp_path, call, protocol):
    mark = tmp_path / "ran"
    code = f"open({str(mark)!r}, 'w')"
    argument = f"touch {mark}" if call is os.system else code
    pickled = pickle.dumps({"a": Runs(call, argument)}, protocol)
    refused(written(tmp_path, pt_bytes(pickled)), "'a' is an object of|was not carried out")
    refused(written(tmp_path, pt_bytes(pickled)), "no entry|was not carried out", entry="model")
    assert not mark.exists()


@pytest.mark.parametrize("pickled, message", [
    (b"", "no sound pickle"),
    (b"\x80\x02", "no sound pickle"),
    (b"\x80\x02N", "no sound pickle"),
    (b"\x80\x02.", "ends in the middle of a value"),
    (b"\x80\x02NN.", "ends in the middle of a value"),
    (b"\x80\x02(N.", "ends in the middle of a value"),
    (b"\x80\x020.", "no sound pickle"),
    (b"\x80\x022.", "the instruction DUP"),
    (b"\x80\x02cos\nsystem\n.", "no state dict, but .*: the name 'os.system'"),
    (b"\x80\x02ios\nsystem\n.", "the instruction INST"),
    (b"\x80\x02(X\1\0\0\0ao.", "the instruction OBJ"),
    (b"\x80\x02\x82\1.", "the instruction EXT1"),
    (b"\x80\x02)\x81.", "no sound pickle"),
    (b"\x80\x02K\1)\x81.", "makes an object of what is no class"),
    (b"\x80\x02cos\nsystem\n)\x81.", "no state dict, but an object of 'os.system'"),
    (b"\x80\x02cos\nsystem\n)R)R.", "no state dict, but what an object of 'os.system' made"),
    (b"\x80\x02cos\nsystem\nK\1R.", "calls something with what are no arguments"),
    (b"\x80\x02P1\n.", "the instruction PERSID"),
    (b"\x80\x02]]b.", "sets the attributes of a plain value"),
    (b"\x80\x02K\1)R.", "calls what is no name"),
    (b"\x80\x02ccollections\nOrderedDict\nK\1R.", "with what are no arguments"),
    (b"\x80\x02ctorch\nFloatStorage\n)R.", "but an object of 'torch.FloatStorage'"),
    (b"\x80\x02ccollections\nOrderedDict\nK\1\x85R.", "no sound pickle"),
    (b"\x80\x02ctorch.jit._pickle\nrestore_type_tag\n)R.", "no sound pickle"),
    (b"\x80\x02ctorch.jit._pickle\nrestore_type_tag\nK\1K\2\x86R.", "holds no state dict"),
    (b"\x80\x02K\1Q.", "outside that is no storage"),
    (b"\x80\x02(X\1\0\0\0aK\1K\1K\1K\1tQ.", "outside that is no storage"),
    (b"\x80\x02(X\7\0\0\0storageK\1K\1K\1K\1tQ.", "outside that is no storage"),
    (b"\x80\x02(X\7\0\0\0storagectorch\nFloatStorage\nK\1K\1K\1tQ.", "by other things than name"),
    (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(K\1K\1K\1K\1tR.", "a tensor has no storage"),
    (b"\x80\x02h\1.", "no sound pickle"),
    (b"\x80\x02K\1a.", "no sound pickle"),
    (b"\x80\x02K\1K\1K\1s.", "items set in what is no dict"),
    (b"\x80\x02K\1K\1a.", "values appended to what is no list"),
    (b"\x80\x02}(K\1u.", "items set in what is no dict"),
    (b"\x80\x02}K\1K\1sK\1K\2s.", "the key 1 twice"),
    (b"\x80\x02}])K\1s.", "a dict has a key of type tuple|no dict"),
    (b"\x80\x02})K\1s.", "'\\(a key of type tuple\\)' is int, not a tensor"),
    (b"\x80\x02u.", "no sound pickle"),
    (b"\x80\x02K\1(K\1\x86.", "no sound pickle"),
    (b"\x80\x02" + b"N" * 10**6 + b".", "more than 33.... instructions"),
    (b"\x80\x02Nr\xff\xff\xff\xff.", "the file holds no state dict"),
    (b"\x80\x02X\xff\xff\xff\x7fa.", "no sound pickle"),
    (b"\x80\x02\x8a\xffa.", "no sound pickle"),
    (b"\x80\x04\x8c\2os\x8c\6system\x93.", "the name 'os.system'"),
    (b"\x80\x04K\1K\1\x93.", "no sound pickle"),
    (b"\x80\x02]q\0h\0a.", "the file holds no state dict"),
    (b"\x80\x02}X\1\0\0\0aX\1\0\0\0bs.", "'a' is str, not a tensor"),
    (b"\x80\x02}K\1K\1s.", "'\\(int\\)' is int, not a tensor"),
    (b"\x80\x02K\1" + b"\x85" * 70_000 + b".", "the file holds no state dict"),
    (b"\x80\x02)" + b"q\0h\0\x86" * 25_000 + b".", "the file holds no state dict"),
])
def test_a_pickle_of_anything_else_is_refused(tmp_path, pickled, message):
    refused(written(tmp_path, pt_bytes(pickled)), message, megabytes=64)


def doubled(levels, first=b")"):
    """A tuple of tuples whose text would have 2^levels parts: each holds the one before twice."""
    return first + b"q\0h\0\x86" * levels


LABEL = b"cany\nthing\n)R"
BOMBS = {
    "labels in labels": b"\x80\x02}X\1\0\0\0a" + LABEL + b")R" * 25_000 + b"s.",
    "a label's attributes nest": b"\x80\x02}X\1\0\0\0a" + LABEL + b"]" * 30_000 + b"a" * 29_999
                                 + b"bs.",
    "many labels": b"\x80\x02}(" + b"".join(
        b"X\5\0\0\0%05dc%05d\nx\n)R" % (i, i) for i in range(5_000)) + b"u.",
    "a name of a megabyte": b"\x80\x02}X\1\0\0\0ac" + b"x" * 10**6 + b"\ny\n)Rs.",
    "a name of a megabyte, called often": b"\x80\x02}X\1\0\0\0a(c" + b"x" * 10**6 + b"\ny\nq\0)R"
                                          + b"h\0)R" * 17_000 + b"ts.",
    "labels as keys": b"\x80\x02}(" + (LABEL + b"N") * 5_000 + b"u.",
    "a doubled tuple as key": b"\x80\x02}" + doubled(20_000) + b"Ns.",
    "a deep tuple as key": b"\x80\x02}K\1" + b"\x85" * 70_000 + b"Ns.",
    "integers of one hash": b"\x80\x02}(" + b"".join(
        b"\x8a\x20" + (i * (2**61 - 1)).to_bytes(32, "little") + b"N"
        for i in range(1, 12_000)) + b"u.",
    "a doubled tuple as value": b"\x80\x02}X\1\0\0\0a" + doubled(20_000) + b"s.",
    "a list that holds itself": b"\x80\x02}X\1\0\0\0a]q\1h\1as.",
    "a dict that holds itself": b"\x80\x02}q\1X\1\0\0\0ah\1s.",
    "a doubled shape": (b"\x80\x02}X\1\0\0\0actorch._utils\n_rebuild_tensor_v2\n(("
                        b"X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0" + b"0"
                        b"X\3\0\0\0cpuK\6tQK\0" + doubled(10_000) + doubled(10_000)
                        + b"\x89}tRs."),
    "an integer of a megabyte": b"\x80\x02}X\1\0\0\0a\x8b\x40\x42\x0f\0" + b"\xff" * 10**6 + b"s.",
    "a set of everything": b"\x80\x04}\x8c\1a\x8f(" + b"N" * 30_000 + b"\x90s.",
    "sets in sets": b"\x80\x04}\x8c\1a" + b"(" * 30_000 + b"\x91" * 30_000 + b"s.",
    "calls of a call of a table": b"\x80\x02}X\1\0\0\0a" + (
        b"ctorch._tensor\n_rebuild_from_type_v2\n(" * 3000) + b")" + b"))NtR" * 3000 + b"s.",
}


@pytest.mark.parametrize("name", BOMBS)
def test_labels_and_memos_without_end_are_refused_fast_and_small(tmp_path, name):
    """And they harm nobody beside them, where what is asked for does not hold them."""
    path = written(tmp_path, pt_bytes(BOMBS[name]))
    refused(path, ".", megabytes=24)
    for function in interop.describe, interop.load:
        with within_a_second():
            try:
                str(function(path))
            except WeightFileError as error:
                assert len(str(error)) < 1500


def test_many_marks_and_tuples_are_refused_by_their_number(tmp_path):
    data = b"\x80\x02" + b"(" * 10**6 + b"t" * 10**6 + b"."
    refused(written(tmp_path, pt_bytes(data)), "instructions, which is more than", megabytes=64)


@pytest.mark.parametrize("tensors, options, message", [
    ({"a": (0, (2, 3), (3, 1))}, {"numel": 5}, "does not lie in its storage of 5 numbers"),
    ({"a": (1, (2, 3), (3, 1))}, {}, "offset 1 does not lie in its storage of 6"),
    ({"a": (0, (2, 3), (4, 1))}, {}, "does not lie in its storage"),
    ({"a": (0, (10**9,), (0,))}, {}, "take 4000000000 bytes, more than the .* allowed for a fil"),
    ({"a": (0, (0, 2**47, 2**47), (0, 1, 1))}, {}, "impossible shape"),
    ({"a": (-1, (2, 3), (3, 1))}, {}, "impossible shape"),
    ({"a": (0, (2, 3), (-3, 1))}, {}, "impossible shape"),
    ({"a": (0, (2, -3), (3, 1))}, {}, "impossible shape"),
    ({"a": (0, (2**50,), (1,))}, {}, "impossible shape"),
    ({"a": (0, (2, 3), (3,))}, {}, "the strides"),
    ({"a": (0, [2, 3], (3, 1))}, {}, "'a' has no shape and strides"),
    ({"a": (0, (2, 3), (3, 1))}, {"numel": 2**50}, "impossible shape"),
    ({"a": (0, (2, 3), (3, 1))}, {"numel": 2**40}, "should have 4398046511104 bytes, but has 24"),
    ({"a": (0, (2, 3), (3, 1))}, {"data": bytes(23)}, "should have 24 bytes, but has 23"),
    ({"a": (0, (2, 3), (3, 1))}, {"key": "../1"}, "numbers of a tensor are not in the archive"),
    ({f"{i}": (0, (i, 5000), (0, 1)) for i in range(2, 102)},
     {"numel": 5000, "data": bytes(20000)},
     "arrays take 103000000 bytes, more than the 67505104 allowed for a file of 24765"),
    ({"a": (0, (2, (2, (2,))), (3, 1))}, {}, r"impossible shape \(2, tuple\)"),
])
def test_a_tensor_that_lies_about_its_place_is_refused(tmp_path, tensors, options, message):
    refused(written(tmp_path, tensor_bytes(tensors, **options)), message)


@pytest.mark.parametrize("data, message", [
    (npz_bytes([("x", b"")]), "it has no data.pkl"),
    (npz_bytes([("a/data.pkl", b""), ("b/data.pkl", b"")]), "several data.pkl"),
    (pt_bytes(b"N." * 1000, compression=zipfile.ZIP_DEFLATED), "is compressed, which PyTorch"),
    (pt_bytes(b"N" * (2**23 + 1)), "data.pkl has 8388609 bytes"),
], ids=lambda value: value if isinstance(value, str) else "file")
def test_an_archive_that_is_no_pt_file_is_refused(tmp_path, data, message):
    refused(written(tmp_path, data), message, megabytes=32)


def test_a_wrong_byte_order_and_overlapping_members_are_refused(tmp_path):
    refused(written(tmp_path, tensor_bytes(PLAIN, ("w/byteorder", b"middle"))), "order is b'mid")
    data = tensor_bytes(PLAIN, ("w/data/1", bytes(10_000)))
    local, entry = data.index(b"PK\3\4", data.index(b"w/data/0")), data.rindex(b"PK\1\2")
    second = data[:entry] + data[entry:].replace(b"w/data/1", b"w/data/2")
    directory = data.index(b"PK\1\2")
    end = data.index(b"PK\5\6")
    extra = data[entry:end]
    assert local and second
    twice = data[:end] + extra.replace(b"w/data/1", b"w/data/2") + struct.pack(
        "<4s4H2LH", b"PK\5\6", 0, 0, 4, 4, end - directory + len(extra), directory, 0)
    refused(written(tmp_path, twice), "members of the archive overlap")


def test_the_bounds_are_what_the_messages_say():
    assert safetensors_file.MAX_HEADER == 2**22 and zip_member.MAX_DIRECTORY == 2**20
    assert pickle_subset.MIN_INSTRUCTIONS == 80_000
