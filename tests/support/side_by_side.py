"""Two builds of the package in one process, in rounds that take turns: is a change faster?

    python tests/support/side_by_side.py OTHER_CHECKOUT [workload ...] [--what step,log_prob,topk]

prints for each workload how many times as fast this one is as the other, and, of a step, both
against its own matrix products.  Rounds in which other processes took the processor are left out.
With --cpu it counts seconds of processor time, and every round: for one thread, on a busy machine.
"""
import argparse
import importlib
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
PAUSE = 0.15        # seconds: the threads of a BLAS fall asleep
LEAST = 0.2         # seconds that are timed
FOREIGN = 0.1       # of them: what other processes may take


def package(tree):
    """The package of a checkout, under its own modules: another one may be loaded after it."""
    sys.path.insert(0, str(tree))
    found = importlib.import_module("npadasoft")
    sys.path.pop(0)
    for name in [name for name in sys.modules if name.split(".")[0] == "npadasoft"]:
        del sys.modules[name]
    return found


def busy():
    """Seconds that all processors have worked since the machine started (Linux)."""
    with open("/proc/stat") as file:
        user, nice, system, _, _, irq, soft, *_ = map(int, file.readline().split()[1:])
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


def rounds(calls, count, budget, cpu=False):
    """[{name: seconds of a call} of each round that counts], each in the turn opposite to the last.

    A short call is made as often as it takes to fill LEAST seconds: /proc/stat counts hundredths.
    """
    found, order, end = [], list(calls), time.monotonic() + budget
    clock, pause = (time.process_time, 0) if cpu else (time.perf_counter, PAUSE)
    while len(found) < count and time.monotonic() < end:
        seconds, foreign = {}, []
        for name in order:
            time.sleep(pause)
            start = time.perf_counter()
            calls[name]()
            times = 1 + int(LEAST / (time.perf_counter() - start))
            others, start, wall = busy() - time.process_time(), clock(), time.perf_counter()
            for _ in range(times):
                calls[name]()
            seconds[name], wall = (clock() - start) / times, time.perf_counter() - wall
            foreign.append((busy() - time.process_time() - others) / wall)
        if cpu or max(foreign) <= FOREIGN:
            found.append(seconds)
        order.reverse()
    return found


def quartiles(values):
    """The median of some numbers, and between which numbers their middle half is, as text."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


def calls(build, workload, what, dtype, callers=1):
    """The call to time, with a layer of that build: made by so many threads at once."""
    x, y = workload.examples(dtype)
    layer = build.AdaptiveLogSoftmaxWithLoss(workload.in_features, workload.n_classes,
                                             workload.cutoffs, dtype=dtype, rng=0)
    outs = [build.Gradients(np.empty_like(x), layer.parameters.map(np.empty_like))
            for _ in range(callers)]
    call = {"step": lambda i: layer.loss_and_gradients(x, y, out=outs[i]),
            "topk": lambda i: layer.topk(x, 10), "log_prob": lambda i: layer.log_prob(x)}[what]
    if callers == 1:
        return lambda: call(0)
    pool = ThreadPoolExecutor(callers)
    return lambda: list(pool.map(call, range(callers)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("other")
    parser.add_argument("workloads", nargs="*", default=["ptb", "text8"])
    parser.add_argument("--what", default="step")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--budget", type=float, default=60, help="seconds for each line")
    parser.add_argument("--callers", type=int, default=1, help="threads that call at once")
    parser.add_argument("--cpu", action="store_true",
                        help="seconds of processor time, and every round: for one thread")
    args = parser.parse_args()
    other = package(args.other)
    this = package(ROOT)
    sys.path.insert(0, str(ROOT))
    from npadasoft.bench import contestants, machine
    from npadasoft.bench.workloads import WORKLOADS
    print(machine.facts())
    for name in args.workloads:
        for what in args.what.split(","):
            workload = WORKLOADS[name]
            contest = {"other": calls(other, workload, what, args.dtype, args.callers),
                       "this": calls(this, workload, what, args.dtype, args.callers)}
            if what == "step" and args.callers == 1:
                layer, batch = workload.layer(args.dtype), workload.examples(args.dtype)
                contest |= contestants.floor(contestants.products(layer, *batch), args.dtype)
            found = rounds(contest, args.rounds, args.budget, args.cpu)
            print(f"{name} {what} {args.dtype}, {len(found)} rounds:", end=" ")
            if found:
                report(found)


def report(found):
    """Print the ratios within a round, medians and quartiles, and each contestant's median."""
    pairs = [("other", "this")] + [("this", "floor")] * ("floor" in found[0])
    print(*(f"{a} / {b} {quartiles([r[a] / r[b] for r in found])}" for a, b in pairs),
          *(f"{name} {1e3 * statistics.median(r[name] for r in found):.1f} ms"
            for name in found[0]), sep="  ", flush=True)


if __name__ == "__main__":
    main()
