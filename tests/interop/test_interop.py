"""Weights in files: what is written comes back bit for bit, ours and that of others."""
import ast
import os
import stat
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npadasoft import AdaptiveLogSoftmaxWithLoss
from npadasoft import interop
from npadasoft.interop import WeightFileError, common

DATA = Path(__file__).parents[1] / "data"
DTYPES = ["f2", "f4", "f8", "c8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?"]


def same_bits(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def assert_same(found, wanted):
    assert list(found) == list(wanted)
    for name in wanted:
        assert same_bits(found[name], wanted[name]), name


def every_stride(dtype="f4"):
    """One matrix of numbers in every way in which memory can hold it."""
    base = np.arange(48).reshape(6, 8).astype(dtype)
    wide = np.zeros((12, 24), dtype)
    wide[::2, ::3] = base
    return {"plain": base, "fortran": np.asfortranarray(base), "transposed": base.T,
            "sliced": wide[::2, ::3], "reversed": base[::-1, ::-1], "swapped": base.swapaxes(0, 1),
            "expanded": np.broadcast_to(base[0], (3, 8)), "empty": base[:0],
            "no columns": base[:, :0],
            "scalar": base[2, 3].reshape(()), "row": base[1], "column": base[:, 1],
            "read-only": np.frombuffer(base.tobytes(), base.dtype).reshape(6, 8)}


# ---------------------------------------------------------------- what is written comes back

@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_of_any_strides_come_back_bit_for_bit(tmp_path, suffix, dtype):
    arrays = every_stride(dtype)
    interop.write(tmp_path / ("w" + suffix), arrays)
    found = interop.read(tmp_path / ("w" + suffix))
    assert all(same_bits(found[name], array) for name, array in arrays.items())
    assert all(array.flags.writeable for array in found.values())


def test_a_foreign_byte_order_comes_back_as_the_machines(tmp_path):
    for suffix in ".safetensors", ".npz":
        interop.write(tmp_path / ("w" + suffix), {"a": np.arange(5, dtype=">f8")})
        found = interop.read(tmp_path / ("w" + suffix))["a"]
        assert found.dtype == np.dtype("=f8") and found.tolist() == [0, 1, 2, 3, 4]


def test_the_original_reads_what_we_write_and_writes_the_same_bytes(tmp_path):
    original = pytest.importorskip("safetensors.numpy")
    arrays = {f"{name} {dtype}": array for dtype in DTYPES
              for name, array in every_stride(dtype).items()}
    interop.write(tmp_path / "ours.safetensors", arrays)
    theirs = original.load_file(tmp_path / "ours.safetensors")
    assert all(same_bits(theirs[name], array) for name, array in arrays.items())
    plain = {name: np.array(array, order="C") for name, array in arrays.items()}
    assert original.save(plain) == (tmp_path / "ours.safetensors").read_bytes()


def test_the_original_corrupts_strided_arrays_or_refuses_them_and_ours_does_neither(tmp_path):
    original = pytest.importorskip("safetensors.numpy")
    transposed = np.arange(6, dtype="f4").reshape(2, 3).T
    try:
        theirs = original.load(original.save({"a": transposed}))["a"]
    except ValueError:
        theirs = None
    assert theirs is None or not np.array_equal(theirs, transposed), "mended: drop this test"
    interop.write(tmp_path / "a.safetensors", {"a": transposed})
    assert np.array_equal(interop.read(tmp_path / "a.safetensors")["a"], transposed)


def test_bfloat16_of_safetensors_is_widened_exactly(tmp_path):
    torch = pytest.importorskip("torch")
    original = pytest.importorskip("safetensors.torch")
    tensor = torch.randn(40, generator=torch.Generator().manual_seed(0)).bfloat16()
    original.save_file({"a": tensor}, tmp_path / "a.safetensors")
    assert same_bits(interop.read(tmp_path / "a.safetensors")["a"], tensor.float().numpy())


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_a_layer_comes_back_bit_for_bit(tmp_path, suffix):
    asm = AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], 2.0, head_bias=True, rng=0)
    interop.save(asm, tmp_path / ("w" + suffix))
    back = interop.load(tmp_path / ("w" + suffix), div_value=2.0, reduction="sum")
    assert_same(back.state_dict(), {name: back.state_dict()[name] for name in asm.state_dict()})
    assert all(same_bits(back.state_dict()[name], a) for name, a in asm.state_dict().items())
    assert back.reduction == "sum" and back.cutoffs == (3, 7, 12)


