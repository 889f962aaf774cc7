"""Two builds of the package in one process, in rounds that take turns: is a change faster?

    python tests/support/side_by_side.py OTHER_CHECKOUT [workload ...] [--what step,log_prob,topk]

prints for each workload how many times as fast this one is as the other, and, of a step, both
against its own matrix products.  Rounds in which other processes took the processor are left out.
"""
import argparse
import importlib
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
PAUSE = 0.03        # seconds: the threads of a BLAS fall asleep
FOREIGN = 0.1       # of a round, or 25 ms: what other processes may take of it


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


def rounds(calls, count, budget):
    """{name: seconds of each round that counts}."""
    found, end = {name: [] for name in calls}, time.monotonic() + budget
    while min(map(len, found.values())) < count and time.monotonic() < end:
        for name, call in calls.items():
            time.sleep(PAUSE)
            call()
            others, start = busy() - time.process_time(), time.perf_counter()
            call()
            seconds = time.perf_counter() - start
            if busy() - time.process_time() - others <= max(0.025, FOREIGN * seconds):
                found[name].append(seconds)
    return found


def calls(build, workload, what, dtype):
    """The call to time, with a layer of that build."""
    x, y = workload.examples(dtype)
    layer = build.AdaptiveLogSoftmaxWithLoss(workload.in_features, workload.n_classes,
                                             workload.cutoffs, dtype=dtype, rng=0)
    out = build.Gradients(np.empty_like(x), layer.parameters.map(np.empty_like))
    return {"step": lambda: layer.loss_and_gradients(x, y, out=out), "topk": lambda:
            layer.topk(x, 10), "log_prob": lambda: layer.log_prob(x)}[what]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("other")
    parser.add_argument("workloads", nargs="*", default=["ptb", "text8"])
    parser.add_argument("--what", default="step")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--budget", type=float, default=60, help="seconds for each line")
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
            contest = {"other": calls(other, workload, what, args.dtype),
                       "this": calls(this, workload, what, args.dtype)}
            if what == "step":
                layer, batch = workload.layer(args.dtype), workload.examples(args.dtype)
                contest |= contestants.floor(contestants.products(layer, *batch), args.dtype)
            found = rounds(contest, args.rounds, args.budget)
            middle = {k: statistics.median(v or [float("nan")]) for k, v in found.items()}
            print(f"{name} {what}: other / this {middle['other'] / middle['this']:.2f}",
                  *(f"  {k} {1e3 * v:.1f} ms ({len(found[k])})" for k, v in middle.items()),
                  flush=True)


if __name__ == "__main__":
    main()
