"""Training on text: data, model, optimiser, checkpoints and the command."""

import dataclasses
import gzip
import io
import math
import os
import pathlib
import pickle
import signal
import struct
import subprocess
import sys
import time
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import npadasoft
from npadasoft import AdaptiveLogSoftmaxWithLoss
from npadasoft.training import (Adagrad, FullSoftmax, Model, Run, Settings, checkpoint, corpus,
                                data, optimiser, read_text, unigram_perplexity)
from npadasoft.training.checkpoint import CheckpointError
from npadasoft.training.command import train
from npadasoft.training.model import Rows
from npadasoft.training.progress import Progress
from npadasoft.training.rdata import read_rdb
from npadasoft.training.run import stored_settings
from npadasoft.training.tied import InputModel

U = 2.0 ** -53          # float64 unit roundoff
SMALL = Settings(context=2, embedding=3, hidden=8, batch=20, clusters=2, div_value=2.0)


def some_text(n=600, kinds=40, seed=0):
    """Words w0, w1, ... drawn from a Zipf law, each often followed by the same one."""
    rng = np.random.default_rng(seed)
    p = 1 / np.arange(1, kinds + 1)
    ids = rng.choice(kinds, size=n, p=p / p.sum())
    names = ["".join(chr(97 + int(c)) for c in str(i)) for i in ids]
    return " ".join(names)


# ---------------------------------------------------------------- data

def test_words_are_numbered_by_their_frequency_in_the_training_part():
    c = corpus("b a a c c c " * 20 + "d " * 30, held_out=0.2)
    assert c.words == ("c", "a", "b", "d") and c.counts.tolist() == [60, 40, 20, 0]
    assert len(c.train) == 120 and set(c.held_out.tolist()) == {3}
    assert [c.words[i] for i in c.train[:6]] == ["b", "a", "a", "c", "c", "c"]


def test_rare_words_become_one_class():
    c = corpus("a a b b " * 30 + "x y z", min_count=2)
    assert set(c.words) == {"a", "b", data.UNKNOWN}


def test_words_keep_their_apostrophes_and_lose_everything_else():
    c = corpus("Don't _stop_, 42 o’clock—já! " * 40)
    assert set(c.words) == {"don't", "stop", "o’clock", "já"}


def test_another_text_has_another_digest():
    one, two = some_text(), some_text(seed=1)
    assert corpus(one).digest == corpus(one).digest
    assert len({corpus(one).digest, corpus(two).digest, corpus(one, held_out=0.1).digest}) == 3


