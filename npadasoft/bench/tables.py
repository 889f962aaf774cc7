"""What is measured for each table, what is printed, and the plot."""
from npadasoft.bench import contestants as who
from npadasoft.bench.machine import has_torch, limited
from npadasoft.bench.timing import medians, numpy_peak, pass_seconds, resident_peak
from npadasoft.bench.workloads import Workload, leaving

_STEPS = {"adaptive": "blocked"}      # under which name a fresh process runs it, if another one
GAIN = 1.02                         # a step with more threads gains if it is that much faster
CLASSES = (10_000, 30_000, 100_000, 300_000, 1_000_000)     # of the plot
PAPER = "Paper: full / adaptive 2.8 on Text8 (44k), 3.2 to 7.3 on Europarl (50k to 143k)"


def step_seconds(workload, dtype, rounds, progress, compiled=False, to_device=None):
    """Median seconds of a training step of each contestant."""
    layer, (x, y) = workload.layer(dtype), workload.examples(dtype)
    if to_device:
        return _on_device(layer, x, y, rounds, progress, workload.name, to_device)
    sizes = who.products(layer, x, y)
    steps, floors = who.ours(layer, x, y), who.floor(sizes, dtype)
    if has_torch():
        module = who.torch_layer(layer)
        floors |= who.torch_floor(sizes, dtype)
        steps |= who.torch_step(module, x, y)
        if compiled:
            import torch
            steps |= who.torch_step(torch.compile(module), x, y, "torch.compile")
    who.agree(steps, layer.in_features + max(k for _, _, k in sizes), dtype)
    found = medians({**floors, **steps}, rounds, progress, workload.name)
    return {**found, "passes": pass_seconds(steps["into out"], rounds)}


def scaling(workload, dtype, rounds, progress, counts):
    """Seconds of a step, of its passes and of its floor by the number of threads."""
    layer, (x, y) = workload.layer(dtype), workload.examples(dtype)
    step = who.ours(layer, x, y)["into out"]
    floor = who.floor(who.products(layer, x, y), dtype)
    found = {}
    for n in counts:
        with limited(n):
            found[n] = {**medians({**floor, "step": step}, rounds, progress,
                                  f"{workload.name}, {n} threads"),
                        "passes": pass_seconds(step, rounds)}
    return found


def _on_device(layer, x, y, rounds, progress, name, xp):
    """The same on a device, for our contestants alone: each call waits until the device is done."""
    sizes = who.products(layer, x, y)
    moved = layer.with_parameters(layer.parameters.map(xp.asarray))
    contest = {**who.floor(sizes, layer.dtype, xp), **who.ours(moved, xp.asarray(x), xp.asarray(y))}

    def waiting(call):
        return lambda: (call(), xp.cuda.Device().synchronize())
    return medians({k: waiting(call) for k, call in contest.items()}, rounds, progress, name)


def query_seconds(workload, dtype, rounds, progress):
    """Median seconds of log_prob, predict and topk(10), and the share of rows that leave."""
    layer, (x, _) = workload.layer(dtype), workload.examples(dtype)
    stay, tenth = (leaving(x, layer, share) for share in (0.0, 0.1))
    best = [(rows @ layer.parameters.head.weight.T).argmax(-1) for rows in (stay, tenth)]
    found = {"left": [float((column >= layer.shortlist_size).mean()) for column in best]}
    contest = {f"{k} stay": c for k, c in who.queries(layer, stay).items()}
    contest |= {f"{k} tenth": c for k, c in who.queries(layer, tenth).items()}
    if has_torch():
        module = who.torch_layer(layer)
        contest |= {f"{k} stay": c for k, c in who.torch_queries(module, stay).items()}
        contest |= {f"{k} tenth": c for k, c in who.torch_queries(module, tenth).items()}
    return {**medians(contest, rounds, progress, workload.name), **found}


def step_memory(workload, dtype, progress):
    """Bytes of a blocked step beyond input, weights and result, and growth of a fresh process."""
    progress.step(f"{workload.name}: memory")
    layer, (x, y) = workload.layer(dtype), workload.examples(dtype)
    extra, result = numpy_peak(lambda: layer.loss_and_gradients(x, y))
    grown = {name: resident_peak(who.prepared, name, workload, dtype)
             for name in ("blocked", *["torch"] * has_torch())}
    return {"extra": extra, "result": result, "resident": grown}