def test_long_doubles_fit_in_npz_alone(tmp_path):
    asm = AdaptiveLogSoftmaxWithLoss(4, 6, [2], 2.0, dtype=np.longdouble, rng=0)
    interop.save(asm, tmp_path / "w.npz")
    assert_same(interop.load(tmp_path / "w.npz").state_dict(), asm.state_dict())
    if np.dtype(np.longdouble).itemsize > 8:
        with pytest.raises(TypeError, match="head.weight, which is .*: write an .npz file instead"):
            interop.save(asm, tmp_path / "w.safetensors")


@given(st.dictionaries(st.text(st.characters(exclude_categories=("Cs",))).filter(
    lambda name: name != "__metadata__"), st.sampled_from(sorted(every_stride())), max_size=5))
@settings(deadline=None, derandomize=True, max_examples=60)
def test_any_names_come_back_from_safetensors(tmp_path_factory, picks):
    path = tmp_path_factory.mktemp("names") / "w.safetensors"
    arrays = {name: every_stride()[pick] for name, pick in picks.items()}
    interop.write(path, arrays)
    found = interop.read(path)
    assert found.keys() == arrays.keys()
    assert all(same_bits(found[name], array) for name, array in arrays.items())


# ---------------------------------------------------------------- files that PyTorch wrote

@pytest.mark.parametrize("name", ["torch_float32", "torch_parameters", "torch_protocol5"])
def test_pytorchs_files_are_read_without_pytorch_bit_for_bit(name):
    found, wanted = interop.read(DATA / f"{name}.pt"), interop.read(DATA / "torch_bits.npz")
    assert_same(found, wanted)
    assert all(array.flags.writeable for array in found.values())


def test_reading_imports_neither_pytorch_nor_pickle():
    code = ("import sys, numpy; before = set(sys.modules); from npadasoft.interop import files; "
            "files.read(sys.argv[1]); print(sorted(set(sys.modules) - before))")
    import subprocess
    out = subprocess.run([sys.executable, "-c", code, str(DATA / "torch_float32.pt")], check=True,
                         cwd=DATA.parents[1], capture_output=True, text=True).stdout
    new = ast.literal_eval(out)
    assert "npadasoft.interop.torch_zip" in new
    assert not {"torch", "safetensors", "onnx"} & set(new)


def test_no_reader_names_anything_that_unpickles_or_evaluates():
    for path in Path(common.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {getattr(node, "module", None)} | {alias.name for alias in node.names}
                assert not names & {"pickle", "marshal", "dill", "cloudpickle", "shelve"}, path
            if isinstance(node, ast.Name):
                assert node.id not in {"eval", "exec", "compile", "__import__"}, path
            if isinstance(node, ast.Attribute):
                assert node.attr not in {"load_module", "import_module", "Unpickler"}, path


def test_pytorchs_file_makes_a_layer_with_pytorchs_numbers():
    numbers = interop.read(DATA / "torch_numbers.npz")
    asm = interop.load(DATA / "torch_float32.pt", div_value=2.0)
    wide = asm.with_parameters(asm.parameters.map(lambda w: w.astype(np.float64)))
    output, loss = wide(numbers["input"], numbers["target"])
    # log-probabilities of size < 8, from sums of 8 terms of size < 1: 32 units of 8 u
    assert np.abs(numbers["log_prob"]).max() < 8
    limit = 32 * 8 * 2.0**-53
    assert np.abs(output - numbers["output"]).max() <= limit
    assert np.abs(wide.log_prob(numbers["input"]) - numbers["log_prob"]).max() <= limit
    assert abs(float(loss - numbers["loss"])) <= limit


def test_a_bfloat16_file_is_widened_exactly():
    found, wide = interop.read(DATA / "torch_bfloat16.pt"), interop.read(DATA / "torch_bits.npz")
    for name, array in wide.items():
        bits = found[name].view(np.uint32)
        assert found[name].dtype == np.float32 and not (bits & 0xFFFF).any()
        assert np.abs(found[name] - array).max() <= 2.0**-8 * np.abs(array).max()


def test_a_strided_tensor_comes_in_its_own_order():
    found = interop.read(DATA / "torch_strided.pt")["t"]
    assert np.array_equal(found, np.arange(24.0, dtype="f4").reshape(4, 6)[1:, ::2].T)
    assert found.flags.c_contiguous


def test_a_dict_within_a_checkpoint_is_read_by_its_name():
    path = DATA / "torch_checkpoint.pt"
    assert_same(interop.read(path, entry="model"), interop.read(DATA / "torch_bits.npz"))
    assert interop.load(path, entry="model").cutoffs == (3, 7, 12)
    with pytest.raises(WeightFileError, match="'model' is dict, not a tensor .and 1 more.; entry="):
        interop.read(path)
    with pytest.raises(WeightFileError, match="no entry 'optimizer' that is a dict; it has 'mod"):
        interop.read(path, entry="optimizer")
    with pytest.raises(WeightFileError, match="no entry 'epoch' that is a dict"):
        interop.read(path, entry="epoch")


@pytest.mark.parametrize("name, message", [
    ("torch_module.pt", "object of 'torch.nn.modules.adaptive.AdaptiveLogSoft.*state_dict"),
    ("torch_old.pt", "format from before 1.6"),
    ("torch_script.pt", "TorchScript archive")])
def test_what_is_more_than_tensors_is_refused_by_name(name, message):
    with pytest.raises(WeightFileError, match=message):
        interop.read(DATA / name)


def test_part_of_a_model_is_found_under_its_prefix(tmp_path):
    asm = AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], 2.0, rng=0)
    state = {f"decoder.softmax.{name}": a for name, a in asm.state_dict().items()}
    interop.write(tmp_path / "m.npz", {**state, "decoder.embed": np.ones(3)})
    back = interop.load(tmp_path / "m.npz", prefix="decoder.softmax.")
    assert_same(back.state_dict(), asm.state_dict())


