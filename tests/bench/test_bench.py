"""`bench` runs, its contestants compute the same numbers, and its counting of memory counts."""
import functools
import json
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from contract import same
from witnesses import witness

from npadasoft import arrays
from npadasoft.bench import command, contestants, tables, timing
from npadasoft.bench.workloads import WORKLOADS, leaving

TINY = WORKLOADS["tiny"]


@pytest.fixture(scope="module")
def problem():
    return TINY.layer(np.float64), *TINY.examples(np.float64)


def test_all_ways_to_a_step_and_pytorch_compute_the_same_numbers(problem):
    torch = witness("torch")
    layer, x, y = problem
    ours = contestants.ours(layer, x, y)
    loss, gradients = ours["blocked"]()
    assert same((loss, gradients), ours["into out"]())
    by_hand = ours["forward + backward"]()
    module = contestants.torch_layer(layer)
    contestants.torch_step(module, x, y)["torch"]()
    # sums of at most 200 terms of one order: 200 u of the largest, in each of two computations
    bound = 2 * 200 * 2.0**-53
    theirs = dict(module.named_parameters())
    for (path, a), (_, b) in zip(gradients.parameters.items(), by_hand.parameters.items()):
        for other in (b, theirs[path].grad.numpy()):
            assert np.abs(a - other).max() <= bound * max(1, np.abs(other).max())
    assert abs(loss - module(torch.from_numpy(x), torch.from_numpy(y)).loss.item()) <= bound * loss


def test_the_floor_makes_the_products_of_a_step_and_nothing_else(problem):
    layer, x, y = problem
    _, cache = layer.forward(x, y)
    sizes = contestants.products(layer, x, y)
    assert sizes[0] == (len(y), layer.in_features, layer.head_size)
    assert len(sizes) == 1 + 2 * layer.n_clusters
    assert sizes[2] == (len(cache.tail_hidden[0]), layer.hidden_sizes[0], 60)
    contestants.floor(sizes, np.float64)["floor"]()


def test_the_full_softmax_is_the_plain_softmax(problem):
    scipy_special = witness("scipy.special")
    _, x, y = problem
    output = contestants.full_softmax(TINY.n_classes, x, y)["full softmax"]()
    z = x @ (np.ones((TINY.n_classes, x.shape[1])) / x.shape[1]).T
    expected = scipy_special.log_softmax(z, axis=-1)[np.arange(len(y)), y]
    assert np.abs(output - expected).max() <= TINY.n_classes * 2.0**-53 * np.abs(expected).max()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_the_wanted_share_of_rows_leaves_the_short_list(problem, share):
    layer, x, _ = problem
    best = (leaving(x, layer, share) @ layer.parameters.head.weight.T).argmax(-1)
    assert (best >= layer.shortlist_size).sum() == int(share * len(x))


def test_peak_memory_counts_what_is_beyond_the_result():
    def two_arrays():
        a = np.ones(100_000)
        b = a * 2
        return b[:10] + a[:10]
    extra, result = timing.numpy_peak(two_arrays)
    assert 1_600_000 <= extra < 1_700_000 and result < 10_000


def test_the_growth_of_a_process_counts_what_is_given_back_too():
    prepared = functools.partial, np.ones, 10_000_000
    grown = timing.resident_peak(*prepared)
    if grown is None:
        pytest.skip("this system does not tell the size of a process")
    assert abs(grown - 80e6) < 2 * 2**21                # a huge page of 2 MiB at either end


def test_the_command_prints_every_table_and_writes_every_figure(tmp_path, capsys):
    witness("torch")
    witness("matplotlib")
    file, picture = tmp_path / "bench.json", tmp_path / "plot.png"
    arguments = ["tiny", "--rounds", "1", "--json", str(file), "--plot", str(picture),
                 "--threads", "1", "--classes", "300", "600"]
    assert command.main(arguments) == 0
    text = capsys.readouterr().out
    for word in ("training step", "PyTorch / ours", "memory of a step", "classes", "cpu:"):
        assert word in text
    found = json.loads(file.read_text())
    assert found["step"]["tiny"]["blocked"] > 0 and found["machine"]["numpy"] == np.__version__
    assert set(found["memory"]["tiny"]["resident"]) == {"blocked", "torch"}
    assert picture.stat().st_size > 10_000


def test_without_pytorch_it_is_left_out_and_said_so(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert command.main(["tiny", "--rounds", "1"]) == 0
    text = capsys.readouterr().out
    assert "torch: absent" in text and "tiny" in text


@pytest.mark.parametrize("arguments, message", [
    (["nothing"], "there is no workload 'nothing'"), (["tiny", "--rounds", "0"], "found 0")])
def test_a_wrong_call_is_refused(arguments, message, capsys):
    with pytest.raises(SystemExit):
        command.main(arguments)
    assert message in capsys.readouterr().err


def test_a_device_that_is_not_there_is_said(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert command.main(["tiny", "--device", "gpu"]) == 2
    assert "needs CuPy" in capsys.readouterr().err


@pytest.mark.parametrize("devices", [0, 1])
def test_a_library_without_a_device_is_refused(monkeypatch, devices):
    library = ModuleType("cupy")
    library.cuda = SimpleNamespace(runtime=SimpleNamespace(getDeviceCount=lambda: devices))
    monkeypatch.setitem(sys.modules, "cupy", library)
    if devices:
        assert arrays.gpu_library() is library
    else:
        with pytest.raises(RuntimeError, match="finds no device"):
            arrays.gpu_library()


def test_a_device_runs_our_contestants(problem):
    class Device:
        def synchronize(self):
            self.seen = True

    class Library:              # NumPy under the names that the device's library has
        asarray, ones, empty, matmul = np.asarray, np.ones, np.empty, np.matmul
        cuda = type("cuda", (), {"Device": Device})
    seconds = tables.step_seconds(TINY, np.float32, 1, timing.Progress(1), to_device=Library)
    assert set(seconds) == {"floor", "into out", "blocked", "forward + backward"}


def test_the_bar_shows_what_runs_and_goes_away():
    class Terminal:
        text = ""

        def isatty(self):
            return True

        def write(self, text):
            self.text += text

        def flush(self):
            pass
    stream = Terminal()
    bar = timing.Progress(2, stream)
    bar.step("one")
    bar.step("two")
    assert "[" + "#" * 12 + " " * 12 + "] 1/2 two" in stream.text
    bar.close()
    assert stream.text.endswith("\r")
