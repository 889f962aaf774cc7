"""`describe` and `npadasoft weights`: what stands in a file, for whoever does not know."""
from pathlib import Path

import numpy as np
import pytest

from npadasoft import AdaptiveLogSoftmaxWithLoss, interop
from npadasoft.cli import main
from npadasoft.interop import files

DATA = Path(__file__).parents[1] / "data"


def test_a_checkpoint_is_described_without_reading_a_number(monkeypatch):
    monkeypatch.setattr(files, "_arrays", None)
    found = interop.describe(DATA / "torch_checkpoint.pt")
    assert found.kind == "a .pt file of PyTorch" and found.entries == ["model"]
    assert found.layers == {("model", ""): (8, (3, 7, 12))}
    assert found.unreadable == {"model": "'model' is dict, not a tensor",
                                "epoch": "'epoch' is int, not a tensor"}
    assert str(found).endswith(
        "a layer: interop.load(path, entry='model'): 8 features, cutoffs [3, 7, 12]")


def test_a_file_without_a_layer_says_why():
    found = interop.describe(DATA / "torch_strided.pt")
    assert found.arrays == {"t": ("float32", (3, 3))} and not found.layers
    assert "Missing key" in found.why_no_layer


@pytest.mark.parametrize("name", ["hf_projected.pt", "fairseq.pt", "fairseq_tied.pt", "hf_input.pt",
                                  "fairseq_input.pt", "keras_adaptive.h5"])
def test_another_projects_names_are_known_and_the_call_that_is_named_takes_them(name):
    if name.endswith(".h5"):
        pytest.importorskip("h5py")
    line, = [line for line in interop.describe(DATA / name).lines() if "import" in line]
    imported, call = line.removeprefix("another project's: ").split("; ")
    given = {"interop": interop, "path": DATA / name}
    exec(f"{imported}\nfound = {call}", given)
    assert given["found"]


def test_the_calls_that_are_described_load(tmp_path):
    asm = AdaptiveLogSoftmaxWithLoss(4, 9, [2, 5], div_value=2.0, rng=0)
    interop.write(tmp_path / "w.npz", {
        prefix + name: array for prefix in ("", "a.", "ema.b.")
        for name, array in asm.state_dict().items() if prefix or True} | {"x": np.ones(2)})
    found = interop.describe(tmp_path / "w.npz")
    assert {prefix for _, prefix in found.layers} == {"a.", "ema.b."}
    for entry, prefix in found.layers:
        assert interop.load(tmp_path / "w.npz", entry=entry, prefix=prefix).cutoffs == (2, 5, 9)


def test_the_command_prints_the_description(capsys):
    assert main(["weights", str(DATA / "torch_float32.pt")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "a .pt file of PyTorch, 3613 bytes, 6 arrays"
    assert "'tail.0.0.weight'  float32 (4, 8)" in lines[3]
    assert lines[-1] == "a layer: interop.load(path): 8 features, cutoffs [3, 7, 12]"


def test_the_command_shows_forty_names_or_all(tmp_path, capsys):
    interop.write(tmp_path / "w.npz", {f"w{i}": np.ones(1) for i in range(50)})
    main(["weights", str(tmp_path / "w.npz")])
    assert "  ... and 10 more" in capsys.readouterr().out.splitlines()
    main(["weights", "--all", str(tmp_path / "w.npz")])
    assert len(capsys.readouterr().out.splitlines()) == 52


@pytest.mark.parametrize("name, message", [
    ("torch_old.pt", "torch_old.pt: this is PyTorch's format from before 1.6"),
    ("no_such_file", "no_such_file: No such file or directory"), ("", "data: this is a folder")])
def test_the_command_says_in_a_line_why_not(name, message, capsys):
    assert main(["weights", str(DATA / name)]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
