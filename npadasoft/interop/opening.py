"""A file of weights, opened: what kind it is by its first bytes, and what stands in it."""
import io
import json
import os
import stat
from contextlib import ExitStack, contextmanager
from pathlib import Path

from npadasoft.interop import (flax_file, hdf5_file, kinds, mxnet_file, npz_file, pickle_file,
                               safetensors_file, torch_zip)
from npadasoft.interop.common import (FREE, MULTIPLE, Found, Item, WeightFileError, read_exactly,
                                      shown)
from npadasoft.interop.zip_member import member
from npadasoft.interop.zip_member import opened as zip_opened

_MAX_INDEX = 2**24
_HEAD = 512
_HDF5_INSIDE = {        # an archive by what it holds: the weights, and what stands beside them
    "a .keras archive": ("model.weights.h5", "config.json"),
    "an .nnp archive of NNabla": ("parameter.h5", "nnp_version.txt")}


@contextmanager
def opened(path, entry=None, *, shard=False):
    """What stands in the file under `path`, and its size in bytes; arrays can be made inside.

    Parameters
    ----------
    path, entry
        As for `files.read`.
    shard : bool
        Whether an index has led here: it may not lead to another one.

    Yields
    ------
    Found, int

    Raises
    ------
    WeightFileError
        If it is no file of weights that can be read; the message says what it is.
    OSError
        If it cannot be opened.
    """
    with ExitStack() as stack:
        file, size = _regular(path, stack)
        head = file.read(_HEAD)
        if head.lstrip()[:1] in (b"{", b"[") and head[4:9] != b"\0\0\0\0{":
            if shard:
                raise WeightFileError("an index names an index")
            yield _sharded(Path(path), file, size, entry, stack)
        else:
            yield _scan(file, size, head, entry, stack), size


def _regular(path, stack):
    """The file under `path` for reading, and its size; a folder or a device is told as one."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise WeightFileError(f"{kinds.folder(os.listdir(path))}")
        if not stat.S_ISREG(status.st_mode):
            raise WeightFileError("not a regular file")
        return stack.enter_context(open(descriptor, "rb", closefd=True)), status.st_size
    except BaseException:
        os.close(descriptor)
        raise


def _scan(file, size, head, entry, stack):
    """What stands in one file that begins with `head`."""
    file.seek(0)
    if head[:4] == b"PK\3\4":
        return _zip(stack.enter_context(zip_opened(file, size)), size, entry, stack)
    plausible = head[4:9] == b"\0\0\0\0{"           # the length of a header, and a header
    if head[:1] == b"\x80" and head[1:2] <= b"\x05" and not plausible and not kinds.old_torch(head):
        return pickle_file.scan(file, size, entry)
    if entry is not None:
        raise WeightFileError("only .pt files and pickles have entries, and this is none: "
                              f"{shown(entry)}")
    if head.startswith(hdf5_file.MAGIC):
        return stack.enter_context(hdf5_file.opened(file))
    if head.startswith(mxnet_file.MAGIC) and not plausible:
        return mxnet_file.scan(file, size)
    kind = None if plausible else kinds.told(head, _end(file, size))
    if kind:
        raise WeightFileError(str(kind))
    file.seek(0)
    if flax_file.is_flax(head) and not plausible:
        return flax_file.scan(file, size)
    if head[8:9] not in b"{" and int.from_bytes(head[:8], "little") > safetensors_file.MAX_HEADER:
        raise WeightFileError("this is no file of weights that is known: it begins with "
                              f"{head[:8]!r}, and a safetensors file has a {{ as its ninth byte")
    return safetensors_file.scan(file, size)


def _zip(archive, size, entry, stack):
    """What stands in a zip archive: an .npz, a .pt, Keras's .keras or NNabla's .nnp."""
    names = archive.namelist()
    for kind, (weights, beside) in _HDF5_INSIDE.items():
        if weights in names and beside in names:
            return Found(kind, _inside(archive, weights, size, stack))
    if "nnp_version.txt" in names:
        raise WeightFileError("this is an .nnp archive of NNabla without a parameter.h5: load it "
                              "there, and save it as .h5 with nnabla.save_parameters")
    if entry is None and any(name.endswith(".npy") for name in names) and not any(
            name.endswith("data.pkl") for name in names):
        return npz_file.scan(archive)
    return torch_zip.scan(archive, size, entry)


def _inside(archive, name, size, stack):
    """What stands in the HDF5 file of this name in an archive."""
    info = archive.getinfo(name)
    if info.file_size > MULTIPLE * size + FREE:
        raise WeightFileError(f"the weights inflate to {info.file_size} bytes: unzip the file, "
                              f"and name its {name}")
    return stack.enter_context(hdf5_file.opened(io.BytesIO(member(archive, info)))).items


def _end(file, size):
    """The last 8 bytes."""
    file.seek(max(size - 8, 0))
    return file.read(8)


def _sharded(path, file, size, entry, stack):
    """The weights of all files that an index (`model.safetensors.index.json`) names."""
    if size > _MAX_INDEX:
        raise WeightFileError(f"this is a JSON of {size} bytes, and no index of weights has so "
                              "many")
    file.seek(0)
    try:
        index = json.loads(bytes(read_exactly(file, size, "the index")).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise WeightFileError(f"this looks like JSON, and is none: {str(error)[:80]}") from None
    shards = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(shards, dict) or not all(isinstance(name, str) for name in shards.values()):
        raise WeightFileError("this is a JSON without a weight_map, so no index of weights: name "
                              "the file of weights beside it")
    parts, total, lost = {}, size, {}
    for shard in dict.fromkeys(shards.values()):
        if Path(shard).name != shard or "\\" in shard or shard in ("", ".", ".."):
            raise WeightFileError(f"the index names a file that is not beside it: {shown(shard)}")
        try:
            parts[shard], n_bytes = stack.enter_context(
                opened(path.parent / shard, entry, shard=True))
            total += n_bytes
        except (OSError, WeightFileError) as error:
            lost[shard] = f"cannot be read: {str(error)[:200]}"
    items = {}
    for name, shard in shards.items():
        item = parts[shard].items.get(name) if shard in parts else None
        items[name] = item or Item("?", why=f"{shown(name)} should be in {shown(shard)}, which "
                                   f"{lost.get(shard, 'has no such name')}")
    notes = [f"{shown(shard)} {why}" for shard, why in lost.items()]
    return Found(f"an index of {len(parts) + len(lost)} files", items, notes=notes), total
