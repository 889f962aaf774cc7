"""`npadasoft plan`: class counts in, cutoffs out."""

from __future__ import annotations

import argparse
import pathlib
import sys

from npadasoft.planning.calibration import calibrate
from npadasoft.planning.cost import Cost
from npadasoft.planning.counts import descending, parse_counts, text_counts, zipf_counts
from npadasoft.planning.optimum import plans
from npadasoft.planning.plot import draw


def parser():
    """The arguments of the command."""
    p = argparse.ArgumentParser(prog="npadasoft plan", description=(
        "Choose the cutoffs of an adaptive softmax: exactly optimal under the cost model of "
        "Grave et al. 2017."))
    add = p.add_argument
    add("file", nargs="?", metavar="FILE", help="lines of `count` or `word count`; - is stdin")
    add("--text", action="store_true", help="FILE is a text: count its words")
    add("--zipf", type=int, metavar="N", help="no FILE, but a Zipf law over N classes")
    add("--exponent", type=float, default=1.0, metavar="S", help="of the Zipf law (default 1)")
    add("--clusters", type=int, nargs="+", default=[1, 2, 3, 4, 5], metavar="J",
        help="numbers of tail clusters (default 1 2 3 4 5)")
    add("--min-coverage", type=float, default=0.0, metavar="P",
        help="the head covers at least this part of the text (0 to 1)")
    add("--min-size", type=int, default=1, metavar="K",
        help="least classes in a tail cluster (default 1)")
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
    add("--plot", metavar="FILE", help="draw the plans (needs matplotlib)")
    return p


def main(argv):
    """Run the command; 0, or 1 after one line of error."""
    args = parser().parse_args(argv)
    try:
        counts = _counts(args)
        cost = _cost(args)
        found = plans(counts, args.clusters, cost,
                      min_coverage=args.min_coverage, min_size=args.min_size)
        print("\n".join(_table(counts, found, cost)))
        if args.plot:
            draw(counts, found, args.plot)
            print(f"wrote {args.plot}")
    except BrokenPipeError:                             # the reader has seen enough: see cli.py
        raise
    except (OSError, ValueError, RuntimeError) as error:
        print(f"npadasoft plan: {error}", file=sys.stderr)
        return 1
    return 0


def _counts(args):
    if (args.file is None) == (args.zipf is None):
        raise ValueError("give either FILE or --zipf N")
    if args.zipf is not None:
        return descending(zipf_counts(args.zipf, args.exponent))
    if args.file == "-":
        text, name = sys.stdin.read(), "standard input"
    else:
        text, name = pathlib.Path(args.file).read_text(encoding="utf-8"), args.file
    return text_counts(text) if args.text else parse_counts(text.splitlines(), name)


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


def _table(counts, found, cost):
    """The lines of the report."""
    yield (f"{len(counts):,} classes; floor {cost.floor:.4g}, overhead {cost.overhead:.4g} classes "
           f"a product; {'with' if cost.features else 'without'} hidden sizes")
    width = max(7, *(len(_list(p.cutoffs)) for p in found))
    yield f"{'J':>2}  {'cutoffs':<{width}}  {'head covers':>11}  {'full/adaptive':>13}"
    for p in found:
        yield (f"{len(p.cutoffs):>2}  {_list(p.cutoffs):<{width}}  {p.coverage:>11.1%}  "
               f"{p.ratio:>13.1f}")
    yield "full/adaptive: modelled work of the output layer, not a measured time."
    if cost.features:
        yield ("note: with hidden sizes in the cost, deep clusters look free and the optimum "
               "degenerates;\nuse --min-coverage and --min-size, or leave --hidden out and choose "
               "the sizes afterwards.")


def _list(cutoffs):
    return ", ".join(map(str, cutoffs))
