"""Passes on all cores: the bits of one thread, and no thread where none should be."""
import itertools
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from queue import SimpleQueue

import numpy as np
import pytest

import strict_cupy
from npadasoft import AdaptiveLogSoftmaxWithLoss, arrays, functional, passes

LINUX = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")


@pytest.fixture
def small(monkeypatch):
    """Chunks of a few rows, and helpers for any work: what large arrays meet, with small ones."""
    monkeypatch.setattr(passes, "CHUNK", 2**10)
    monkeypatch.setattr(passes, "LEAST", 0)
    yield
    passes._helpers.end()


def use(monkeypatch, n):
    monkeypatch.setattr(passes, "threads", lambda: n)


def helpers():
    return [thread for thread in threading.enumerate() if thread.name == "npadasoft pass"]


# ------------------------------------------------------------------------ what is cut

@pytest.mark.parametrize("rows, width, size", [(0, 5, 64), (7, 0, 64), (7, 3, 1), (100, 3, 2**20),
                                               (10, 2, 48)])
def test_chunks_cover_every_row_once(monkeypatch, rows, width, size):
    monkeypatch.setattr(passes, "CHUNK", size)
    z = np.zeros((rows, width))
    assert [n for part in passes.chunks(z) for n in range(rows)[part]] == list(range(rows))


@pytest.mark.parametrize("n", [1, 2, 3, 8])
def test_every_row_is_worked_on_once_by_any_number_of_threads(small, monkeypatch, n):
    use(monkeypatch, n)
    seen = np.zeros((1000, 16), dtype=int)

    def count(rows):
        seen[rows] += 1
    for _ in range(20):
        passes.over_rows(count, seen)
    assert (seen == 20).all()


# ------------------------------------------------------------------------ the same bits

def results(layer, x, y):
    loss, gradients = layer.loss_and_gradients(x, y)
    top = layer.topk(x, 3)
    return {"loss": loss, **gradients.by_path(), "log_prob": layer.log_prob(x),
            "value": top.log_prob, "index": top.index, "predict": layer.predict(x),
            "sample": layer.sample(x, 0), "softmax": functional.log_softmax(x)}


def problem(dtype):
    layer = AdaptiveLogSoftmaxWithLoss(16, 400, [20, 100], 2.0, head_bias=True, tail_bias=True,
                                       dtype=dtype, rng=0)
    rng = np.random.default_rng(1)
    return layer, rng.standard_normal((150, 16)).astype(layer.dtype), rng.integers(0, 400, 150)


def same_bits(a, b):
    return all(np.array_equal(a[key], b[key], equal_nan=True) for key in a)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_the_bits_are_those_of_one_thread(small, monkeypatch, dtype):
    layer, x, y = problem(dtype)
    use(monkeypatch, 1)
    due = results(layer, x, y)
    assert not helpers()
    for n in (2, 3, 8):
        use(monkeypatch, n)
        assert same_bits(due, results(layer, x, y))
        assert helpers()