@pytest.mark.parametrize("call, message", [
    (lambda: corpus("a b c"), "at least 100 words, 3 of them different, .* found 3 and 3"),
    (lambda: corpus("a b " * 99), "found 198 and 2"),
    (lambda: corpus(some_text(), held_out=1.0), "between 0 and 1, but found 1.0"),
    (lambda: data.windows(np.arange(3), 3), "context of 3 words needs more than 3 words"),
    (lambda: data.Batches(9, 10, 0), "batch should be between 1 and 9, but found 10"),
    (lambda: Settings(softmax="none"), "softmax should be full, adaptive or both, but found none"),
    (lambda: Settings(hidden=0), "hidden should be at least 1, but found 0"),
    (lambda: Settings(rate=math.nan), "rate should be a positive number, but found nan"),
    (lambda: Settings(softmax="full", tied=True), "leave softmax out, but found full"),
    (lambda: Settings(seed=-1), "seed should be at least 0, but found -1"),
])
def test_bad_input_is_refused_with_the_value_and_the_bound(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_an_epoch_meets_every_place_at_most_once_and_the_next_in_another_order():
    batches = data.Batches(23, 5, seed=3)
    assert batches.per_epoch == 4
    first = np.concatenate([batches[i] for i in range(4)])
    second = np.concatenate([batches[i] for i in range(4, 8)])
    assert len(set(first.tolist())) == len(set(second.tolist())) == 20
    assert first.tolist() != second.tolist()


def test_a_batch_depends_on_the_seed_and_its_number_alone():
    forwards, backwards = data.Batches(23, 5, seed=3), data.Batches(23, 5, seed=3)
    expected = [forwards[i].tolist() for i in range(12)]
    assert [backwards[i].tolist() for i in reversed(range(12))] == expected[::-1]
    assert data.Batches(23, 5, seed=4)[0].tolist() != expected[0]


def test_the_unigram_model_is_the_best_of_its_family():
    c = corpus(some_text())
    best = unigram_perplexity(c)
    for a in (0.05, 0.2, 0.7):
        p = (c.counts + a) / (c.counts + a).sum()
        assert best <= float(np.exp(-np.log(p[c.held_out]).mean())) + 0.05
    assert 1 < best < len(c.words)


def test_the_text_that_ships_is_small_and_has_more_than_ten_thousand_words():
    assert data.SHIPPED.stat().st_size < 1_000_000
    assert "public domain" in (data.SHIPPED.parent / "SOURCE.md").read_text()
    c = corpus(read_text())
    assert len(c.words) == 10_941 and len(c.train) + len(c.held_out) == 321_815


def test_texts_are_read_plain_and_gzipped(tmp_path):
    (tmp_path / "a.txt").write_text("naïve", encoding="utf-8")
    (tmp_path / "a.gz").write_bytes(gzip.compress("naïve".encode(), mtime=0))
    assert read_text(tmp_path / "a.txt") == read_text(tmp_path / "a.gz") == "naïve"


@pytest.mark.parametrize("name, content", [
    ("latin.txt", "naïve".encode("latin-1")), ("not.gz", b"plain"),
    ("cut.gz", gzip.compress(b"x" * 999, mtime=0)[:-5])])
def test_what_is_no_text_is_refused(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name} is not a UTF-8 text"):
        read_text(tmp_path / name)


# ---------------------------------------------------------------- R's format

def r_string(text):
    raw = text.encode()
    return struct.pack(">ii", 9, len(raw)) + raw


def r_strings(lines):
    body = b"".join(struct.pack(">ii", 9, -1) if x is None else r_string(x) for x in lines)
    return struct.pack(">ii", 16, len(lines)) + body


def r_named(values, known=False):
    """A list with names: attributes are a pairlist whose tag is the symbol `names`."""
    symbol = struct.pack(">i", 0x1FF) if known else struct.pack(">i", 1) + r_string("names")
    attributes = struct.pack(">i", 0x402) + symbol + r_strings(values) + struct.pack(">i", 254)
    return struct.pack(">ii", 0x213, len(values)) + b"".join(values.values()) + attributes


def r_integers(*values):
    return struct.pack(f">ii{len(values)}i", 13, len(values), *values)


def r_object(body, version=3):
    native = struct.pack(">i", 5) + b"UTF-8" if version == 3 else b""
    return b"X\n" + struct.pack(">iii", version, 0, 0) + native + body


def write_rdb(folder, objects, version=3):
    data, places = b"", {}
    for name, body in objects.items():
        part = struct.pack(">i", 0) + zlib.compress(r_object(body, version))
        places[name] = r_integers(len(data), len(part))
        data += part
    index = r_named({"variables": r_named(places), "compressed": r_integers(1)}, known=True)
    (folder / "x.rdb").write_bytes(data)
    (folder / "x.rdx").write_bytes(gzip.compress(r_object(index, version), mtime=0))
    return folder / "x.rdb"


@pytest.mark.parametrize("version", [2, 3])
def test_the_character_vectors_of_an_r_database_are_read(version, tmp_path):
    reals = struct.pack(">iid", 14, 1, 0.5)
    path = write_rdb(tmp_path, {"zoe": r_strings(["Zoë", None, "end"]), "number": reals,
                                "anne": r_strings(["Anne"])}, version)
    assert read_rdb(path) == {"anne": "Anne", "zoe": "Zoë\n\nend"}
    assert read_text(path) == "Anne\nZoë\n\nend"


def test_an_r_database_without_text_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no text"):
        read_rdb(write_rdb(tmp_path, {"n": r_integers(1)}))


def test_an_attribute_list_may_have_attributes_and_no_names(tmp_path):
    odd = (struct.pack(">ii", 0x210, 1) + r_string("text")
           + struct.pack(">i", 0x202) + struct.pack(">i", 254)     # a pairlist, its attributes
           + r_integers(7) + struct.pack(">i", 254))
    assert read_rdb(write_rdb(tmp_path, {"odd": odd})) == {"odd": "text"}


def test_a_damaged_r_database_is_refused_or_read_never_anything_else(tmp_path):
    path = write_rdb(tmp_path, {"a": r_strings(["some text"] * 3)})
    index = gzip.decompress(path.with_suffix(".rdx").read_bytes())
    for at in range(len(index)):
        for mask in (0x01, 0x80, 0xFF):
            bad = bytearray(index)
            bad[at] ^= mask
            path.with_suffix(".rdx").write_bytes(gzip.compress(bytes(bad), 1, mtime=0))
            try:
                texts = read_rdb(path)
            except ValueError:
                continue
            assert all(text == "some text\nsome text\nsome text" for text in texts.values())


@pytest.mark.parametrize("index", [b"", b"plain", gzip.compress(b"A\n", mtime=0),
                                   gzip.compress(b"X\n", mtime=0)])
def test_a_foreign_r_index_is_refused(index, tmp_path):
    path = write_rdb(tmp_path, {"a": r_strings(["b"])})
    path.with_suffix(".rdx").write_bytes(index)
    with pytest.raises(ValueError, match="x.rdb"):
        read_rdb(path)


# ---------------------------------------------------------------- model and optimiser

def small_model(kind, dtype):
    rng = np.random.default_rng(1)
    if kind == "full":
        softmax = FullSoftmax(6, 12, dtype=dtype, rng=rng)
    else:
        softmax = AdaptiveLogSoftmaxWithLoss(6, 12, [4, 8], 2.0, True, dtype=dtype, rng=rng)
    return Model(12, 3, 2, 6, softmax, dtype=dtype, rng=2)


def batch(n=10):
    rng = np.random.default_rng(3)
    return rng.integers(0, 12, (n, 3)), rng.integers(0, 12, n)


@pytest.mark.parametrize("kind", ["full", "adaptive"])
def test_every_gradient_is_the_complex_step_of_the_loss(kind):
    """d loss / d w = Im loss(w + ih) / h for h so small that its square is lost: no difference.

    A gradient is a sum of products whose absolute values sum to less than 2·max(1, Σ|w|) with w
    the weights passed on the way; each carries at most as many roundings as there are terms.
    """
    past, word = batch()
    model, shifted = small_model(kind, np.float64), small_model(kind, np.complex128)
    _, gradients = model.loss_and_gradients(past, word)
    rows = gradients["embedding"]
    dense = np.zeros_like(model.embedding)
    dense[rows.rows] = rows.values
    gradients["embedding"] = dense
    passed = max(1.0, *(np.abs(w).sum(0).max() for w in model.named().values() if w.ndim == 2))
    terms = sum(w.shape[-1] for w in model.named().values()) + 12 + len(word)
    for name, array in shifted.named().items():
        for at in np.ndindex(array.shape):
            kept = array[at]
            array[at] = kept + 1e-30j
            slope = -shifted.log_prob(past, word).mean().imag / 1e-30
            array[at] = kept
            assert abs(gradients[name][at] - slope) <= 4 * terms * U * 2 * passed ** 2, (name, at)


@given(st.integers(1, 9), st.integers(2, 12), st.integers(0, 99))
@settings(deadline=None, derandomize=True, max_examples=40)
def test_the_full_softmax_is_the_layer_whose_only_cluster_is_one_class(n, n_classes, seed):
    rng = np.random.default_rng(seed)
    full = FullSoftmax(5, n_classes, rng=rng)
    layer = AdaptiveLogSoftmaxWithLoss(5, n_classes, [n_classes - 1], rng=rng)
    weights = {path: leaf for path, leaf in layer.parameters.items()}
    weights["head.weight"] = full.parameters.head.weight
    layer.load_state_dict(weights)
    x, y = rng.standard_normal((n, 5)), rng.integers(0, n_classes, n)
    loss, gradients = full.loss_and_gradients(x, y)
    expected, wanted = layer.loss_and_gradients(x, y)
    # roundings: 5 products a logit, n_classes terms a sum, n rows; each below 10 in size
    bound = 8 * (5 + n_classes + n) * U * 10
    assert abs(loss - expected) <= bound and abs(full(x, y).loss - expected) <= bound
    assert np.abs(gradients.input - wanted.input).max() <= bound
    assert np.abs(gradients.parameters.head.weight
                  - wanted.parameters.head.weight).max() <= 10 * bound
    assert np.abs(full(x, y).output - layer(x, y).output).max() <= bound


def test_blocks_of_the_full_softmax_change_nothing_but_rounding(monkeypatch):
    rng = np.random.default_rng(0)
    full = FullSoftmax(4, 9, rng=rng)
    x, y = rng.standard_normal((11, 4)), rng.integers(0, 9, 11)
    loss, gradients = full.loss_and_gradients(x, y)
    monkeypatch.setattr(FullSoftmax, "_blocks", lambda self, n: [
        slice(i, i + 2) for i in range(0, n, 2)])
    again, others = full.loss_and_gradients(x, y)
    assert abs(loss - again) <= 22 * U * loss
    for a, b in ((gradients.input, others.input),
                 (gradients.parameters.head.weight, others.parameters.head.weight)):
        assert np.abs(a - b).max() <= 22 * U * 4


def test_samples_of_the_full_softmax_follow_its_probabilities():
    full, x = FullSoftmax(4, 5, rng=0), np.ones((1, 4))
    p = np.exp(full(np.repeat(x, 5, 0), np.arange(5)).output)
    found = np.bincount(full.sample(np.repeat(x, 20_000, 0), rng=1), minlength=5) / 20_000
    assert np.abs(found - p).max() <= 5 * (0.25 / 20_000) ** 0.5       # five standard deviations


def adagrad_by_hand(w, gradients, rate, epsilon=1e-8):
    total = 0.0
    for g in gradients:
        total += g * g
        w -= rate * g / (math.sqrt(total) + epsilon)
    return w


def test_adagrad_is_its_definition_in_blocks_of_any_size(monkeypatch):
    rng = np.random.default_rng(0)
    start, gradients = rng.standard_normal((3, 5)), rng.standard_normal((4, 3, 5))
    for size in (1, 4, 1 << 16):
        monkeypatch.setattr(optimiser, "BLOCK", size)
        array = start.copy()
        adagrad = Adagrad({"w": array}, 0.1)
        for g in gradients:
            adagrad.step({"w": g})
        expected = [adagrad_by_hand(float(start[at]), gradients[(slice(None), *at)].tolist(), 0.1)
                    for at in np.ndindex(3, 5)]
        assert np.abs(array.ravel() - expected).max() <= 4 * 6 * U * 2     # 4 steps of 6 roundings


def test_a_gradient_of_rows_is_the_same_step_as_its_zeros_and_rows():
    rng = np.random.default_rng(0)
    one, two = rng.standard_normal((2, 6, 3))
    two[:] = one
    dense, sparse = Adagrad({"w": one}, 0.1), Adagrad({"w": two}, 0.1)
    for rows in ([0, 3], [3, 5]):
        values = rng.standard_normal((2, 3))
        full = np.zeros((6, 3))
        full[rows] = values
        dense.step({"w": full})
        sparse.step({"w": Rows(np.array(rows), values)})
    assert (one == two).all() and (dense.sums["w"] == sparse.sums["w"]).all()


# ---------------------------------------------------------------- runs and checkpoints

def arrays(run):
    return {name: array.copy() for name, array in run._arrays().items()}


def steps_of(path):
    return {name: took[0] for name, took in checkpoint.load(path)[0]["learners"].items()}


def same(one, two):
    return one.keys() == two.keys() and all((one[k] == two[k]).all() for k in one)


def test_both_softmaxes_learn_and_beat_the_unigram_model():
    text = "one two three four five six seven eight nine ten " * 60
    how = Settings(context=2, embedding=4, hidden=8, batch=20, rate=0.2, div_value=2.0)
    run = Run(how, corpus(text))
    run.train(120)
    for name in ("full", "adaptive"):
        assert run.perplexity(name) < 2 < 9 < unigram_perplexity(run.corpus)


def test_the_part_below_the_softmax_starts_from_the_same_numbers():
    run = Run(SMALL, corpus(some_text()))
    full, adaptive = (run.learners[name].model for name in ("full", "adaptive"))
    assert (full.embedding == adaptive.embedding).all() and (full.weight == adaptive.weight).all()
    assert full.embedding is not adaptive.embedding


TIED = dataclasses.replace(SMALL, tied=True)


@pytest.mark.parametrize("name", ["untied", "tied"])
def test_gradients_of_a_model_with_an_adaptive_input_are_those_of_the_complex_step(name):
    """Where arrays are shared, input and softmax move together."""
    model = complex_model(name)
    run = Run(TIED, corpus(some_text()))
    past, word = run.past[:9], run.word[:9]
    _, gradients = model.loss_and_gradients(past, word)
    named, rng = model.named(), np.random.default_rng(0)
    for path, array in named.items():
        d = rng.standard_normal(array.shape)
        before = array.copy()
        array += 1e-30j * d
        wanted = -model.log_prob(past, word).mean().imag / 1e-30
        array[...] = before
        terms = (gradients[path] * d).real
        # sums of at most 1,000 terms, each of which errs by some ten roundings of its size
        assert abs(terms.sum() - wanted) <= 1000 * U * max(abs(terms).sum(), abs(wanted)), path


def complex_model(name):
    """That of a run in complex numbers, so that every array can be moved in place."""
    softmax = AdaptiveLogSoftmaxWithLoss(8, 40, [10, 20], 2.0, dtype=complex, rng=1)
    return InputModel(2, softmax, name == "tied", dtype=complex, rng=0)


def test_the_arrays_that_are_tied_stay_the_softmaxs_own_through_every_step():
    run = Run(TIED, corpus(some_text()))
    before = {name: learner.model.input(np.arange(40)) for name, learner in run.learners.items()}
    run.train(3)
    tied, untied = (run.learners[name].model for name in ("tied", "untied"))
    for band, tail in zip(tied.input.parameters.bands[1:], tied.softmax.parameters.tail):
        assert band.embedding is tail.output.weight and band.projection is tail.projection.weight
    assert np.shares_memory(tied.input.parameters.bands[0].embedding,
                            tied.softmax.parameters.head.weight)
    assert all((run.learners[name].model.input(np.arange(40)) != before[name]).any()
               for name in before)
    assert not any(path.startswith("input") for path in tied.named())
    own = sum(leaf.size for path, leaf in untied.named().items() if path.startswith("input"))
    assert own == sum(leaf.size for _, leaf in tied.input.parameters.items())


@pytest.mark.parametrize("how", [SMALL, TIED], ids=["softmaxes", "tied"])
def test_a_resumed_run_ends_bit_for_bit_where_an_unbroken_one_does(how, tmp_path):
    text = corpus(some_text())
    whole, first = Run(how, text), Run(how, text)
    whole.train(40)                                     # an epoch has 28
    first.train(13)
    first.save(tmp_path / "run.npz")
    meta, stored = checkpoint.load(tmp_path / "run.npz")
    second = Run(stored_settings("run.npz", meta), text)
    second.load("run.npz", meta, stored)
    second.train(40)
    assert same(arrays(whole), arrays(second))
    assert all(whole.learners[name].loss == second.learners[name].loss
               for name in whole.learners)
    assert not same(arrays(first), arrays(second))


def test_a_damaged_file_is_refused_or_reads_as_before(tmp_path):
    path = tmp_path / "run.npz"
    checkpoint.save(path, {"step": 3}, {"a": np.arange(5.0), "b": np.ones((2, 2), np.float32)})
    whole = path.read_bytes()
    meta, stored = checkpoint.load(path)
    refused = 0
    for at in range(len(whole)):
        bad = bytearray(whole)
        bad[at] ^= 1 << at % 8
        path.write_bytes(bytes(bad))
        try:
            found = checkpoint.load(path)
        except CheckpointError as error:
            assert "run.npz" in str(error)
            refused += 1
            continue
        assert found[0] == meta and same(found[1], stored)      # dates and the like
    assert refused > len(whole) / 2
    for end in range(0, len(whole), 7):
        path.write_bytes(whole[:end])
        with pytest.raises(CheckpointError, match="run.npz"):
            checkpoint.load(path)


SPRUNG = []


def spring():
    SPRUNG.append(1)


class Trap:
    """Unpickling it leaves a mark."""

    def __reduce__(self):
        return spring, ()


def test_foreign_files_are_refused_and_nothing_is_ever_unpickled(tmp_path):
    path = tmp_path / "foreign"
    contents = {"text": b"some text", "empty": b"", "pickle": pickle.dumps(Trap())}
    for name, members in (("npz", {"a": np.ones(3)}), ("meta", {"meta": np.ones(3)}),
                          ("json", {"meta": np.frombuffer(b"[]", np.uint8)}),
                          ("format", {"meta": np.frombuffer(b'{"format": "x"}', np.uint8)}),
                          ("object", {"meta": np.array([Trap()], dtype=object)})):
        buffer = io.BytesIO()
        np.savez(buffer, **members)
        contents[name] = buffer.getvalue()
    buffer = io.BytesIO()
    np.savez_compressed(buffer, meta=np.zeros(10 ** 6))
    contents["compressed"] = buffer.getvalue()
    buffer = io.BytesIO()
    np.save(buffer, np.array([Trap()], dtype=object))
    contents["npy"] = buffer.getvalue()
    for name, content in contents.items():
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="foreign"):
            checkpoint.load(path)
    assert not SPRUNG
    pickle.loads(contents["pickle"])
    assert SPRUNG                                  # the trap works


