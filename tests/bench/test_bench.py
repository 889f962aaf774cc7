"""`bench` runs, its contestants compute the same numbers, and its counting of memory counts."""
import functools
import json
import os
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from contract import same
from witnesses import witness

from npadasoft import arrays, fused, passes
from npadasoft.bench import command, contestants, machine, tables, timing
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
    _, by_hand = ours["forward + backward"]()
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
    loss, (dx, dweight) = contestants.full_softmax(TINY.n_classes, x, y)["full softmax"]()
    z = x @ contestants.full_weight(TINY.n_classes, x).T
    expected = -scipy_special.log_softmax(z, axis=-1)[np.arange(len(y)), y].mean()
    assert abs(loss - expected) <= TINY.n_classes * 2.0**-53 * expected
    dz = (scipy_special.softmax(z, axis=-1) - np.eye(TINY.n_classes)[y]) / len(y)
    assert np.abs(dweight - dz.T @ x).max() <= TINY.n_classes * 2.0**-52 * np.abs(dweight).max()
    assert dx.shape == x.shape


def test_the_full_softmax_of_pytorch_in_chunks_has_the_same_loss_and_gradients(problem):
    witness("torch")
    _, x, y = problem
    made = contestants.torch_full(TINY.n_classes, x, y)
    if not made:
        pytest.skip("torch: this one has no linear_cross_entropy, 2.13 has")
    loss, theirs = made["torch full"]()
    due, ours = contestants.full_softmax(TINY.n_classes, x, y)["full softmax"]()
    bound = 2 * TINY.n_classes * 2.0**-53           # sums of as many terms, in each of the two
    assert abs(loss - due) <= bound * due
    for a, b in zip(ours, theirs):
        assert np.abs(a - b.numpy()).max() <= bound * max(1, np.abs(a).max())


def test_contestants_that_do_other_work_are_refused():
    contestants.agree({"a": lambda: (2.0, None), "b": lambda: (2 + 1e-15, None)}, 10, np.float64)
    with pytest.raises(RuntimeError, match="'b': 2.1"):
        contestants.agree({"a": lambda: (2.0, None), "b": lambda: (2.1, None)}, 10, np.float64)


def test_the_time_of_the_passes_is_a_part_of_the_step(problem):
    layer, x, y = problem
    before, calls = fused.over_rows, []

    def step():
        layer.loss_and_gradients(x, y)
        calls.append(timing.time.perf_counter())
    spent = timing.pass_seconds(step, 3)
    assert fused.over_rows is before and len(calls) == 4
    assert 0 < spent < calls[-1] - calls[0]
    assert timing.pass_seconds(lambda: None, 1) == 0


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


def test_the_command_prints_every_table_and_writes_every_figure(tmp_path, capsys, monkeypatch):
    witness("torch")
    witness("matplotlib")
    file, picture = tmp_path / "bench.json", tmp_path / "plot.png"
    arguments = ["tiny", "--rounds", "1", "--json", str(file), "--plot", str(picture),
                 "--threads", "1", "--classes", "300", "--simd"]
    monkeypatch.setattr(machine, "without_avx512", lambda: None)
    assert command.main(arguments) == 0
    text = capsys.readouterr().out
    for word in ("training step", "PyTorch / ours", "memory of a step", "classes", "cpu:",
                 "exp of float32: ", "passes", "no AVX-512"):
        assert word in text
    found = json.loads(file.read_text())
    assert found["step"]["tiny"]["blocked"] > 0 and found["machine"]["numpy"] == np.__version__
    assert set(found["memory"]["tiny"]["resident"]) == {"blocked", "torch"}
    assert picture.stat().st_size > 10_000


def test_steps_alone_leave_queries_and_memory_out(capsys):
    assert command.main(["tiny", "--rounds", "1", "--steps"]) == 0
    text = capsys.readouterr().out
    assert "training step" in text
    assert "PyTorch / ours" not in text and "memory of a step" not in text


def test_several_numbers_of_threads_make_a_table_of_how_the_step_scales(tmp_path, capsys):
    witness("threadpoolctl")
    file = tmp_path / "bench.json"
    assert command.main(["tiny", "--rounds", "1", "--threads", "1,2", "--json", str(file)]) == 0
    text = capsys.readouterr().out
    assert "tiny: threads" in text and "the step gains up to" in text
    assert "training step" not in text
    assert set(json.loads(file.read_text())["threads"]["tiny"]) == {"1", "2"}


@pytest.mark.parametrize("seconds, due", [
    ({1: 8, 2: 4, 4: 3, 8: 3}, 4), ({1: 4}, 1), ({1: 4, 2: 5, 4: 1}, 1), ({1: 8, 2: 7, 4: 6}, 4)])
def test_a_step_gains_up_to_the_threads_before_those_that_bring_nothing(seconds, due):
    assert tables.gains_up_to({n: {"step": s} for n, s in seconds.items()}) == due


def test_threads_that_are_limited_limit_the_passes_for_a_while(monkeypatch):
    witness("threadpoolctl")
    monkeypatch.setattr(passes, "_cpus", lambda: [0, 1, 2, 3])
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "4")
    with machine.limited(2):
        assert passes.threads() == 2
    assert passes.threads() == 4
    monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    with machine.told(3):
        assert passes.threads() == 3
    assert "OPENBLAS_NUM_THREADS" not in os.environ


def test_the_loop_of_exp_is_named_where_numpy_tells(monkeypatch):
    assert machine.exp_loop("float32")
    monkeypatch.setitem(sys.modules, "numpy.lib.introspect", None)
    monkeypatch.delattr(np.lib, "introspect", raising=False)
    assert machine.exp_loop("float32") == "loop unknown"
    assert 0 < machine.exp_seconds("float64", 1, rounds=1) < 1e-6


def test_a_processor_with_avx512_runs_it_all_again_without(monkeypatch, capsys, tmp_path):
    core = machine.umath()
    monkeypatch.setattr(core, "__cpu_dispatch__", ["X86_V3", "AVX512_SKX", "AVX512_SPR"])
    monkeypatch.setattr(core, "__cpu_features__", {"X86_V3": True, "AVX512_SKX": True,
                                                   "AVX512_SPR": False})
    due = {"NPY_DISABLE_CPU_FEATURES": "AVX512_SKX", "OPENBLAS_CORETYPE": "Haswell"}
    assert machine.without_avx512() == due
    started = []

    def run(words, env):
        started.append((words[3:], {name: env[name] for name in due}))
        return SimpleNamespace(returncode=5)
    monkeypatch.setattr(command.subprocess, "run", run)
    assert command._without_avx512(["tiny", "--simd", "--json", "a.json"]) == 5
    assert started == [(["bench", "tiny", "--json", "a.json.without-avx512"], due)]
    monkeypatch.setattr(core, "__cpu_features__", {})
    assert machine.without_avx512() is None


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
