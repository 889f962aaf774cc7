"""A file of weights, opened: what kind it is by its first bytes, and what stands in it."""
import json
import os
import stat
from contextlib import ExitStack, contextmanager
from pathlib import Path

from npadasoft.interop import kinds, npz_file, safetensors_file, torch_zip
from npadasoft.interop.common import Found, Item, WeightFileError, read_exactly, shown
from npadasoft.interop.zip_member import opened as zip_opened

_MAX_INDEX = 2**24
_HEAD = 512


@contextmanager
def opened(path, entry=None):
    """What stands in the file under `path`, and its size in bytes; arrays can be made inside.

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
        if head[:1] in (b"{", b" ", b"\n", b"\r", b"\t", b"[") and head[4:9] != b"\0\0\0\0{":
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
    if head[:4] == b"PK\3\4":
        file.seek(0)
        archive = stack.enter_context(zip_opened(file, size))
        names = archive.namelist()
        if entry is None and any(name.endswith(".npy") for name in names) and not any(
                name.endswith("data.pkl") for name in names):
            return npz_file.scan(archive)
        return torch_zip.scan(archive, size, entry)
    if entry is not None:
        raise WeightFileError(f"only .pt files have entries, and this is none: {entry!r}")
    plausible = head[4:9] == b"\0\0\0\0{"           # the length of a header, and a header
    kind = None if plausible else kinds.told(head, _end(file, size))
    if kind:
        raise WeightFileError(str(kind))
    if head[:1] == b"\x80" and not plausible:
        raise WeightFileError("this is a bare pickle, which can run code: not read")
    file.seek(0)
    return safetensors_file.scan(file, size)


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
    found, total, notes = {}, size, []
    for shard in dict.fromkeys(shards.values()):
        if Path(shard).name != shard or shard in ("", ".", ".."):
            raise WeightFileError(f"the index names a file that is not beside it: {shown(shard)}")
        try:
            part, n_bytes = stack.enter_context(opened(path.parent / shard, entry))
        except (OSError, WeightFileError) as error:
            part, n_bytes = Found("", {}), 0
            notes.append(f"{shown(shard)} cannot be read: {str(error)[:200]}")
        found[shard] = part.items
        total += n_bytes
    missing = {shard: Item("?", why=f"the index says {shown(shard)}, where it is not")
               for shard in found}
    items = {name: found[shard].get(name, missing[shard]) for name, shard in shards.items()}
    return Found(f"the index of {len(found)} files", items, notes=notes), total
