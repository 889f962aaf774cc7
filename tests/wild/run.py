"""Hand-written gradients of released packages, checked: one command, one row of the table.

    python tests/wild/run.py statsmodels            in a fresh environment, which is removed after
    python tests/wild/run.py --here statsmodels     with the packages of this Python
    python tests/wild/run.py --all [--json DIR]     every glue file in packages/

Status 1 if a FAIL has no explanation in the glue file, if plain differences do not bear it out, or
if a mistake named there is not found any more.
"""
import argparse
import ast
import fnmatch
import importlib.util
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import warnings
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent)]

import witness  # noqa: E402
from case import KINDS  # noqa: E402

from npadasoft import gradcheck  # noqa: E402

LIMIT = 30              # seconds of processor time for one check
SUMMARY = ("PASS", "VACUOUS", *KINDS, "unexplained", "INCONCLUSIVE", "KINK", "NONFINITE",
           "NONDETERMINISTIC", "raised", "late")


def glue(name):
    """The module packages/NAME.py, under a name that shadows nothing."""
    spec = importlib.util.spec_from_file_location(f"glue_{name}", HERE / f"packages/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pins(name):
    """What packages/NAME.py pins, read without the packages that it imports."""
    for node in ast.parse((HERE / f"packages/{name}.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PINS":
            return node.value.value.split()
    raise RuntimeError(f"packages/{name}.py: no PINS")


def why(module, name):
    """(kind, reason) of an expected FAIL, or None."""
    for pattern, reason in getattr(module, "WHY", {}).items():
        if fnmatch.fnmatchcase(name, pattern):
            return reason
    return None


class Late(BaseException):
    """No Exception, so that no package can take it for one of its own."""


def _late(*_):
    raise Late


def examine(module, case):
    """What became of one case: a dict with its outcome, one of `SUMMARY`."""
    row = {"name": case.name}
    if hasattr(signal, "SIGPROF"):
        signal.signal(signal.SIGPROF, _late)
        signal.setitimer(signal.ITIMER_PROF, LIMIT)
    try:
        report = gradcheck.check(case.f, case.params, case.grads, **case.options)
        row |= {"outcome": report.verdict, "elements": sum(t.checked for t in report.tensors)}
        if report.verdict == "FAIL":
            row |= _explained(module, case, report)
        elif report.verdict not in ("PASS", "VACUOUS"):
            row["text"] = [t.reason for t in report.tensors if t.verdict == report.verdict][0][:200]
    except Late:
        row |= {"outcome": "late"}
    except Exception as error:
        row |= {"outcome": "raised", "text": f"{type(error).__name__}: {error}"[:200]}
    finally:
        if hasattr(signal, "SIGPROF"):
            signal.setitimer(signal.ITIMER_PROF, 0)
    return row


def _explained(module, case, report):
    """A FAIL: its kind, the two numbers, and what plain differences and the right one say."""
    kind, reason = why(module, case.name) or ("unexplained", "")
    worst = max((t for t in report.tensors if t.verdict == "FAIL"), key=lambda t: t.ratio or 0)
    row = {"outcome": kind, "text": reason, "path": worst.path, "index": worst.worst_index,
           "analytic": worst.analytic, "numeric": worst.numeric,
           "hint": (worst.hint or {}).get("text", "")}
    if worst.worst_index is not None:
        seen, gap = witness.slope(case.f, case.params, worst.path, worst.worst_index,
                                  case.options.get("cotangent"))
        row |= {"plain": seen, "gap": gap, "borne_out": abs(seen - worst.analytic) > 3 * gap}
    if case.right is not None:
        right = gradcheck.check(case.f, case.params, case.right, **case.options)
        row["right"] = right.verdict
    return row


def here(name):
    """Every case of one glue file, with the packages of this Python."""
    module, rows, start = glue(name), [], time.perf_counter()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            try:
                for case in module.checks():
                    rows.append(examine(module, case))
            except Exception as error:      # of the glue, or of the package while cases are made
                rows.append({"name": "checks()", "outcome": "raised", "stopped": True,
                             "text": f"{type(error).__name__}: {error}"[:200]})
    due = dict(pin.split("==") for pin in module.PINS.split())
    return {"name": name, "due": due, "versions": {pin: version(pin) for pin in due},
            "mistakes": [pattern for pattern, (kind, _) in getattr(module, "WHY", {}).items()
                         if kind == "mistake"], "rows": rows,
            "seconds": time.perf_counter() - start, "date": str(date.today()),
            "python": sys.version.split()[0], "checker": checker(), "fresh": False,
            "doc": module.__doc__.split("\n")[0]}


def checker():
    """The commit that last changed a file of the checker that `check` needs."""
    files = [module.__file__ for name, module in sys.modules.items()
             if name.startswith("npadasoft.gradcheck")]
    done = subprocess.run(["git", "log", "-1", "--format=%h", "--", *files],
                          cwd=HERE, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip() or "unknown"


def environment(folder, packages):
    """The Python of a new virtual environment with `packages`, by the pip of this one.

    A pinned setuptools is also the one that packages without a wheel are built by: told so by
    PIP_BUILD_CONSTRAINT since pip 25.3, by PIP_CONSTRAINT before.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    builders = Path(folder, "builders.txt")
    builders.write_text("\n".join(p for p in packages if p.startswith("setuptools")))
    subprocess.run([sys.executable, "-m", "pip", "--python", f"{folder}/bin/python", "install",
                    "-q", "--no-compile", *packages], check=True, stdout=sys.stderr, env={
                        **os.environ, "PIP_CONSTRAINT": str(builders),
                        "PIP_BUILD_CONSTRAINT": str(builders)})
    return f"{folder}/bin/python"


def fresh(name):
    """The same in a new virtual environment with the pinned packages, which is removed after."""
    with tempfile.TemporaryDirectory(prefix=f"wild-{name}-") as folder:
        python = environment(folder, pins(name))
        done = subprocess.run([python, __file__, "--here", name, "--json", folder],
                              stdout=subprocess.PIPE, text=True)
        if not os.path.exists(f"{folder}/{name}.json"):
            raise RuntimeError(done.stdout.strip()[-300:] or f"status {done.returncode}")
        return {**json.loads(Path(f"{folder}/{name}.json").read_text()), "fresh": True}


def faults(answer):
    """What makes the row no good: one line each."""
    for name, due in answer["due"].items():
        if answer["versions"][name] != due:
            yield f"{answer['name']}: {name} {answer['versions'][name]} where {due} is pinned"
    for row in answer["rows"]:
        if row.get("stopped"):
            yield f"{answer['name']}: the glue stopped: {row['text']}"
        elif row["outcome"] == "unexplained":
            yield f"{row['name']}: FAIL without an explanation, {row['analytic']} for " \
                  f"{row['numeric']} (plain differences {row.get('plain')}) {row['hint']}"
        elif row["outcome"] == "approximation" and (
                abs(row["analytic"] - row["numeric"]) > 1e-3 * abs(row["numeric"]) + 1e-12):
            yield f"{row['name']}: {row['analytic']} for {row['numeric']} is no approximation"
        elif row.get("borne_out") is False and row.get("right") != "PASS":
            yield f"{row['name']}: plain differences say {row['plain']} +- {row['gap']}, " \
                  f"not that {row['analytic']} is wrong"
        elif row.get("right", "PASS") != "PASS":
            yield f"{row['name']}: the right gradient is {row['right']}"
    for pattern in answer["mistakes"]:
        if not any(fnmatch.fnmatchcase(row["name"], pattern) and row["outcome"] == "mistake"
                   for row in answer["rows"]):
            yield f"{pattern}: named as a mistake, and not found any more"


def line(answer):
    """The row of the table."""
    count = Counter(row["outcome"] for row in answer["rows"])
    name = f"{answer['name']} {next(iter(answer['versions'].values()))}"
    return f"{name:30}{len(answer['rows']):6}" + "".join(f"{count[k] or '-':>6}" for k in SUMMARY) \
        + f"{answer['seconds']:7.0f}"


def head():
    """The heading of the table."""
    return f"{'package':30}{'checks':>6}" + "".join(f"{k[:5]:>6}" for k in SUMMARY) + f"{'s':>7}"


SHORT = {"right": ("PASS", "VACUOUS"), "mistake": ("mistake",), "by design": ("design",),
         "approximation": ("approximation",), "accused": ("unexplained",),
         "no verdict": ("INCONCLUSIVE", "KINK", "NONFINITE", "NONDETERMINISTIC"),
         "not run": ("raised", "late")}


def short(answers):
    """The table of the README: a line of Markdown for each package, and the sum."""
    count = {a["name"]: Counter(row["outcome"] for row in a["rows"]) for a in answers}
    yield f"| package | checks | {' | '.join(SHORT)} |"
    yield "|---|" + "---:|" * (1 + len(SHORT))
    for name, c in (*((f"{a['name']} {next(iter(a['versions'].values()))}", count[a["name"]])
                      for a in answers),
                    (f"**{len(answers)} packages**", sum(count.values(), Counter()))):
        cells = [sum(c.values())] + [sum(c[key] for key in keys) for keys in SHORT.values()]
        yield f"| {name} | " + " | ".join(f"{cell:,}" if cell else "" for cell in cells) + " |"


def made(answers):
    """Above the table: when and with what its rows were made, on one line if all are alike."""
    for how in sorted({tuple(a[k] for k in ("date", "python", "checker", "fresh"))
                       for a in answers}):
        names = [a["name"] for a in answers
                 if how == tuple(a[k] for k in ("date", "python", "checker", "fresh"))]
        day, python, commit, fresh = how
        yield f"{day}  Python {python}, checker of commit {commit}, " \
              f"{'fresh environments' if fresh else 'the environment at hand'}: " \
              f"{f'{len(names)} packages' if len(names) == len(answers) else ', '.join(names)}"


def details(answer):
    """Below the table: all that did not pass, with the reason, cases alike together."""
    groups = {}
    for row in answer["rows"]:
        if row["outcome"] not in ("PASS", "VACUOUS"):
            text = re.sub(r"^[\d.]+ tolerances", "over a tolerance", row.get("text", ""))
            text = re.sub(r"^blunt at .*", "blunt: of some elements too little is known", text)
            groups.setdefault((row["outcome"], text), []).append(row)
    for (outcome, text), rows in groups.items():
        one = rows[0]
        names = ", ".join(row["name"] for row in rows[:4]) + (" ..." if len(rows) > 4 else "")
        yield f"{answer['name']}: {outcome} x{len(rows)}: {names}: {text}"
        if "analytic" in one:
            yield f"    {one['name']}: {one['analytic']:.9g} for {one['numeric']:.9g}" + (
                f", plain differences {one['plain']:.9g} +- {one['gap']:.1g}"
                if "plain" in one else "") + (
                ", the right gradient PASSes" if one.get("right") == "PASS" else "")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--here", action="store_true")
    parser.add_argument("--json", metavar="DIR", help="write DIR/NAME.json as well")
    parser.add_argument("--table", metavar="DIR", help="print the table of the files in DIR")
    parser.add_argument("--short", action="store_true", help="the table of the README instead")
    ask = parser.parse_args(argv)
    names = ask.names or [p.stem for p in sorted((HERE / "packages").glob("*.py")) if ask.all]
    answers, bad = [], []
    if ask.table:
        answers = [json.loads(p.read_text()) for p in sorted(Path(ask.table).glob("*.json"))]
    for name in names:
        try:
            answers.append((here if ask.here else fresh)(name))
        except (ImportError, RuntimeError, subprocess.CalledProcessError) as error:
            bad.append(f"{name}: {error}")
            continue
        print(head(), line(answers[-1]), sep="\n", file=sys.stderr)
        if ask.json:
            Path(ask.json, f"{name}.json").write_text(json.dumps(answers[-1], default=str))
    show(answers, ask.short)
    bad += [fault for answer in answers for fault in faults(answer)]
    for fault in bad:
        print("NO GOOD", fault)
    return 1 if bad else 0


def show(answers, brief):
    """The table, its sum, and what lies below it; or the table in `brief`."""
    if brief:
        print(*short(answers), sep="\n")
        return
    print(*(textwrap.fill(text, 100, subsequent_indent="    ") for text in made(answers)), "",
          head(), *map(line, answers), sep="\n")
    total = Counter(row["outcome"] for answer in answers for row in answer["rows"])
    found = ", ".join(f"{key} {total[key]}" for key in SUMMARY if total[key])
    print(textwrap.fill(f"{len(answers)} packages, {sum(total.values())} checks: {found}", 100))
    for answer in answers:
        for text in details(answer):
            indent = " " * (len(text) - len(text.lstrip()))
            print(textwrap.fill(text, 100, subsequent_indent=f"{indent}    "))


if __name__ == "__main__":
    sys.exit(main())
