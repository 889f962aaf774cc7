"""The picture of a plan: where the cutoffs fall on the coverage curve, and what they save."""

from __future__ import annotations

import numpy as np


def draw(counts, plans, path):
    """Write the picture to `path` (its ending chooses the format), with matplotlib."""
    from matplotlib.figure import Figure
    figure = Figure(figsize=(9, 4.4), layout="constrained")
    axes = figure.subplot_mosaic([["curve", "ratio"], ["places", "ratio"]],
                                 width_ratios=[3, 2], height_ratios=[3, 2])
    axes["places"].sharex(axes["curve"])
    _coverage(axes["curve"], counts)
    _places(axes["places"], plans)
    _ratios(axes["ratio"], plans)
    figure.savefig(path, dpi=150)


def _coverage(axes, counts):
    percent = 100 * np.cumsum(counts) / counts.sum()
    rank = np.unique(np.geomspace(1, len(counts), 400).astype(int))
    axes.plot(rank, percent[rank - 1], color="black", linewidth=1.2)
    axes.set(xscale="log", ylim=(0, 104), ylabel="text covered (%)",
             title="Where the cutoffs fall")
    axes.tick_params(labelbottom=False)
    axes.grid(alpha=0.3)


def _places(axes, plans):
    for n, p in enumerate(plans):
        axes.plot([1, *p.cutoffs, p.n_classes], [n] * (len(p.cutoffs) + 2), color="0.6")
        axes.plot(p.cutoffs, [n] * len(p.cutoffs), "o", color="black", markersize=5)
    axes.set(ylim=(len(plans) - 0.5, -0.5), ylabel="tails",
             xlabel="classes, most frequent first (number)")
    axes.set_yticks(range(len(plans)), [str(len(p.cutoffs)) for p in plans])
    axes.grid(alpha=0.3, axis="x")


def _ratios(axes, plans):
    names = [str(len(p.cutoffs)) for p in plans]
    bars = axes.bar(names, [p.ratio for p in plans], color="0.75", edgecolor="black")
    axes.bar_label(bars, fmt="%.1f", padding=2, fontsize="small")
    axes.set(xlabel="tails (number)", ylabel="full softmax / adaptive (ratio of work)",
             title="What they save, by the model")
    axes.margins(y=0.12)