def by_classes(dtype, rounds, progress, sizes=CLASSES, in_features=128, batch=512):
    """Step time and growth of the process against the number of classes: ours, full, PyTorch.

    Full softmax is ours, and PyTorch's that does not keep all logits (`linear_cross_entropy`).
    """
    rows = []
    for n in sizes:
        cutoffs = (n // 50, n // 5)
        workload = Workload(f"{n} classes", in_features, n, cutoffs, batch, "the plot")
        layer, (x, y) = workload.layer(dtype), workload.examples(dtype)
        contest = {"adaptive": who.ours(layer, x, y)["into out"], **who.full_softmax(n, x, y)}
        if has_torch():
            contest |= who.torch_step(who.torch_layer(layer), x, y)
            contest |= who.torch_full(n, x, y)
        who.agree({k: v for k, v in contest.items() if "full" in k}, in_features + n, dtype)
        who.agree({k: v for k, v in contest.items() if "full" not in k}, in_features + n, dtype)
        rows.append({"classes": n, "seconds": medians(contest, rounds, progress, workload.name),
                     "bytes": {name: resident_peak(who.prepared, _STEPS.get(name, name), workload,
                                                   dtype) for name in contest}})
    return rows


# ------------------------------------------------------------------------------- printing

def ratio(a, b):
    """a / b as text, or a dash where one is missing."""
    return "-" if not a or not b else f"{a / b:.2f}"


def table(head, rows):
    """Columns under their names, the first one left and the others right."""
    cells = [head, *rows]
    width = [max(len(str(row[i])) for row in cells) for i in range(len(head))]
    return "\n".join("  ".join(str(c).ljust(w) if i == 0 else str(c).rjust(w)
                               for i, (c, w) in enumerate(zip(row, width))) for row in cells)


def mib(n, less=0):
    """n - less bytes in MiB as text, or a dash where n is not known."""
    return "-" if n is None else f"{(n - less) / 2**20:.0f}"


def step_table(found):
    """{workload: seconds of a step} as text."""
    rows = []
    for name, s in found.items():
        best = s["into out"]
        rows.append([name, f"{1e3 * best:.1f} ms", f"{100 * s['passes'] / best:.0f} %"
                     if "passes" in s else "-", ratio(best, s["floor"]),
                     ratio(s["blocked"], s["floor"]), ratio(s["forward + backward"], s["floor"]),
                     ratio(s.get("torch"), best), ratio(s.get("torch.compile"), best),
                     ratio(s.get("torch"), s.get("torch floor")),
                     ratio(s.get("torch floor"), s["floor"])])
    return table(["training step", "into out", "passes", "/ floor", "fresh / floor",
                  "fwd+bwd / floor", "torch / into out", "compiled / into out", "torch / its floor",
                  "torch's floor / ours"], rows)


def scaling_table(name, found):
    """{threads: seconds} of a workload as text, and up to how many threads the step gains."""
    one = found[min(found)]["step"]
    rows = [[f"{n}", f"{1e3 * s['step']:.1f} ms", ratio(one, s["step"]),
             f"{100 * s['passes'] / s['step']:.0f} %", ratio(s["step"], s["floor"])]
            for n, s in found.items()]
    return (table([f"{name}: threads", "into out", "times as fast", "passes", "/ floor"], rows)
            + f"\nthe step gains up to {gains_up_to(found)} threads")


def gains_up_to(found):
    """The number of threads up to which each step is faster than that of fewer."""
    best = None
    for n in sorted(found):
        if best is not None and found[best]["step"] < GAIN * found[n]["step"]:
            break
        best = n
    return best


def query_table(found):
    """{workload: seconds of the queries} as text."""
    rows = []
    for name, s in found.items():
        rows.append([name] + [f"{100 * share:.0f} %" for share in s["left"]] + [
            ratio(s.get(f"torch {query} {where}"), s[f"{query} {where}"])
            for query, where in (("log_prob", "stay"), ("predict", "stay"), ("predict", "tenth"),
                                 ("topk", "stay"), ("topk", "tenth"))])
    return table(["PyTorch / ours", "left, a", "left, b", "log_prob", "predict a", "predict b",
                  "topk(10) a", "topk(10) b"], rows)


def memory_table(found):
    """{workload: bytes of a step} as text."""
    return table(["memory of a step, MiB", "result", "beyond it", "process beyond it",
                  "torch's process beyond it"],
                 [[name, mib(m["result"]), mib(m["extra"]),
                   *(mib(m["resident"].get(who), m["result"]) for who in ("blocked", "torch"))]
                  for name, m in found.items()])


def classes_table(rows):
    """Step time against the number of classes as text."""
    return table(["classes", "adaptive", "full / adaptive", "torch / adaptive",
                  "torch's full / adaptive", "memory, MiB", "full", "torch", "torch's full"],
                 [[f"{row['classes']:,}", f"{1e3 * row['seconds']['adaptive']:.1f} ms",
                   ratio(row["seconds"]["full softmax"], row["seconds"]["adaptive"]),
                   ratio(row["seconds"].get("torch"), row["seconds"]["adaptive"]),
                   ratio(row["seconds"].get("torch full"), row["seconds"]["adaptive"]),
                   *(mib(row["bytes"].get(who)) for who in ("adaptive", "full softmax", "torch",
                                                            "torch full"))]
                  for row in rows]) + "\n" + PAPER


def plot(rows, path):
    """Step time and growth of memory against the number of classes, readable in grey.

    Over the full softmax stands how many times as long it takes; under all of it, the paper's.
    """
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    styles = {"adaptive": ("o-", "0"), "full softmax": ("s--", "0.35"), "torch": ("^:", "0.55"),
              "torch full": ("x-.", "0.7")}
    labels = {"torch": "PyTorch, adaptive", "torch full": "PyTorch, full softmax in chunks",
              "adaptive": "npadasoft, adaptive", "full softmax": "npadasoft, full softmax"}
    classes = [row["classes"] for row in rows]
    for name, (style, grey) in styles.items():
        if name in rows[0]["seconds"]:
            axes[0].loglog(classes, [row["seconds"][name] for row in rows], style, color=grey,
                           label=labels[name])
            axes[1].loglog(classes, [max(row["bytes"][name] or 0, 2**20) / 2**20 for row in rows],
                           style, color=grey, label=labels[name])
    for row in rows:
        full = row["seconds"]["full softmax"]
        axes[0].annotate(f"{full / row['seconds']['adaptive']:.1f}", (row["classes"], full),
                         (0, 6), textcoords="offset points", ha="center", fontsize="small")
    axes[0].margins(y=0.12)
    axes[0].set(xlabel="classes", ylabel="time of a training step [s]")
    axes[1].set(xlabel="classes", ylabel="memory of a step and its gradients [MiB]")
    for ax in axes:
        ax.grid(True, which="major", color="0.9")
    axes[0].legend(frameon=False)
    figure.supxlabel(f"Numbers: full / adaptive on this machine.  {PAPER}", fontsize="small")
    figure.savefig(path, dpi=150)
    plt.close(figure)
