"""The state of the ports: what `npadasoft ports` prints, and how it is renewed.

    npadasoft ports                 the table, and what each port gets wrong
    npadasoft ports --record NAME   run one port over the whole catalogue and write down its row

A row is what one run printed, with its date and versions; nothing stands in it that was not run.
Each finding (`findings.py`) names the cases that show it, or a script that does.
"""
import argparse
import datetime
import json
import platform
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from npadasoft.conformance import ports
from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge.session import Session
from npadasoft.conformance.judge.verdict import BAD
from npadasoft.conformance.ports.findings import FINDINGS

STATE = Path(__file__).with_name("state.json")
TIERS = ("required", "quality", "excellence", "extensions")
DTYPES = ("float64", "float32")
PORTS = tuple(name for name in ports.READY if not name.startswith("ours-"))


def main(argv):
    """Print the table, or renew rows of it."""
    parser = argparse.ArgumentParser(
        prog="npadasoft ports", description="The state of the ports that are known.")
    parser.add_argument("--record", action="append", default=[], metavar="NAME", choices=PORTS,
                        help="run it over the whole catalogue and write its row")
    parser.add_argument("--state", type=Path, default=STATE, help="the file of the rows")
    arguments = parser.parse_args(argv)
    try:
        for name in arguments.record:
            row = record(name)
            state = {**read(arguments.state), name: row}
            state = {key: state[key] for key in PORTS if key in state}
            arguments.state.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
    except ValueError as error:
        print(f"npadasoft ports: {error}", file=sys.stderr)
        return 2
    print("\n".join(lines(read(arguments.state))))
    return 0


def read(path=STATE):
    """Name of a port -> its row."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def record(name, cases=None):
    """The row of one port: run over all cases in float64 and float32.

    Returns
    -------
    dict
        `counts`: tier -> dtype -> verdict -> number.  `wrong`: id -> dtype -> what was wrong.
    """
    port = ports.load(name)
    info = port.start()
    dtypes = [dtype for dtype in DTYPES if dtype in info.dtypes]
    try:
        results = Session(port, vectors_io.load() if cases is None else cases).run(dtypes)
    finally:
        port.stop()
    counts: dict = {}
    wrong: dict = {}
    for r in results:
        counts.setdefault(r.tier, {}).setdefault(r.dtype, Counter())[r.verdict] += 1
        if r.verdict in BAD:
            wrong.setdefault(r.id, {})[r.dtype] = _short(r)
    return {"name": info.name, "version": info.version, "suite": vectors_io.SUITE,
            "date": datetime.date.today().isoformat(),
            "python": platform.python_version(), "numpy": np.__version__,
            "ops": list(info.ops), "counts": counts, "wrong": wrong}


def _short(result):
    """What went wrong in one case, in a few words."""
    if result.message:
        return f"{result.verdict}: {' '.join(result.message.split())[:140]}"
    differs = ", ".join(result.origins or result.differing) or "a law is broken"
    worst = result.worst
    ratio = f", {worst.ratio:.3g} x its bound" if worst is not None and worst.ratio else ""
    return f"{result.verdict}: {differs}{ratio}"


def lines(state):
    """The table and the findings, as lines to print."""
    widths = [max([len(name) for name in PORTS]) + 2] + [19] * len(TIERS)
    head = ["port"] + list(TIERS)
    out = ["Cases passed of those that the port can be asked, float64 and float32; +: some of them",
           "could be asked in part only, as the port lacks an operation, and passed in that", "",
           "".join(f"{text:<{width}}" for text, width in zip(head, widths)).rstrip()]
    for name, row in state.items():
        cells = [name] + [_cell(row["counts"].get(tier, {})) for tier in TIERS]
        out.append("".join(f"{text:<{width}}" for text, width in zip(cells, widths)).rstrip())
    for name, row in state.items():
        out += ["", ran(name, row)]
        out += [line for finding in FINDINGS if name in finding.ports
                for line in finding.lines()]
    return out


def ran(name, row):
    """What was run, with which versions, and when."""
    return (f"{name}: {row['name']} {row['version']} (Python {row['python']}, NumPy "
            f"{row['numpy']}, suite {row['suite']}, {row['date']})")


def _cell(by_dtype):
    """`96/100+ 95/99`: passed and put, in each dtype; + where some were incomplete."""
    cells = []
    for dtype in DTYPES:
        counts = by_dtype.get(dtype, {})
        bad = sum(counts.get(verdict, 0) for verdict in BAD)
        partly = counts.get("incomplete", 0)
        done = counts.get("pass", 0)
        cells.append(f"{done + partly}/{done + partly + bad}{'+' if partly else ''}")
    return " ".join(cells)
