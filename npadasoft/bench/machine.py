"""The machine of a run: CPU, BLAS and kernel, threads, versions, what NumPy runs for exp."""
import contextlib
import importlib
import os
import platform
import statistics
import time

import numpy as np

from npadasoft import passes

AVX512 = ("AVX512", "X86_V4")       # how NumPy's names of what needs such a processor begin


def facts():
    """CPU, BLAS and kernel, threads and versions, as far as they can be found out."""
    found = {"cpu": _cpu(), "python": platform.python_version(), "numpy": np.__version__}
    try:
        import threadpoolctl
        for info in threadpoolctl.threadpool_info():
            kernel = info.get("architecture")
            found[info["internal_api"] + " (" + info["prefix"] + ")"] = (
                f"{info.get('version')} threads {info['num_threads']}"
                + (f" kernel {kernel}" if kernel else ""))
    except ImportError:
        found["threads"] = "unknown: pip install threadpoolctl"
    try:
        import torch
        found["torch"] = f"{torch.__version__} threads {torch.get_num_threads()}"
    except ImportError:
        found["torch"] = "absent: pip install 'npadasoft[peers]' to compare with it"
    return found


def _cpu():
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def has_torch():
    """Whether PyTorch can be imported."""
    try:
        import torch  # noqa: F401
    except ImportError:
        return False
    return True


def exp_facts():
    """What NumPy runs for exp, and how long an element takes on one thread and on all."""
    n = passes.threads()
    found = {}
    for dtype in ("float32", "float64"):
        times = [f"{1e9 * exp_seconds(dtype, threads):.2f} ns an element on {threads}"
                 for threads in sorted({1, n})]
        found[f"exp of {dtype}"] = ", ".join([exp_loop(dtype), *times])
    return found


def exp_loop(dtype):
    """The name of NumPy's loop for exp on this processor."""
    try:
        from numpy.lib import introspect
    except ImportError:                                 # before NumPy 2.2
        return "loop unknown"
    kind = np.dtype(dtype).char
    loops = introspect.opt_func_info(func_name="^exp$").get("exp", {})
    return loops.get(2 * kind, {}).get("current", "one loop for all processors")


def exp_seconds(dtype, threads, rounds=5):
    """Seconds an element of exp in passes over a matrix, into one that is ready."""
    z = np.zeros((16, passes.LEAST // 8 // np.dtype(dtype).itemsize), dtype=dtype)
    out = np.empty_like(z)                              # twice what it takes to ask for helpers
    seconds = []
    with told(threads):
        for _ in range(rounds + 1):
            start = time.perf_counter()
            passes.over_rows(lambda rows: np.exp(z[rows], out=out[rows]), z)
            seconds.append((time.perf_counter() - start) / z.size)
    return statistics.median(seconds[1:])


@contextlib.contextmanager
def told(n):
    """Tell the passes for a while to use n threads, as the variables of the BLAS would."""
    name = passes.VARIABLES[0]
    before = os.environ.get(name)
    os.environ[name] = str(n)
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


@contextlib.contextmanager
def limited(n):
    """Limit every BLAS, PyTorch and the passes to n threads for a while; None limits nothing."""
    if n is None:
        yield
        return
    try:
        import threadpoolctl
    except ImportError:
        raise RuntimeError("--threads needs threadpoolctl: pip install threadpoolctl") from None
    before = None
    if has_torch():
        import torch
        before = torch.get_num_threads()
        torch.set_num_threads(n)
    with threadpoolctl.threadpool_limits(n), told(n):
        yield
    if before:
        torch.set_num_threads(before)


def umath():
    """The module of NumPy that knows the processor."""
    new = np.lib.NumpyVersion(np.__version__) >= "2.0.0"
    return importlib.import_module(f"numpy.{'_core' if new else 'core'}._multiarray_umath")


def without_avx512():
    """The variables with which NumPy and OpenBLAS start as on a processor without AVX-512.

    None where there is nothing to switch off.
    """
    core = umath()
    there = [name for name in core.__cpu_dispatch__
             if name.startswith(AVX512) and core.__cpu_features__.get(name)]
    return {"NPY_DISABLE_CPU_FEATURES": " ".join(there),
            "OPENBLAS_CORETYPE": "Haswell"} if there else None
