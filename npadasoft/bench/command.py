"""`npadasoft bench`: the tables, side by side in one run."""
import json
import os
import subprocess
import sys

import numpy as np

from npadasoft.arrays import gpu_library
from npadasoft.bench import machine, tables
from npadasoft.bench.timing import Progress
from npadasoft.bench.workloads import WORKLOADS
from npadasoft.console import Parser, one_line, picture, writable

DEFAULT = ("ptb", "text8", "wikitext103", "llm128k", "million")


@one_line("bench", RuntimeError)
def main(argv):
    """Run the benchmark; exit status."""
    args = _arguments(argv)
    names = args.workload or list(DEFAULT)
    counts = args.threads or [None]
    with machine.limited(counts[0] if len(counts) == 1 else None):
        result = {"machine": {**machine.facts(), **machine.exp_facts()}, "dtype": args.dtype,
                  "rounds": args.rounds}
        print("\n".join(f"{k}: {v}" for k, v in result["machine"].items()))
        print(f"{args.dtype}, medians of {args.rounds} rounds, the contestants taking turns\n")
        if len(counts) == 1:
            _measure(args, names, result)
    if len(counts) > 1:
        _scale(args, names, counts, result)
    if args.json:
        with open(args.json, "w") as file:
            json.dump(result, file, indent=1)
    return _without_avx512(argv) if args.simd else 0


def _without_avx512(argv):
    """The same once more, in a process that starts as on a processor without AVX-512."""
    variables = machine.without_avx512()
    if variables is None:
        print("no AVX-512 that NumPy would use: the tables above are those without it")
        return 0
    again = [word for word in argv if word != "--simd"]
    if "--json" in again:                               # it has the figures of the first run
        at = again.index("--json")
        again[at + 1] += ".without-avx512"
    print("without AVX-512: " + " ".join(f"{k}='{v}'" for k, v in variables.items()), flush=True)
    return subprocess.run([sys.executable, "-m", "npadasoft", "bench", *again],
                          env={**os.environ, **variables}).returncode


def _scale(args, names, counts, result):
    """Print, and put into `result`, the table of threads of each workload."""
    progress = Progress(2 * args.rounds * len(names) * len(counts))
    result["threads"] = {}
    for name in names:
        found = tables.scaling(WORKLOADS[name], np.dtype(args.dtype), args.rounds, progress,
                               counts)
        result["threads"][name] = found
        _say(progress, tables.scaling_table(name, found))


def _measure(args, names, result):
    """Fill `result`, and print each table when it is known."""
    dtype, device = np.dtype(args.dtype), _device(args.device)
    progress = Progress(args.rounds * (6 * len(names) + 12 * len(names) + 15) + len(names))
    result["step"] = {}
    for name in names:
        result["step"][name] = tables.step_seconds(WORKLOADS[name], dtype, args.rounds, progress,
                                                   args.compile, device)
    _say(progress, tables.step_table(result["step"]))
    if device or args.steps:
        return
    result["queries"] = {}
    for name in names:
        if name != "million":                           # its log_prob would be 16 GB
            result["queries"][name] = tables.query_seconds(WORKLOADS[name], dtype, args.rounds,
                                                           progress)
    if result["queries"]:
        _say(progress, tables.query_table(result["queries"])
             + "\na: inputs whose rows stay in the short-list, b: a tenth leaves it")
    result["memory"] = {name: tables.step_memory(WORKLOADS[name], dtype, progress)
                        for name in names}
    _say(progress, tables.memory_table(result["memory"]))
    if args.classes:
        result["classes"] = tables.by_classes(dtype, args.rounds, progress, args.classes)
        _say(progress, tables.classes_table(result["classes"]))
        if args.plot:
            tables.plot(result["classes"], args.plot)


def _say(progress, text):
    progress.close()
    print(text + "\n", flush=True)


def _arguments(argv):
    parser = Parser(prog="npadasoft bench", description=__doc__)
    parser.add_argument("workload", nargs="*",
                        help=f"of {', '.join(WORKLOADS)} (default {' '.join(DEFAULT)})")
    parser.add_argument("--rounds", type=int, default=9, metavar="N",
                        help="times that each is measured (default 9)")
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32",
                        help="default float32")
    parser.add_integers("--threads", metavar="N,...",
                        help="of every BLAS, of PyTorch and of the passes (default: what they "
                             "choose); of several numbers, how the step grows faster")
    parser.add_argument("--steps", action="store_true",
                        help="the table of training steps alone: no queries, no memory")
    parser.add_argument("--simd", action="store_true",
                        help="all once more as on a processor without AVX-512")
    parser.add_argument("--compile", action="store_true", help="torch.compile as a contestant too")
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu", help="default cpu")
    parser.add_integers("--classes", nargs="?", const=[], metavar="N,...",
                        help="time against the number of classes, too; without numbers "
                             + ",".join(map(str, tables.CLASSES)))
    parser.add_argument("--plot", type=picture, metavar="FILE", help="draw the table of --classes")
    parser.add_argument("--json", type=writable, metavar="FILE", help="write every figure")
    args = parser.parse_args(argv)
    for name in args.workload:
        if name not in WORKLOADS:
            parser.error(f"there is no workload {name!r}: choose from {', '.join(WORKLOADS)}")
    for name, values in (("rounds", [args.rounds]), ("threads", args.threads or [])):
        if values and min(values) < 1:
            parser.error(f"--{name} should be at least 1, but found {min(values)}")
    if args.classes == [] or (args.plot and args.classes is None):
        args.classes = list(tables.CLASSES)
    return args


def _device(name):
    """The library of arrays on a GPU; None for "cpu".  RuntimeError where there is none."""
    return None if name == "cpu" else gpu_library()