@pytest.mark.parametrize("stage", ["savez", "fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(stage, tmp_path, monkeypatch):
    path = tmp_path / "run.npz"
    checkpoint.save(path, {"step": 1}, {"a": np.ones(2)})

    def fail(*args, **kwargs):
        if stage == "savez":
            args[0].write(b"half")
        raise OSError("no space left")
    monkeypatch.setattr(np if stage == "savez" else os, stage, fail)
    with pytest.raises(OSError, match="no space"):
        checkpoint.save(path, {"step": 2}, {"a": np.zeros(2)})
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["run.npz"]
    assert checkpoint.load(path)[0]["step"] == 1


def test_a_checkpoint_is_saved_where_folders_cannot_be_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint.os, "name", "other")
    checkpoint._sync_folder("/nowhere")


@pytest.mark.parametrize("change, message", [
    (lambda meta, a: meta.update(text="other"), "another text"),
    (lambda meta, a: meta.pop("learners"), "how far"),
    (lambda meta, a: meta.update(learners={}), "how far"),
    (lambda meta, a: meta["learners"].update(full=[1]), "how far"),
    (lambda meta, a: a.pop("full.embedding"), "full.embedding"),
    (lambda meta, a: a.update(more=np.ones(1)), "more"),
    (lambda meta, a: a.update({"full.hidden.bias": np.zeros(3, np.float32)}), "full.hidden.bias"),
    (lambda meta, a: a.update({"full.hidden.bias": np.zeros(8)}), "full.hidden.bias"),
])
def test_a_checkpoint_that_does_not_fit_is_refused_and_changes_nothing(change, message, tmp_path):
    run = Run(SMALL, corpus(some_text()))
    run.train(2)
    run.save(tmp_path / "run.npz")
    meta, stored = checkpoint.load(tmp_path / "run.npz")
    change(meta, stored)
    before = arrays(run)
    with pytest.raises(CheckpointError, match=message):
        run.load("run.npz", meta, stored)
    assert same(arrays(run), before) and run.step == 2


def test_settings_of_another_version_are_refused():
    for meta in ({}, {"settings": {"cutoffs": None, "colour": 1}}, {"settings": 3}):
        with pytest.raises(CheckpointError, match="no settings of this version"):
            stored_settings("run.npz", meta)


# ---------------------------------------------------------------- the command

OPTIONS = ["--context", "2", "--embedding", "3", "--hidden", "8", "--batch", "20",
           "--div-value", "2"]


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text"
    path.write_text(some_text())
    return str(path)


def run_command(capsys, *argv):
    try:
        code = train([str(a) for a in argv])
    except SystemExit as end:               # what argparse refuses
        code = end.code
    return code, *capsys.readouterr()


def test_the_command_trains_both_and_writes_text(text, capsys):
    code, out, err = run_command(capsys, text, *OPTIONS, "--epochs", 1, "--sample", 12)
    lines = out.splitlines()
    assert code == 0
    assert lines[0].startswith("600 words, 40 different; the last 30 are held out")
    assert [line.split()[0] for line in lines[3:7]] == ["softmax", "full", "adaptive", "unigram"]
    assert "full:\n" in out and "adaptive:\n" in out
    assert len(out.split("adaptive:\n")[1].split()) == 2 + 12
    assert "100% step 28/28" in err and "words/s, perplexity" in err


def test_the_command_trains_an_input_of_its_own_and_one_that_is_tied(text, capsys):
    code, out, _ = run_command(capsys, text, *OPTIONS, "--tied", "--steps", 3)
    lines = out.splitlines()
    assert code == 0 and [line.split()[0] for line in lines[4:7]] == ["untied", "tied", "unigram"]
    untied, tied = (int(line.split()[1].replace(",", "")) for line in lines[4:6])
    assert tied < untied < 2 * tied + 1
    assert "weights: of the softmax and the input, shared ones once" in out
    assert "times faster" not in out


def test_nothing_is_claimed_while_a_model_is_worse_than_the_unigram_model(tmp_path, capsys):
    (tmp_path / "song").write_text("one two three four five six seven eight nine " * 60)
    argv = [tmp_path / "song", *OPTIONS]
    code, out, _ = run_command(capsys, *argv, "--steps", 1, "--rate", 1e-4)
    assert code == 0 and "times faster" not in out
    assert "not yet better than the unigram model, which knows no context: adaptive. " in out
    code, out, _ = run_command(capsys, *argv, "--steps", 120, "--rate", 0.2)
    assert code == 0 and "times faster per step, perplexity" in out and "not yet" not in out
    shown = [float(line.split()[-1]) for line in out.splitlines()[4:7]]
    assert max(shown[:2]) < shown[2]


@pytest.mark.parametrize("full, adaptive, behind", [
    (12.0, 11.0, "full and adaptive"), (9.0, 11.0, "adaptive"), (11.0, 9.0, "full"),
    (float("nan"), 9.0, "full"), (10.0, 9.0, "full")])
def test_the_model_that_is_behind_is_named(full, adaptive, behind, text, capsys, monkeypatch):
    monkeypatch.setattr("npadasoft.training.command.unigram_perplexity", lambda corpus: 10.0)
    monkeypatch.setattr(Run, "perplexity",
                        lambda self, name: {"full": full, "adaptive": adaptive}[name])
    _, out, _ = run_command(capsys, text, *OPTIONS, "--steps", 1)
    assert f"no context: {behind}. " in out and "times faster" not in out


def test_the_command_trains_one_softmax_with_given_cutoffs(text, capsys):
    code, out, _ = run_command(capsys, text, *OPTIONS, "--softmax", "adaptive", "--steps", 3,
                               "--cutoffs", 7, 20)
    assert code == 0 and "cutoffs 7, 20," in out and "times faster" not in out
    code, out, _ = run_command(capsys, text, *OPTIONS, "--softmax", "full", "--steps", 3)
    assert code == 0 and "cutoffs" not in out


def test_the_command_resumes_where_it_stopped(text, tmp_path, capsys):
    one, two = tmp_path / "one.npz", tmp_path / "two.npz"
    assert run_command(capsys, text, *OPTIONS, "--steps", 9, "--save", one)[0] == 0
    assert run_command(capsys, text, *OPTIONS, "--steps", 4, "--save", two)[0] == 0
    code, out, _ = run_command(capsys, text, "--steps", 9, "--resume", two, "--batch", 20)
    assert code == 0 and "9 steps from 4" in out
    assert same(checkpoint.load(one)[1], checkpoint.load(two)[1])
    code, out, _ = run_command(capsys, text, "--steps", 9, "--resume", two, "--sample", 3)
    assert code == 0 and "full:" in out                 # nothing left to do but to write


def test_the_command_refuses_what_would_be_lost_or_mixed_up(text, tmp_path, capsys):
    run, other = tmp_path / "run.npz", tmp_path / "other"
    other.write_text(some_text(seed=5))
    run_command(capsys, text, *OPTIONS, "--steps", 2, "--save", run)
    before = run.read_bytes()
    for argv, message in [
            ([text, "--save", run], "run.npz exists: go on with it by --resume"),
            ([text, "--save", run, "--resume", run], "leave --save out"),
            ([text, "--resume", run, "--batch", 21], "run.npz has batch 20, not 21"),
            ([other, "--resume", run], "was trained on another text"),
            ([text, "--resume", text], "is no checkpoint"),
            ([text, "--resume", tmp_path / "none"], "No such file"),
            ([tmp_path / "none"], "No such file"),
            ([text, "--steps", 0], "steps should be at least 1, but found 0"),
            ([text, "--sample", -1], "sample should be at least 0, but found -1"),
            ([text, "--batch", 10 ** 6], "batch should be between 1 and"),
            ([text, *OPTIONS, "--rate", "1e30"], "choose a smaller rate")]:
        with np.errstate(all="ignore"):
            code, _, err = run_command(capsys, *argv)
        assert code == 2 and message in err.splitlines()[-1], argv
    assert run.read_bytes() == before


def interrupt_at(monkeypatch, step, times=1):
    """Ctrl-C in the middle of a step; the learners' steps are counted together."""
    count = [0]
    original = Adagrad.step

    def stepped(self, gradients):
        count[0] += 1
        for _ in range(times if count[0] == step else 0):
            os.kill(os.getpid(), signal.SIGINT)
        original(self, gradients)
    monkeypatch.setattr(Adagrad, "step", stepped)


def test_ctrl_c_finishes_the_step_saves_and_loses_nothing(text, tmp_path, capsys, monkeypatch):
    one, two = tmp_path / "one.npz", tmp_path / "two.npz"
    before = signal.getsignal(signal.SIGINT)            # ignored, where the tests run detached
    run_command(capsys, text, *OPTIONS, "--steps", 9, "--save", one)
    with monkeypatch.context() as patch:
        interrupt_at(patch, 14)
        code, out, _ = run_command(capsys, text, *OPTIONS, "--steps", 9, "--save", two)
    assert code == 130 and "interrupted (full 9, adaptive 5 of 9 steps)" in out
    assert f"go on with --resume {two}" in out
    assert signal.getsignal(signal.SIGINT) is before
    assert run_command(capsys, text, "--steps", 9, "--resume", two)[0] == 0
    assert same(checkpoint.load(one)[1], checkpoint.load(two)[1])


def test_a_second_ctrl_c_leaves_the_last_save(text, tmp_path, capsys, monkeypatch):
    path = tmp_path / "run.npz"
    interrupt_at(monkeypatch, 9 + 6, times=2)
    code, _, err = run_command(capsys, text, *OPTIONS, "--steps", 9, "--save", path,
                               "--save-every", 2)
    assert code == 130 and "what was saved last is whole" in err
    assert steps_of(path) == {"full": 9, "adaptive": 4}


def test_ctrl_c_without_a_file_says_that_nothing_was_saved(text, capsys, monkeypatch):
    interrupt_at(monkeypatch, 2)
    code, out, _ = run_command(capsys, text, *OPTIONS)
    assert code == 130 and "nothing was saved (--save)" in out


def test_a_killed_run_loses_the_steps_since_the_last_save_and_no_more(text, tmp_path, capsys):
    path, whole = tmp_path / "run.npz", tmp_path / "whole.npz"
    code = "import sys; from npadasoft.training.command import train; train(sys.argv[1:])"
    folder = pathlib.Path(npadasoft.__file__).parents[1]
    for moment in (0.0, 0.011, 0.037):
        how = ["--resume", str(path)] if path.exists() else ["--save", str(path), *OPTIONS]
        begun = sum(steps_of(path).values()) if path.exists() else 0
        child = subprocess.Popen([sys.executable, "-c", code, text, "--steps", "100000",
                                  "--save-every", "1", *how], cwd=folder,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and child.poll() is None and not (
                    path.exists() and sum(steps_of(path).values()) > begun):
                time.sleep(0.005)
            time.sleep(moment)
        finally:
            child.kill()
            child.wait()
        assert sum(steps_of(path).values()) > begun     # a whole file, further than before
    step = max(steps_of(path).values())
    run_command(capsys, text, "--steps", step, "--resume", path)
    run_command(capsys, text, *OPTIONS, "--steps", step, "--save", whole)
    assert same(checkpoint.load(whole)[1], checkpoint.load(path)[1])


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_sees_one_line_drawn_over(text):
    run = Run(SMALL, corpus(pathlib.Path(text).read_text()))
    now, shown = [0.0], Terminal()
    progress = Progress(shown, 10, clock=lambda: now[0])

    def after(run):
        now[0] += 0.04
        progress(run)
        return True
    run.train(10, after)
    assert shown.getvalue().count("\r") == 8 and shown.getvalue().count("\n") == 1
    assert shown.getvalue().startswith("\r[#...................]   5% step 0/10 | full ")


def test_ctrl_c_on_a_terminal_ends_the_line(text, capsys, monkeypatch):
    interrupt_at(monkeypatch, 2)
    monkeypatch.setattr("sys.stderr", Terminal())
    assert train([text, *OPTIONS]) == 130
    assert sys.stderr.getvalue().endswith("\n")


@pytest.mark.figures
def test_six_novels_with_the_full_softmax_and_one_to_four_clusters(capsys):
    """NPADASOFT_AUSTEN names data/Rdata.rdb of the R package janeaustenr 1.0.0."""
    path = os.environ.get("NPADASOFT_AUSTEN")
    if path is None:
        pytest.skip("NPADASOFT_AUSTEN is not set")
    with capsys.disabled():
        print(f"\nnumpy {np.__version__}; {time.strftime('%Y-%m-%d')}")
        assert train([path]) == 0
        for clusters, div_value in ((1, 4), (3, 4), (3, 2), (4, 2)):
            print(f"\n--clusters {clusters} --div-value {div_value}")
            assert train([path, "--softmax", "adaptive", "--clusters", str(clusters),
                          "--div-value", str(div_value)]) == 0


@pytest.mark.figures
def test_the_text_that_ships_within_two_minutes(capsys):
    begin = time.perf_counter()
    with capsys.disabled():
        print(f"\nnumpy {np.__version__}; {time.strftime('%Y-%m-%d')}")
        assert train(["--sample", "60"]) == 0
        print(f"\n{time.perf_counter() - begin:.0f} s in all")
    assert time.perf_counter() - begin < 120