def test_eight_threads_that_share_a_layer_have_the_bits_of_one(small, monkeypatch):
    layer, x, y = problem("float32")
    use(monkeypatch, 1)
    due, found = results(layer, x, y), []
    use(monkeypatch, 2)
    threads = [threading.Thread(target=lambda: found.append(results(layer, x, y)))
               for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and all(same_bits(due, other) for other in found)


def test_a_pass_within_a_pass_runs_where_it_is_called(small, monkeypatch):
    use(monkeypatch, 2)
    outer, names = np.zeros((64, 16)), set()

    def inner(rows):
        here = threading.current_thread()
        passes.over_rows(lambda rows: names.add(threading.current_thread() is here), outer)
    passes.over_rows(inner, outer)
    assert names == {True}


# ------------------------------------------------------------------------ how many threads

@pytest.mark.parametrize("variables, due", [
    ({}, 4), ({"OMP_NUM_THREADS": "2"}, 2), ({"MKL_NUM_THREADS": "3"}, 3),
    ({"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "3"}, 1), ({"OMP_NUM_THREADS": "64"}, 4),
    ({"OMP_NUM_THREADS": "3,2"}, 3), ({"OMP_NUM_THREADS": "0"}, 4), ({"OMP_NUM_THREADS": ""}, 4),
    ({"OPENBLAS_NUM_THREADS": "", "OMP_NUM_THREADS": "2"}, 2)])
def test_as_many_threads_as_the_blas_may_use(monkeypatch, variables, due):
    monkeypatch.setattr(passes, "_cpus", lambda: [0, 1, 2, 3])
    for name in passes.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert passes.threads() == due


def test_little_work_asks_no_helper(monkeypatch):
    use(monkeypatch, 2)
    passes._helpers.end()
    z = np.zeros((passes.LEAST // 4096 - 1, 512))
    passes.over_rows(lambda rows: None, z)
    assert not helpers()
    passes.over_rows(lambda rows: None, np.zeros((passes.LEAST // 4096, 512)))
    assert helpers()
    passes._helpers.end()


def test_a_device_sees_no_thread(small, monkeypatch):
    use(monkeypatch, 2)
    monkeypatch.setitem(arrays._LIBRARIES, "strict_cupy", "ndarray")
    monkeypatch.setattr(passes, "_share", None)
    z, seen = strict_cupy.asarray(np.zeros((100, 16))), []
    passes.over_rows(seen.append, z)
    assert len(seen) > 1 and not helpers()


def test_all_settings_of_numpy_hold_in_every_thread(small, monkeypatch):
    use(monkeypatch, 2)
    z, together = np.full((2, 128), 1e300), threading.Barrier(2, timeout=60)

    def square(rows):
        together.wait()                                 # one row each: neither does both
        z[rows] * z[rows]
    with np.errstate(over="ignore"):
        passes.over_rows(square, z)
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        passes.over_rows(square, z)
    found = []
    with np.errstate(over="call", call=lambda *event: found.append(event)):
        passes.over_rows(square, z)
    assert len(found) == 2


def test_a_helper_that_waits_holds_no_array():
    queue, freed = SimpleQueue(), threading.Event()
    thread = threading.Thread(target=passes._serve, args=(queue, None))
    thread.start()
    z = np.zeros(8)
    weakref.finalize(z, freed.set)
    queue.put(z.sum)
    del z
    assert freed.wait(30)
    queue.put(None)
    thread.join()


# ------------------------------------------------------------------------ how it ends

@pytest.mark.parametrize("n", [1, 2, 3])
def test_the_error_of_the_first_rows_that_fail_is_raised(small, monkeypatch, n):
    use(monkeypatch, n)
    z = np.zeros((800, 16))

    def fail(rows):
        ran.append(rows)
        if rows.start >= 80:
            raise IndexError(f"row {rows.start}")
    for _ in range(20):
        ran: list[slice] = []
        with pytest.raises(IndexError, match="row 80"):
            passes.over_rows(fail, z)
        assert len(ran) <= 11 + n                       # and whoever was at work: no more of 100
    seen = []
    passes.over_rows(seen.append, z)                    # and the next pass has all of its rows
    assert sorted(rows.start for rows in seen) == list(range(0, 800, 8))


@pytest.mark.parametrize("first, second", [(0, 8), (8, 0)])
def test_of_two_errors_that_of_the_first_rows_is_raised(small, monkeypatch, first, second):
    use(monkeypatch, 2)
    failed = threading.Event()

    def fail(rows):
        if rows.start == second:
            failed.wait(60)
            time.sleep(0.05)
        failed.set()
        raise IndexError(f"row {rows.start}")
    together = threading.Barrier(2, timeout=60)

    def both(rows):
        together.wait()                                 # nobody fails before both have rows
        fail(rows)
    with pytest.raises(IndexError, match="row 0"):
        passes.over_rows(both, np.zeros((16, 16)))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_ctrl_c_in_a_pass_is_raised_when_nobody_works_any_more(small, monkeypatch, n):
    use(monkeypatch, n)
    z, running, done = np.zeros((8000, 16)), [], itertools.count()
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's & ignores it

    def work(rows):
        running.append(rows)
        if next(done) == 50:
            signal.raise_signal(signal.SIGINT)
        z[rows] += 1
        running.remove(rows)
    try:
        with pytest.raises(KeyboardInterrupt):
            passes.over_rows(work, z)
    finally:
        signal.signal(signal.SIGINT, handler)
    if n > 1:                                           # alone, it is cut off where it stands
        assert all(rows.start % 8 == 0 for rows in running) and len(running) <= 1
    before = z.copy()
    assert 0 < z.sum() < z.size
    passes.over_rows(lambda rows: None, z)
    assert np.array_equal(z, before)


def run(code, before=""):
    """The output of a fresh Python that runs `code` after some lines of preparation."""
    start = before + """
        import os, signal, sys, threading, time, warnings
        import numpy as np
        from npadasoft import functional, passes
        passes.CHUNK, passes.LEAST = 2**10, 0
        z = np.random.default_rng(0).standard_normal((400, 64))
        def alone():
            passes.threads = lambda: 1
            return functional.log_softmax(z)
        def shared(n=2):
            passes.threads = lambda: n
            return functional.log_softmax(z)
        def alive():
            return sum(t.name == "npadasoft pass" for t in threading.enumerate())
        """
    environment = {k: v for k, v in os.environ.items() if k not in passes.VARIABLES}
    found = subprocess.run([sys.executable, "-W", "error", "-c",
                            textwrap.dedent(start) + textwrap.dedent(code)],
                           capture_output=True, text=True, timeout=60, env=environment)
    assert found.returncode == 0 and not found.stderr, found.stderr
    return found.stdout.split()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_of_a_fork_has_helpers_of_its_own_and_the_same_bits():
    assert run("""
        due = alone()
        shared()
        child = os.fork()
        if not child:
            signal.alarm(30)
            good = not alive() and np.array_equal(shared(), due) and alive()
            os._exit(0 if good else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        print(alive(), np.array_equal(shared(), due), alive() > 0)
        """) == ["0", "0", "True", "True"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_while_another_thread_is_in_a_pass_leaves_a_child_that_works():
    assert run("""
        due, stop = alone(), []
        def go_on():
            while not stop:
                shared()
        shared()
        threading.Thread(target=go_on).start()
        codes = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)     # of a fork beside a thread
            for _ in range(20):
                child = os.fork()
                if not child:
                    signal.alarm(30)
                    os._exit(0 if np.array_equal(shared(), due) else 1)
                codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        stop.append(True)
        print(set(codes))
        """) == ["{0}"]


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_of_a_pool_compute_the_same_bits(tmp_path, method):
    file = tmp_path / "pool.py"
    file.write_text(textwrap.dedent("""
        import multiprocessing, sys
        import numpy as np
        from npadasoft import functional, passes
        passes.CHUNK, passes.LEAST, passes.threads = 2**10, 0, lambda: 2
        z = np.random.default_rng(0).standard_normal((400, 64))
        def work(_):
            return functional.log_softmax(z).tobytes()
        if __name__ == "__main__":
            due = work(0)
            with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
                print(set(pool.map(work, range(4))) == {due})
        """))
    found = subprocess.run([sys.executable, "-W", "error", str(file), method], timeout=120,
                           capture_output=True, text=True,
                           env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert (found.stdout, found.stderr) == ("True\n", "")


def test_no_thread_outlives_the_exit_even_beside_a_daemon_in_a_pass():
    assert run("""
        shared()
        def go_on():
            while True:
                shared()
        import atexit
        atexit.register(lambda: print("end", flush=True))           # runs before ours: last in
        for _ in range(3):
            threading.Thread(target=go_on, daemon=True).start()
        time.sleep(0.3)
        print(alive() > 0)
        """) == ["True", "end"]


def test_at_exit_the_helpers_end():
    assert run("""
        shared()
        print(alive() > 0)
        """, before="""
        import atexit
        atexit.register(lambda: print(alive()))         # runs after all that came later
        """) == ["True", "0"]


@LINUX
def test_on_one_cpu_there_is_no_helper_and_on_all_of_them_one_a_cpu():
    assert run("""
        cpus = sorted(os.sched_getaffinity(0))
        functional.log_softmax(z)
        print(alive() == (len(cpus) if len(cpus) > 1 else 0))
        print(sorted(os.sched_getaffinity(0)) == cpus)              # the caller is bound to none
        os.sched_setaffinity(0, cpus[:1])
        passes._helpers.end()
        functional.log_softmax(z)
        print(alive())
        """) == ["True", "True", "0"]


@LINUX
def test_more_threads_than_cpus_and_fewer_of_them_later():
    assert run("""
        due = alone()
        print(np.array_equal(shared(9), due), alive())
        print(np.array_equal(shared(3), due), alive())
        """) == ["True", "8", "True", "2"]


def test_a_system_without_more_threads_leaves_the_caller_alone(small, monkeypatch):
    use(monkeypatch, 3)
    passes._helpers.end()

    def refuse(thread):
        raise RuntimeError("can't start new thread")
    monkeypatch.setattr(threading.Thread, "start", refuse)
    seen = []
    passes.over_rows(seen.append, np.zeros((100, 16)))
    assert len(seen) == 13
