"""Every tensor that PyTorch can write into a state dict: its numbers, bit for bit, or its name."""
import argparse
import collections
import io
import os
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npadasoft import AdaptiveLogSoftmaxWithLoss, interop
from npadasoft.interop import WeightFileError, torch_zip

torch = pytest.importorskip("torch")

PLAIN = ["float64", "float32", "float16", "bfloat16", "complex64", "complex128", "complex32",
         "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool",
         "float8_e5m2", "float8_e4m3fn", "float8_e5m2fnuz", "float8_e4m3fnuz", "float8_e8m0fnu"]
PLAIN += ["bcomplex32"] if hasattr(torch, "bcomplex32") else []       # since 2.14
WIDER = {"bfloat16": torch.float32, "complex32": torch.complex64, "bcomplex32": torch.complex64,
         **{name: torch.float32 for name in PLAIN if name.startswith("float8")}}
VIEWS = ["transpose", "step", "narrow", "expand", "unfold", "as_strided", "select", "empty", "flat",
         "conj", "neg", "real"]
WRAPPERS = ["plain", "parameter", "buffer", "attribute", "requires_grad"]


def made(dtype, shape, seed):
    """A tensor of any bits of a dtype: nan, infinities and subnormals among them."""
    generator = np.random.default_rng(seed)
    kind = getattr(torch, dtype)
    if dtype == "bool":
        return torch.from_numpy(generator.integers(0, 2, shape).astype(bool))
    size = int(np.prod(shape)) * kind.itemsize
    raw = torch.from_numpy(generator.integers(0, 256, max(size, kind.itemsize), np.uint8))
    return raw.view(kind)[:int(np.prod(shape))].reshape(shape)


def viewed(tensor, view):
    """One step of what makes views; a view that the tensor cannot have leaves it as it is."""
    try:
        if view == "transpose":
            return tensor.transpose(0, -1)
        if view == "step":
            return tensor[::2]
        if view == "narrow":
            return tensor[1:]
        if view == "expand":
            return tensor[..., None].expand(*tensor.shape, 3)
        if view == "unfold":
            return tensor.unfold(-1, 2, 1)
        if view == "as_strided":
            return tensor.as_strided((2, 2), (1, 1))
        if view == "select":
            return tensor.select(0, 0)
        if view == "empty":
            return tensor[:0]
        if view == "flat":
            return tensor.reshape(-1)
        if view == "conj":
            return tensor.conj()
        if view == "neg":
            return torch._neg_view(tensor)
        return tensor.conj().imag if tensor.is_complex() else tensor
    except (RuntimeError, IndexError):
        return tensor


def wrapped(tensor, wrapper):
    grad = tensor.is_floating_point() and tensor.dtype.itemsize > 1
    if wrapper == "parameter":
        return torch.nn.Parameter(tensor, requires_grad=grad)
    if wrapper == "buffer":
        return torch.nn.Buffer(tensor)
    if wrapper == "attribute":
        tensor = tensor.detach()
        tensor.named = ["anything", 1]
        return tensor
    return tensor.detach().requires_grad_(grad) if wrapper == "requires_grad" else tensor


def numbers(tensor):
    """What PyTorch has: lazy bits resolved, widened where NumPy lacks the type."""
    name = str(tensor.dtype).removeprefix("torch.")
    tensor = tensor.detach().to(WIDER.get(name, tensor.dtype))
    return tensor.resolve_conj().resolve_neg().contiguous().numpy()


def has_numbers(tensor):
    """Whether PyTorch itself can carry out the lazy bits of a tensor."""
    try:
        return numbers(tensor) is not None
    except NotImplementedError:
        return False


def assert_same_numbers(found, tensor):
    """Bit for bit; a nan of a type of 8 bits has no bits to keep, and stays a nan.

    So does a nan of bfloat16 under a lazy minus: PyTorch gives it other bits in its vector loop
    than in the rest of it.
    """
    wanted = numbers(tensor)
    assert found.dtype == wanted.dtype and found.shape == wanted.shape
    if str(tensor.dtype).startswith("torch.float8") or (
            tensor.dtype == torch.bfloat16 and tensor.is_neg()):
        nan = np.isnan(wanted)
        assert np.array_equal(np.isnan(found), nan)
        found, wanted = np.where(nan, 0, found), np.where(nan, 0, wanted)
    assert found.tobytes() == wanted.tobytes()


@pytest.mark.filterwarnings("ignore:B?Complex.* support is experimental")
@given(st.lists(st.tuples(st.sampled_from(PLAIN), st.lists(st.integers(0, 4), max_size=3),
                          st.lists(st.sampled_from(VIEWS), max_size=3), st.sampled_from(WRAPPERS),
                          st.integers(0, 2**32 - 1)), min_size=1, max_size=4),
       st.sampled_from([2, 3, 4, 5]))
