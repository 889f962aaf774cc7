"""`npadasoft plan`: class counts in, cutoffs out."""

from __future__ import annotations

import pathlib
import sys

import numpy as np

from npadasoft.console import Parser, many, one_line, picture, writable
from npadasoft.planning.calibration import calibrate
from npadasoft.planning.cost import Cost
from npadasoft.planning.counts import (by_frequency, descending, read_counts, text_words,
                                       zipf_counts)
from npadasoft.planning.optimum import plans, priced
from npadasoft.planning.plot import draw

TAILS = [1, 2, 3, 4, 5]


def parser():
    """The arguments of the command."""
    p = Parser(prog="npadasoft plan", description=(
        "Choose the cutoffs of an adaptive softmax: exactly optimal under the cost model of "
        "Grave et al. 2017."))
    add = p.add_argument
    add("file", nargs="?", metavar="FILE", help="lines of `count` or `word count`; - is stdin")
    add("--text", action="store_true", help="FILE is a text: count its words")
    add("--zipf", type=int, metavar="N", help="no FILE, but a Zipf law over N classes")
    add("--exponent", type=float, default=1.0, metavar="S", help="of the Zipf law (default 1)")
    p.add_integers("--clusters", metavar="J,...", help="numbers of tails "
                   f"(default {','.join(map(str, TAILS))}; with --cutoffs as many as those make)")
    p.add_integers("--cutoffs", metavar="C,...", help="price these cutoffs, too")
    add("--order", type=writable, metavar="FILE", help="write the classes, most frequent first")
    add("--min-coverage", type=float, default=0.0, metavar="P",
        help="the head covers at least this part of the text (0 to 1, default 0)")
    add("--min-size", type=int, default=1, metavar="K",
        help="least classes in a tail (default 1)")
    add("--floor", type=float, metavar="X",
        help="classes below which a product gets no cheaper (default 0)")
    add("--overhead", type=float, metavar="X",
        help="constant cost of a product, in classes (default 0)")
    add("--calibrate", action="store_true", help="measure floor and overhead on this machine")
    add("--features", type=int, default=512, metavar="D", help="in_features (default 512)")
    add("--batch", type=int, default=2560, metavar="B", help="examples in a batch (default 2560)")
    add("--hidden", action="store_true",
        help="charge each tail for its own hidden size, D // V**(i+1) (see the note it prints)")
    add("--div-value", type=float, default=4.0, metavar="V", help="of hidden sizes (default 4)")
    add("--plot", type=picture, metavar="FILE", help="draw the plans (needs matplotlib)")
    return p


@one_line("plan", OSError, ValueError)
def main(argv):
    """Run the command; 0, or 2 after one line of error."""
    args = parser().parse_args(argv)
    classes, counts = _counts(args)
    order, cost = by_frequency(counts), _cost(args)
    counts = descending(counts)
    found, mine = _plans(args, counts, cost)
    print("\n".join(_table(counts, found, cost, mine)))
    if classes:
        print("\n".join(_renumbering(args, order)))
    if args.order:
        pathlib.Path(args.order).write_text("".join(classes[i] + "\n" for i in order),
                                            encoding="utf-8")
        print(f"wrote {args.order}: line n, counted from 0, is the class that becomes n")
    if args.plot:
        draw(counts, found, args.plot)
        print(f"wrote {args.plot}")
    return 0


def _counts(args):
    """The classes as text, [] of a law, and their counts in the order in which they came."""
    if (args.file is None) == (args.zipf is None):
        raise ValueError("give either FILE or --zipf N")
    if args.zipf is not None:
        if args.order:
            raise ValueError("--order is of a FILE: the classes of a Zipf law are in order")
        return [], zipf_counts(args.zipf, args.exponent)
    name = "standard input" if args.file == "-" else args.file
    try:
        text = sys.stdin.read() if args.file == "-" else pathlib.Path(args.file).read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is no UTF-8 text: {error.reason} at byte {error.start}") from None
    return text_words(text, name) if args.text else read_counts(text.splitlines(), name)


def _plans(args, counts, cost):
    """The plans to be shown, and which of them has the cutoffs that were given."""
    mine = [] if args.cutoffs is None else [priced(counts, args.cutoffs, cost)]
    tails = args.clusters
    if tails is None:
        tails = [len(mine[0].cutoffs)] if mine else [
            j for j in TAILS if j * args.min_size < len(counts)] or TAILS[:1]
    best = plans(counts, tails, cost, min_coverage=args.min_coverage, min_size=args.min_size)
    return mine + best, mine


def _renumbering(args, order):
    """What must be done to the numbers of the classes before the cutoffs mean anything."""
    yield "The cutoffs hold for classes that are numbered by frequency, 0 the most frequent one."
    moved = int((order != np.arange(len(order))).sum())
    if moved:
        yield (f"In this order they are not: {many(moved, 'number')} must change"
               + ("." if args.order else "; --order FILE writes the classes in that order."))


def _cost(args):
    constants = {"floor": 0.0, "overhead": 0.0}
    if args.calibrate:
        constants = _calibrated(args.features, args.batch)
    given = {"floor": args.floor, "overhead": args.overhead}
    constants.update({name: value for name, value in given.items() if value is not None})
    return Cost(**constants, features=args.features if args.hidden else None,
                div_value=args.div_value)


def _calibrated(features, batch):
    for name, value in (("features", features), ("batch", batch)):
        if value < 1:
            raise ValueError(f"{name} should be at least 1, but found {value}")
    found = calibrate(features, batch)
    print(f"measured here, D = {features}, float32: B examples by k classes take "
          f"{found.constant * 1e6:.1f} us + {found.slope * 1e9:.3f} ns * "
          f"max({found.floor:.0f}, kB)")
    return found.in_classes(batch)


def _table(counts, found, cost, mine=()):
    """The lines of the report; a plan of `mine` is marked."""
    yield (f"{len(counts):,} classes; floor {cost.floor:.4g}, overhead {cost.overhead:.4g} classes "
           f"a product; {'with' if cost.features else 'without'} hidden sizes")
    width = max(7, *(len(_list(p.cutoffs)) for p in found))
    yield f"{'J':>2}  {'cutoffs':<{width}}  {'head covers':>11}  {'full/adaptive':>13}"
    for p in found:
        yield (f"{len(p.cutoffs):>2}  {_list(p.cutoffs):<{width}}  {p.coverage:>11.1%}  "
               f"{p.ratio:>13.1f}{'  given' if p in mine else ''}")
    yield "full/adaptive: modelled work of the output layer, not a measured time."
    if cost.features:
        yield ("note: with hidden sizes in the cost, deep tails look free and the optimum "
               "degenerates;\nuse --min-coverage and --min-size, or leave --hidden out and choose "
               "the sizes afterwards.")


def _list(cutoffs):
    return ", ".join(map(str, cutoffs))
