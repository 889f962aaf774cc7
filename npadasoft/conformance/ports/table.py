"""The state of the ports: what `npadasoft ports` prints, and how it is renewed.

    npadasoft ports                             the table, and what each port gets wrong
    npadasoft ports --record NAME --state FILE  run one port over the whole catalogue: its row
    npadasoft ports --diff FILE                 what the rows of FILE have otherwise than ours

A row is what one run printed, with its date and versions; nothing stands in it that was not run.
Each finding (`findings.py`) names the cases that show it, or a script that does.  In a checkout
--record renews the rows of the checkout (`tests/ports/renew.sh NAME` does so in an environment of
its own); an installed package is never written into.
"""
import datetime
import json
import platform
from collections import Counter
from pathlib import Path

import numpy as np

from npadasoft.conformance import ports
from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge.conclusion import TIERS
from npadasoft.conformance.judge.session import Session
from npadasoft.conformance.judge.verdict import BAD
from npadasoft.conformance.ports.findings import FINDINGS
from npadasoft.console import Parser, one_line

STATE = Path(__file__).with_name("state.json")
DTYPES = ("float64", "float32")
PORTS = tuple(name for name in ports.READY if not name.startswith("ours-"))


@one_line("ports", OSError, ValueError)
def main(argv):
    """Print the table, renew rows of it, or say what a newer run has otherwise.

    0, or 1 if --diff found a difference, or 2 after one line of error.
    """
    parser = Parser(prog="npadasoft ports", description="The state of the ports that are known.")
    parser.add_argument("--record", action="append", default=[], metavar="NAME", choices=PORTS,
                        help="run it over the whole catalogue and write its row")
    parser.add_argument("--state", type=Path, metavar="FILE",
                        help="the file of the rows (default: those of this package)")
    parser.add_argument("--diff", type=Path, metavar="FILE",
                        help="a file of rows: say what they have otherwise than these")
    arguments = parser.parse_args(argv)
    path = arguments.state or STATE
    if arguments.record and not arguments.state and not _is_checkout():
        raise ValueError("this package is installed, and keeps the rows that it came with: name "
                         "a file for yours, --record NAME --state FILE")
    for name in arguments.record:
        state = {**read(path), name: record(name)}
        state = {key: state[key] for key in PORTS if key in state}
        path.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
    if arguments.diff:
        found = difference(read(path), _rows(arguments.diff))
        print("\n".join(found or ["no difference"]))
        return int(any(line.startswith(" ") for line in found))
    print("\n".join(lines(read(path))))
    return 0


def _is_checkout():
    """Whether the package lies in its repository and not among installed packages."""
    return (STATE.parents[3] / "setup.cfg").is_file()


def _rows(path):
    """The rows of a file that must be there and be one."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(rows, dict) or not all(
            isinstance(row, dict) and "wrong" in row for row in rows.values()):
        raise ValueError(f"{path}: no file of rows, as --record NAME --state FILE writes it")
    return rows


def difference(old, new):
    """What the rows `new` have otherwise than `old`: a line a version, indented ones a case."""
    found = []
    for name, row in new.items():
        was = old.get(name)
        if was is None:
            found.append(f"{name}: {row['version']}, a port without a row here")
            continue
        if was["version"] != row["version"] or was["suite"] != row["suite"]:
            found.append(f"{name}: {was['version']} -> {row['version']}, "
                         f"suite {was['suite']} -> {row['suite']}")
        for case in dict.fromkeys([*was["wrong"], *row["wrong"]]):
            for dtype in DTYPES:
                before, now = (r["wrong"].get(case, {}).get(dtype) for r in (was, row))
                if (before and before.split(",")[0]) != (now and now.split(",")[0]):
                    found.append(f"  {name}, {case} in {dtype}: {before or 'right'} -> "
                                 f"{now or 'right'}")
    return found


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
    together = {d: _together([s for r in results if r.dtype == d for s in r.statistics])
                for d in dtypes}
    return {"name": info.name, "version": info.version, "suite": vectors_io.SUITE,
            "date": datetime.date.today().isoformat(),
            "python": platform.python_version(), "numpy": np.__version__,
            "ops": list(info.ops), "counts": counts, "wrong": wrong,
            "statistics": {d: worst for d, worst in together.items() if worst}}


def _together(found):
    """The largest rms and the largest lean of several `Statistic`; None if there is none."""
    if not found:
        return None
    lean = max((s.lean or 0.0 for s in found), key=lambda v: float(abs(v)))
    return {"rms": round(max(s.rms for s in found), 3), "lean": round(lean, 2)}


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
    out += _statistics(state)
    for name, row in state.items():
        out += ["", ran(name, row)]
        out += [line for finding in FINDINGS if name in finding.ports
                for line in finding.lines()]
    return out


def _statistics(state):
    """The errors of many numbers, taken together (judge/statistics.py), of rows that have them."""
    rows = {name: row["statistics"] for name, row in state.items() if row.get("statistics")}
    if not rows:
        return []
    out = ["", "Errors of many numbers taken together (cases R*), float64 and float32: the root of",
           "their mean square, 1 being that of independent roundings in the worst order, and by",
           "how many sigma they lean (+ is what sums give that truncate)", "",
           f"{'port':<26}{'rms':<15}lean"]
    for name, found in rows.items():
        rms, lean = ([f"{found[d][key]:{form}}" if d in found else "" for d in DTYPES]
                     for key, form in (("rms", ".2f"), ("lean", "+.1f")))
        out.append(f"{name:<26}{rms[0]:>4} {rms[1]:>5}     {lean[0]:>5} {lean[1]:>5}".rstrip())
    return out


def ran(name, row):
    """What was run, with which versions, and when."""
    return (f"{name}: {row['name']} {row['version']} (Python {row['python']}, NumPy "
            f"{row['numpy']}, suite {row['suite']}, {row['date']})")


def _cell(by_dtype):
    """`96/100+ 95/99`: passed and put, in each dtype; + where some were incomplete."""
    if not by_dtype:
        return "-"
    cells = []
    for dtype in DTYPES:
        counts = by_dtype.get(dtype, {})
        bad = sum(counts.get(verdict, 0) for verdict in BAD)
        partly = counts.get("incomplete", 0)
        done = counts.get("pass", 0)
        cells.append(f"{done + partly}/{done + partly + bad}{'+' if partly else ''}")
    return " ".join(cells)