# ---------------------------------------------------------------- PyTorch's module

def torch_module(**options):
    torch = pytest.importorskip("torch")
    torch.manual_seed(1)
    return torch.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], 2.0, **options)


@pytest.mark.parametrize("head_bias", [False, True])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_module_goes_in_and_out_bit_for_bit(head_bias, dtype):
    torch = pytest.importorskip("torch")
    module = torch_module(head_bias=head_bias, dtype=getattr(torch, dtype))
    asm = interop.from_torch(module, ignore_index=None)
    assert asm.div_value == 2.0 and asm.dtype == dtype
    back = interop.to_torch(asm)
    theirs = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    assert_same({name: tensor.numpy() for name, tensor in back.state_dict().items()}, theirs)
    assert_same(asm.state_dict(), theirs)
    assert repr(back) == repr(module) and back.div_value == 2.0
    assert all(p.requires_grad and p.is_leaf for p in back.parameters())
    if dtype != "float16":
        x, y = torch.randn(5, 8, dtype=module.head.weight.dtype), torch.tensor([0, 3, 11, 7, 2])
        assert torch.equal(back(x, y).output, module(x, y).output)


def test_neither_shares_memory_with_the_other():
    module = torch_module()
    asm = interop.from_torch(module)
    before = {name: array.copy() for name, array in asm.state_dict().items()}
    back = interop.to_torch(asm)
    for parameter in (*module.parameters(), *back.parameters()):
        parameter.data.zero_()
    assert_same(asm.state_dict(), before)


def test_bfloat16_modules_come_in_widened():
    torch = pytest.importorskip("torch")
    module = torch_module(dtype=torch.bfloat16)
    asm = interop.from_torch(module)
    assert np.array_equal(asm.parameters.head.weight, module.head.weight.detach().float().numpy())


def test_sizes_that_follow_no_div_value_go_out():
    pytest.importorskip("torch")
    asm = AdaptiveLogSoftmaxWithLoss.from_state_dict({
        "head.weight": np.ones((3, 4)), "tail.0.0.weight": np.ones((3, 4)),
        "tail.0.1.weight": np.ones((5, 3))})
    module = interop.to_torch(asm)
    assert module.div_value is None and module.tail[0][0].weight.shape == (3, 4)
    assert_same(interop.from_torch(module).state_dict(), asm.state_dict())


def test_biases_in_tails_go_to_pytorch_and_come_back():
    """Its module makes none, but holds them."""
    torch = pytest.importorskip("torch")
    asm = AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], 2.0, tail_bias=True, rng=0)
    module = interop.to_torch(asm)
    x = np.random.default_rng(0).normal(size=(5, 8))
    theirs = module.log_prob(torch.from_numpy(x)).detach().numpy()
    assert abs(theirs - asm.log_prob(x)).max() < 1e-14
    assert_same(interop.from_torch(module).state_dict(), asm.state_dict())


