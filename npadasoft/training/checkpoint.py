"""Arrays and a few numbers in one .npz file: written whole or not at all, and never unpickled."""

from __future__ import annotations

import json
import os
import pathlib
import zipfile
from typing import Any

import numpy as np

FORMAT = "npadasoft train 1"
META = "meta"


class CheckpointError(ValueError):
    """A file that is no checkpoint, or no longer one."""


def save(path, meta, arrays):
    """Write a checkpoint; whoever reads `path` finds the old one or the new one, whole.

    Parameters
    ----------
    path : str or Path
    meta : dict
        What JSON can hold.
    arrays : dict of str to array

    Notes
    -----
    Written beside `path`, flushed to the disk, then renamed.  Numbers are little-endian, text is
    JSON in an array of bytes: no member of the file is an object array.
    """
    path = pathlib.Path(path)
    text = json.dumps({"format": FORMAT, "arrays": sorted(arrays), **meta}).encode()
    members: dict[str, Any] = {META: np.frombuffer(text, dtype=np.uint8), **arrays}
    beside = path.with_name(f".{path.name}.part")       # one name: a killed run leaves one, at most
    try:
        with open(beside, "wb") as file:
            np.savez(file, **members)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder):
    """Make the rename itself last, where folders can be opened (not on Windows)."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def load(path):
    """Read a checkpoint.

    Returns
    -------
    meta : dict
    arrays : dict of str to array

    Raises
    ------
    CheckpointError
        If the file is damaged, or was not written by `save`.
    OSError
        If it cannot be opened.
    """
    with open(path, "rb") as file:
        if not zipfile.is_zipfile(file):
            raise CheckpointError(f"{path} is no checkpoint: not a whole .npz file")
        try:
            with zipfile.ZipFile(file) as members:
                if any(member.compress_type for member in members.infolist()):
                    raise ValueError("it is compressed")        # and might unpack to anything
            file.seek(0)
            with np.load(file, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            text = arrays.pop(META)
            meta = json.loads(text.tobytes())
        except KeyError:
            raise CheckpointError(f"{path} is no checkpoint of npadasoft train") from None
        except Exception as error:      # a damaged zip raises a dozen kinds: each is a refusal
            raise CheckpointError(f"{path} is damaged or foreign: {error}") from None
    if not isinstance(meta, dict) or meta.pop("format", None) != FORMAT:
        raise CheckpointError(f"{path} is no checkpoint of npadasoft train ({FORMAT!r})")
    if meta.pop("arrays", None) != sorted(arrays):      # a zip's list of members has no checksum
        raise CheckpointError(f"{path} is damaged: it does not hold the arrays it names")
    return meta, arrays
