"""Mutants of valid files of every kind: read or refused, fast, in little memory, nothing run.

Memory is traced for every 20th, because tracing is slow; the others are timed.
"""
import io
import os
import pickle
import random
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from npadasoft import interop
from npadasoft.interop import WeightFileError, common, pickle_subset

DATA = Path(__file__).parents[1] / "data"
SAMPLES = [     # HDF5 is not among them: it is parsed by a library in C
    "torch_float32.pt", "torch_checkpoint.pt", "torch_strided.pt", "torch_full.pt", "fairseq.pt",
    "torch_module.pt", "torch_bits.npz", "torch_script.pt", "torch_old.pt", "libtorch.pt",
    "chainer.npz", "chainer_none.npz", "mlx.npz", "mlx.safetensors", "float8.safetensors",
    "tied.safetensors", "shard.safetensors.index.json", "flax.msgpack", "paddle.pdparams",
    "paddle_more.pdparams", "mxnet.params", "mxnet_np.params", "mxnet_sparse.params"]
KINDS = ["set", "flip", "insert", "delete", "copy", "zero", "ones"]
IN_CI = 200         # mutants; the figure makes a thousand times as many


def zipped(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def parts(path):
    """The members of a zip archive, by name."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """Valid files of all kinds, as bytes."""
    found = [(DATA / name).read_bytes() for name in SAMPLES]
    path = tmp_path_factory.mktemp("samples") / "w.safetensors"
    interop.write(path, interop.read(DATA / "torch_bits.npz"))
    np.savez_compressed(path.with_suffix(".npz"), a=np.arange(60.0).reshape(5, 12), b=np.ones(3))
    return [*found, path.read_bytes(), path.with_suffix(".npz").read_bytes()]


@pytest.fixture(scope="module")
def archives():
    """Members of valid archives, and the one whose bytes are to be changed in a sound archive."""
    return [(parts(DATA / file), member) for file in SAMPLES if zipfile.is_zipfile(DATA / file)
            for member in parts(DATA / file) if member.endswith((".npy", "data.pkl"))]


@pytest.fixture(scope="module")
def events():
    """Audit events of the interpreter: imports, processes, unpickling, code."""
    seen, watched = [], ("import", "exec", "compile", "pickle.find_class", "os.system",
                         "subprocess.Popen", "socket.connect", "os.remove", "open")
    active = [True]

    def hook(name, args):
        if active[0] and name in watched:
            seen.append(name)
    sys.addaudithook(hook)
    yield seen
    active[0] = False


def test_the_watch_sees_an_unpickling(events):
    events.clear()
    pickle.loads(pickle.dumps(np.float64))
    assert "pickle.find_class" in events


def assert_read_or_refused(path, data, events, **options):
    """Reading either gives plain arrays or the declared error, and touches nothing but the file."""
    path.write_bytes(data)
    events.clear()
    found = None
    try:
        found = interop.read(path, **options)
    except WeightFileError as error:
        assert str(error) and len(str(error)) < 600
    else:
        assert all(type(name) is str and a.dtype.kind in "biufc" for name, a in found.items())
    assert set(events) <= {"open"}, events
    return found is not None


def assert_described_or_refused(path):
    try:
        text = str(interop.describe(path))
    except WeightFileError:
        return
    assert len(text) < 60_000


EDITS = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.sampled_from(KINDS),
                           st.integers(0, 255), st.integers(1, 40)), min_size=1, max_size=6)


def edited(data, edits):
    """`data` with bytes set, flipped, inserted, taken out or repeated at parts of its length."""
    data = bytearray(data)
    for where, kind, value, length in edits:
        at = int(where * max(len(data), 1))
        if kind == "set":
            data[at:at + 1] = bytes([value])
        elif kind == "flip" and data:
            data[at] ^= 1 << value % 8
        elif kind == "insert":
            data[at:at] = bytes([value]) * length
        elif kind == "delete":
            del data[at:at + length]
        elif kind == "copy":
            data[at:at] = data[at:at + length]
        else:
            data[at:at + length] = (b"\0" if kind == "zero" else b"\xff") * length
    return bytes(data)


@given(st.integers(0, len(SAMPLES) + 1), EDITS, st.booleans())
@settings(deadline=None, derandomize=True, max_examples=300)
def test_a_mutated_file_is_read_or_refused_and_nothing_is_unpickled(
        samples, events, tmp_path_factory, which, edits, partial):
    path = tmp_path_factory.getbasetemp() / "mutant"
    assert_read_or_refused(path, edited(samples[which], edits), events, partial=partial)


@given(st.binary(max_size=200))
@settings(deadline=None, derandomize=True, max_examples=300)
def test_any_bytes_are_refused_as_data_pkl(data):
    try:
        pickle_subset.evaluate(data)
    except WeightFileError:
        pass


@given(st.integers(0, len(SAMPLES) + 1), st.floats(0, 1))
@settings(deadline=None, derandomize=True, max_examples=200)
def test_a_truncated_file_is_refused(samples, tmp_path_factory, which, part):
    path = tmp_path_factory.getbasetemp() / "cut"
    path.write_bytes(samples[which][:int(part * (len(samples[which]) - 1))])
    with pytest.raises(WeightFileError):
        interop.read(path)


class Fuzz:
    """Mutants by a seed, what became of them, and the bounds that they were held to."""

    def __init__(self, samples, archives, events, path, seed=0):
        self.samples, self.archives, self.events, self.path = samples, archives, events, path
        self.draw = random.Random(seed)
        self.readable, self.slowest, self.peak = 0, 0.0, 0.0

    def mutant(self):
        """A file with up to six edits; or a sound archive of one member with such edits."""
        draw = self.draw
        edits = [(draw.random(), draw.choice(KINDS), draw.randrange(256), draw.randint(1, 40))
                 for _ in range(draw.randint(1, 6))]
        if draw.random() < 0.6:
            return edited(draw.choice(self.samples), edits)
        members, name = draw.choice(self.archives)
        return zipped({**members, name: edited(members[name], edits)})

    def run(self, n):
        for i in range(n):
            data, partial = self.mutant(), self.draw.random() < 0.5
            traced = i % 20 == 0            # tracing is slow
            if traced:
                tracemalloc.start()
            begun = time.process_time()
            self.readable += assert_read_or_refused(self.path, data, self.events, partial=partial)
            seconds = time.process_time() - begun
            if traced:
                self.peak = max(self.peak, tracemalloc.get_traced_memory()[1]
                                / (common.MULTIPLE * len(data) + common.FREE))
                tracemalloc.stop()
            else:
                assert seconds < 1, f"{seconds:.2f} s"
                self.slowest = max(self.slowest, seconds)
            if i % 10 == 1:
                assert_described_or_refused(self.path)
        # an array and, while it is made of it, one storage: twice what all arrays may take
        assert self.peak < 2


def test_mutants_of_every_kind_are_read_or_refused(samples, archives, events, tmp_path):
    Fuzz(samples, archives, events, tmp_path / "mutant", seed=1).run(IN_CI)


@pytest.mark.figures
def test_a_long_fuzz_of_the_readers(samples, archives, events, tmp_path):
    """A thousand times as many mutants, in blocks with a seed each.

    NPADASOFT_BLOCKS=0:10 says which of the hundred blocks.
    """
    first, last = map(int, os.environ.get("NPADASOFT_BLOCKS", "0:100").split(":"))
    n = 1000 * IN_CI // 100
    print(f"\n{n} mutants a block, of {len(samples)} files, and of {len(archives)} members of "
          "sound archives")
    print("block  readable  refused  slowest (s of processor)  most memory (of what is allowed)")
    for seed in range(first, last):
        fuzz = Fuzz(samples, archives, events, tmp_path / "mutant", seed)
        fuzz.run(n)
        print(f"{seed:5} {fuzz.readable:9} {n - fuzz.readable:8} {fuzz.slowest:25.3f} "
              f"{fuzz.peak:33.3f}", flush=True)