@settings(deadline=None, derandomize=True, max_examples=150)
def test_a_tensor_that_pytorch_writes_is_read_bit_for_bit(tmp_path_factory, drawn, protocol):
    state = {}
    for i, (dtype, shape, views, wrapper, seed) in enumerate(drawn):
        tensor = made(dtype, shape, seed)
        for view in views:
            tensor = viewed(tensor, view)
        state[f"w{i}"] = wrapped(tensor, wrapper)
    path = tmp_path_factory.getbasetemp() / "tensors.pt"
    torch.save(state, path, pickle_protocol=protocol)
    theirs = torch.load(path, weights_only=True) if protocol == 2 else state
    without = [name for name, tensor in theirs.items() if not has_numbers(tensor)]
    if without:
        with pytest.raises(WeightFileError, match="a lazy minus, which PyTorch cannot carry out"):
            interop.read(path, prefix=without[0])
    found = interop.read(path, partial=True)
    assert list(found) == [name for name in state if name not in without]
    for name, array in found.items():
        assert_same_numbers(array, theirs[name])


def test_a_lazy_conjugate_that_is_dropped_would_be_seen(tmp_path, monkeypatch):
    weight = torch.tensor([[1 + 2j, 3 - 1j]])
    torch.save({"w": weight.mH}, tmp_path / "h.pt")
    assert interop.read(tmp_path / "h.pt")["w"].ravel().tolist() == [1 - 2j, 3 + 1j]
    monkeypatch.setattr(torch_zip.np, "conj", lambda array: array)
    with pytest.raises(AssertionError):
        assert_same_numbers(interop.read(tmp_path / "h.pt")["w"], weight.mH)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_lazy_minus_of_nan_has_the_bits_that_pytorch_gives_it(tmp_path, dtype):
    kind = getattr(torch, dtype)
    tensor = torch._neg_view(made(dtype, (4000,), 1)) if kind.itemsize < 4 else torch._neg_view(
        torch.tensor([float("nan"), -float("nan"), 0.0, 1.0], dtype=kind))
    torch.save({"w": tensor}, tmp_path / "w.pt")
    assert tensor.isnan().any()
    assert_same_numbers(interop.read(tmp_path / "w.pt")["w"], tensor)


class Sub(torch.Tensor):
    """A subclass of someone else's."""


class Wrapper(torch.Tensor):
    """A wrapper class: its numbers are those of another tensor, which it holds."""

    @staticmethod
    def __new__(cls, inner):
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype)

    def __init__(self, inner):
        self.inner = inner

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        raise NotImplementedError(func)


def quantized():
    return torch.quantize_per_tensor(torch.ones(2, 3), 0.1, 0, torch.qint8)


