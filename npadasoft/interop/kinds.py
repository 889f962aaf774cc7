"""What a file is, told by its first bytes before anything is parsed, and what to do with it."""
from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of file that is not read: what it is, and the way on."""

    what: str
    way: str

    def __str__(self):
        return f"this is {self.what}: {self.way}"


LFS = b"version https://git-lfs"
_NNABLA = "save it as .h5 with nnabla.save_parameters"
_STARTS = [     # (bytes, what, the way on)
    (LFS, "a Git LFS pointer, a note of where the weights are", "run git lfs pull, and read the "
     "file that takes its place"),
    (b"GGUF", "a GGUF file, llama.cpp's", "read it with the package gguf, and give its arrays to "
     "interop.write"),
    (b"\x93NUMPY", "a single .npy array", "save a dict with numpy.savez"),
    (b"\x1f\x8b", "a gzip file", "unpack it with gunzip, and name what was in it"),
    (b"BZh", "a bzip2 file", "unpack it with bunzip2, and name what was in it"),
    (b"\xfd7zXZ\0", "an xz file", "unpack it with unxz, and name what was in it"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file", "unpack it with unzstd, and name what was in it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it, and name the file of weights in it"),
    (b"\xff\xd8\xff", "a JPEG picture", "name the file of weights"),
    (b"\x89PNG", "a PNG picture", "name the file of weights"),
    (b"%PDF", "a PDF document", "name the file of weights"),
    (b"\x03\0\0\0\1\0\0\0", "a table of Lua's Torch (.t7)", "load it there, and save the arrays "
     "with its npy4th; layouts.from_lua takes them"),
    (b"\x04\0\0\0\1\0\0\0\3\0\0\0V 1", "an object of Lua's Torch (.t7)", "load it there, and save "
     "the arrays with its npy4th; layouts.from_lua takes them"),
    (b"\xa2\x06", "a protobuf of NNabla, it seems", _NNABLA),          # a network first
    (b"\xc2\x0c", "a protobuf of NNabla, it seems", _NNABLA),          # a parameter
]
_OLD_TORCH = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"      # its magic number, pickled

_MINDSPORE = (b"\x12\x07Float32\x1a", b"\x12\x07Float16\x1a", b"\x12\x07Float64\x1a",
              b"\x12\x05Int32\x1a", b"\x12\x05Int64\x1a", b"\x12\x08BFloat16\x1a")
_ONNX_FIELDS = (b"\x12", b"\x1a", b"\x22", b"\x3a", b"\x42")     # of a ModelProto


def told(start, end=b""):
    """The kind of a file that is not read, or None.

    Parameters
    ----------
    start : bytes
        The first 512 bytes.
    end : bytes
        The last 8.
    """
    if not start:
        return Kind("an empty file", "the download or the writing of it has failed")
    for bytes_, what, way in _STARTS:
        if start.startswith(bytes_):
            return Kind(what, way)
    if old_torch(start):
        return Kind("PyTorch's format from before 1.6, a bare pickle",
                    "load it there and save it anew with torch.save")
    if start[257:262] == b"ustar":
        return Kind("a tar archive", "unpack it, and name the file of weights in it")
    if start[4:8] in (b"TFL3", b"PTE1"):
        return Kind("a TFLite model" if start[4:5] == b"T" else "an ExecuTorch program",
                    "take the weights from the model that it was made of")
    if end == b"\x57\xfb\x80\x8b\x24\x75\x47\xdb":
        return Kind("the index of a TensorFlow checkpoint", "read it with tf.train.load_checkpoint,"
                    " and give its arrays to interop.write")
    if start[:1] == b"\n" and any(word in start for word in _MINDSPORE):
        return Kind("a checkpoint of MindSpore, it seems", "save it with mindspore.save_checkpoint("
                    "..., format='safetensors')")
    if start[:1] == b"\x08" and start[1:2] < b"\x20" and start[2:3] in _ONNX_FIELDS:
        return Kind("an ONNX model, it seems", "read its initializers with "
                    "onnx.numpy_helper.to_array, and give them to interop.write")
    return _text(start)


def old_torch(start):
    """Whether a file begins with the magic number of PyTorch's format from before 1.6."""
    return start[2:14] == _OLD_TORCH


def _text(start):
    """Kinds of text; a JSON is not among them."""
    plain = start.lstrip()
    if plain[:1] in (b"{", b"[", b""):
        return None
    if plain[:1] == b"<":
        return Kind("a page of HTML or XML", "the download has answered with a page instead of the "
                    "file")
    try:
        printable = start[:-3].decode("utf-8").translate(dict.fromkeys(b"\n\r\t", " "))
    except UnicodeDecodeError:
        return None
    if len(start) > 8 and printable.isprintable():
        return Kind(f"text, which begins with {printable[:30]!r}", "name the file of weights")
    return None


def folder(names):
    """What a folder with these names is, and the way on."""
    names = sorted(names)
    index = [name for name in names if name.endswith(".index.json")]
    if index:
        return Kind("a folder", f"name its index, {index[0]}")
    if ".metadata" in names:
        return Kind("a folder, a distributed checkpoint of PyTorch", "convert it with python -m "
                    "torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER FILE.pt")
    if "saved_model.pb" in names:
        return Kind("a folder, a SavedModel of TensorFlow", "load it there, and give its arrays to "
                    "interop.write")
    if "manifest.ocdbt" in names or "_CHECKPOINT_METADATA" in names or "_METADATA" in names:
        return Kind("a folder, a checkpoint of Orbax", "restore it there, and save the arrays with "
                    "flax.serialization.to_bytes or numpy.savez")
    files = [name for name in names if name.endswith((
        ".safetensors", ".npz", ".pt", ".pth", ".bin", ".h5", ".ckpt", ".msgpack", ".pdparams",
        ".params"))]
    return Kind("a folder", f"name a file in it{', ' + files[0][:80] + ' say' if files else ''}")