def test_a_module_with_a_bias_in_some_of_its_tails_is_refused():
    torch = pytest.importorskip("torch")
    module = torch_module()
    module.tail[0][1] = torch.nn.Linear(4, 4)
    with pytest.raises(ValueError, match='Missing key.*"tail.1.1.bias"'):
        interop.from_torch(module)


@pytest.mark.parametrize("options, message", [
    ({"ignore_index": 3}, "no ignore_index and always takes the mean, but found 3 and 'mean'"),
    ({"reduction": "sum"}, "found None and 'sum'"),
    ({"dtype": np.longdouble}, "PyTorch has no dtype for")])
def test_what_pytorchs_module_cannot_hold_is_refused(options, message):
    pytest.importorskip("torch")
    if "dtype" in options and np.dtype(np.longdouble).itemsize == 8:
        pytest.skip("long double is double here")
    with pytest.raises(ValueError, match=message):
        interop.to_torch(AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], 2.0, rng=0, **options))


def test_an_absent_package_is_named_with_the_command(monkeypatch, tmp_path):
    asm = AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], 2.0, rng=0)
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match="pip install torch"):
        interop.to_torch(asm)
    with pytest.raises(ImportError, match="pip install onnx"):
        interop.to_onnx(asm, tmp_path / "m.onnx")


# ---------------------------------------------------------------- writing is atomic

def test_a_failed_write_leaves_the_old_file_and_no_trace(tmp_path, monkeypatch):
    path = tmp_path / "w.npz"
    interop.write(path, {"a": np.ones(3)})
    before = path.read_bytes()

    def full(*_):
        raise OSError("no space left")
    for target in "fsync", "replace":
        with monkeypatch.context() as patch:
            patch.setattr(os, target, full)
            with pytest.raises(OSError, match="no space left"):
                interop.write(path, {"a": np.zeros(3)})
        assert path.read_bytes() == before and os.listdir(tmp_path) == ["w.npz"]


def test_the_new_file_is_complete_and_on_disk_before_it_takes_the_name(tmp_path, monkeypatch):
    path, seen = tmp_path / "w.safetensors", []
    interop.write(path, {"a": np.ones(3)})
    replace, fsync = os.replace, os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (seen.append("fsync"), fsync(fd)))

    def watched(source, target):
        seen.append("replace")
        assert interop.read(source)["a"].tolist() == [0, 0, 0]
        assert interop.read(target)["a"].tolist() == [1, 1, 1]
        replace(source, target)
    monkeypatch.setattr(os, "replace", watched)
    interop.write(path, {"a": np.zeros(3)})
    assert seen[:2] == ["fsync", "replace"]
    assert interop.read(path)["a"].tolist() == [0, 0, 0]


def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path):
    interop.write(tmp_path / "w.npz", {})
    (tmp_path / "plain").touch()
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("w.npz", "plain")]
    assert modes[0] == modes[1]


def test_where_directories_cannot_be_flushed_files_are_written_all_the_same(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "O_DIRECTORY")
    interop.write(tmp_path / "w.npz", {"a": np.ones(2)})
    assert interop.read(tmp_path / "w.npz")["a"].tolist() == [1, 1]


@pytest.mark.parametrize("name, state, error, message", [
    ("w.pt", {}, ValueError, r"written as .safetensors or .npz, not '.pt'"),
    ("w", {}, ValueError, "not ''"),
    ("w.npz", [1], TypeError, "should be a mapping of names to arrays, but found <class 'list'>"),
    ("w.npz", {1: np.ones(2)}, ValueError, "cannot have the name 1"),
    ("w.safetensors", {"__metadata__": np.ones(2)}, ValueError, "cannot have the name"),
    ("w.npz", {"a": np.array([None])}, TypeError, "a is object, which holds no plain numbers"),
    ("w.npz", {"a": np.array(["x"])}, TypeError, "a is <U1"),
    ("w.safetensors", {"\udc80": np.ones(2)}, UnicodeEncodeError, "surrogates")])
def test_what_cannot_be_written_is_refused_before_a_file_is_touched(tmp_path, name, state, error,
                                                                    message):
    with pytest.raises(error, match=message):
        interop.write(tmp_path / name, state)
    assert os.listdir(tmp_path) == []


def test_tensors_of_pytorch_may_be_written(tmp_path):
    torch = pytest.importorskip("torch")
    interop.write(tmp_path / "w.npz", {"a": torch.arange(3.0)})
    assert interop.read(tmp_path / "w.npz")["a"].tolist() == [0, 1, 2]