REFUSED = {
    "a sparse tensor: save its .to_dense": lambda: torch.eye(2).to_sparse(),
    "a sparse tensor: save its": lambda: torch.eye(2).to_sparse_csr(),
    "a quantized tensor: save its .dequantize": quantized,
    "a quantized tensor": lambda: torch.quantize_per_channel(
        torch.ones(2, 3), torch.ones(2), torch.zeros(2), 0, torch.quint8),
    "a nested tensor": lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
    "a tensor on the device 'meta', which has no numbers": lambda: torch.ones(2, device="meta"),
    "a tensor of the class '.*Sub', which may hold": lambda: torch.ones(2).as_subclass(Sub),
    "a tensor of the class '.*Wrapper', which may hold": lambda: Wrapper(torch.ones(2)),
    "'float4_e2m1fn_x2', whose bits alone are no numbers": lambda: torch.ones(
        2, dtype=torch.uint8).view(torch.float4_e2m1fn_x2),
    "'bits8', whose bits alone": lambda: torch.ones(2, dtype=torch.uint8).view(torch.bits8),
    "'bad' is NoneType|'bad' is None": lambda: None,
    "'bad' is int": lambda: 3,
    "'bad' is an object of 'argparse.Namespace'": lambda: argparse.Namespace(lr=0.1),
    "'bad' is an object of 'numpy.*scalar'|a number of NumPy": lambda: np.float64(3),
    "'bad' is the name 'torch.float32'": lambda: torch.float32,
    "'bad' is an object of 'torch.device'": lambda: torch.device("cpu"),
    "'bad' is tuple": lambda: torch.Size([2, 3]),
    "'bad' is bytes": lambda: b"x",
    "'bad' is an object of '__builtin__.set'": lambda: {1, 2},
    "'bad' is the name '(os|posix).getcwd'": lambda: os.getcwd,
    "'bad' is an object of 'collections.deque'": lambda: collections.deque([1]),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("message", REFUSED)
def test_what_has_no_numbers_is_refused_by_name_and_harms_nothing_beside_it(tmp_path, message):
    torch.save({"bad": REFUSED[message](), "soft.w": torch.arange(3.0)}, tmp_path / "w.pt")
    with pytest.raises(WeightFileError, match=message):
        interop.read(tmp_path / "w.pt")
    for options in {"prefix": "soft."}, {"partial": True}:
        found, = interop.read(tmp_path / "w.pt", **options).values()
        assert found.tolist() == [0, 1, 2]


def as_of_a_big_endian_machine(path):
    """A file's twin as such a machine writes it: storages swapped, and the record that says so."""
    twin = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(twin, "w") as target:
        for info in source.infolist():
            data = source.read(info)
            if info.filename.endswith("byteorder"):
                data = b"big"
            if "/data/" in info.filename:
                data = np.frombuffer(data, "<u4").byteswap().tobytes()
            target.writestr(info.filename, data)
    path.write_bytes(twin.getvalue())


def test_a_file_of_a_big_endian_machine_is_read_as_pytorch_does_or_refused(tmp_path):
    path = tmp_path / "w.pt"
    state = {"f": torch.randn(4), "c": torch.randn(3, dtype=torch.complex64).conj(),
             "i": torch.arange(5, dtype=torch.int32)}
    torch.save(state, path)
    as_of_a_big_endian_machine(path)
    found, theirs = interop.read(path), torch.load(path, weights_only=True)
    for name in state:
        assert_same_numbers(found[name], theirs[name])
        assert torch.equal(theirs[name], state[name])
    torch.save({"u": torch.arange(4).to(torch.uint32)}, path)
    as_of_a_big_endian_machine(path)
    with pytest.raises(WeightFileError, match="'u' is uint32 in a file of a big-endian machine"):
        interop.read(path)


# ---------------------------------------------------------------- what stands beside the weights

class Ordered(collections.OrderedDict):
    """A subclass that only its writer has."""


def test_a_full_training_checkpoint_gives_the_bits_of_pytorchs_own_load(tmp_path):
    torch.manual_seed(0)
    layer = torch.nn.AdaptiveLogSoftmaxWithLoss(8, 30, [5, 12], div_value=2.0, head_bias=True)
    model = torch.nn.ModuleDict({"body": torch.nn.Linear(8, 8), "soft": layer})
    optimizer = torch.optim.AdamW(model.parameters())
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=10)
    model["soft"](model["body"](torch.randn(4, 8)), torch.tensor([0, 7, 20, 3])).loss.backward()
    optimizer.step()
    scheduler.step()
    torch.save({
        "model": model.state_dict(), "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(), "args": argparse.Namespace(lr=0.1, f=len),
        "epoch": 3, "best": np.float64(0.5), "rng": torch.get_rng_state(), "none": None,
        "numpy": np.random.get_state(), "extra": Ordered(a=1), "size": torch.Size([2]),
        "dtype": torch.float32, "device": torch.device("cpu"), "set": {1}, "bytes": b"x",
        ("a", 1): 2, 1.5: 3, torch.float16: 4, "counter": collections.Counter("aab"),
    }, tmp_path / "c.pt")
    theirs = torch.load(tmp_path / "c.pt", weights_only=False)["model"]
    ours = interop.load(tmp_path / "c.pt", entry="model", prefix="soft.").state_dict()
    assert list(ours) == [name.removeprefix("soft.") for name in theirs if name[:5] == "soft."]
    for name, array in ours.items():
        assert_same_numbers(array, theirs["soft." + name])


def test_seven_hundred_tensors_with_their_adamw_state_are_read(tmp_path):
    parameters = [torch.nn.Parameter(torch.full((2,), float(i))) for i in range(700)]
    optimizer = torch.optim.AdamW(parameters)
    for parameter in parameters:
        parameter.grad = torch.ones(2)
    optimizer.step()
    torch.save({"model": {f"w{i}": p for i, p in enumerate(parameters)},
                "optimizer": optimizer.state_dict()}, tmp_path / "c.pt")
    found = interop.read(tmp_path / "c.pt", entry="model")
    assert len(found) == 700
    assert_same_numbers(found["w699"], parameters[699])


def test_a_block_that_is_listed_twelve_times_is_one_array(tmp_path):
    block = torch.randn(512, 512)
    torch.save({f"w{i}": block for i in range(12)}, tmp_path / "w.pt")
    found = interop.read(tmp_path / "w.pt", max_bytes=block.numel() * 4)
    assert len({id(array) for array in found.values()}) == 1
    assert_same_numbers(found["w11"], block)


def test_a_buffer_of_stride_zero_beside_the_layer_is_read(tmp_path):
    layer = AdaptiveLogSoftmaxWithLoss(8, 30, [5, 12], div_value=2.0, rng=0, dtype=np.float32)
    state = {"soft." + k: torch.from_numpy(v) for k, v in layer.state_dict().items()}
    mask = torch.zeros(1, 1).expand(4, 6)
    torch.save({**state, "mask": mask}, tmp_path / "e.pt")
    assert interop.read(tmp_path / "e.pt")["mask"].tolist() == np.zeros((4, 6)).tolist()
    assert interop.load(tmp_path / "e.pt", prefix="soft.").cutoffs == (5, 12, 30)


def test_max_bytes_lifts_the_bound_on_what_is_made(tmp_path):
    torch.save({"w": torch.zeros(1).expand(2**25)}, tmp_path / "w.pt")
    with pytest.raises(WeightFileError, match="take 134217728 bytes, more than .*max_bytes="):
        interop.read(tmp_path / "w.pt")
    assert interop.read(tmp_path / "w.pt", max_bytes=2**27)["w"].shape == (2**25,)
