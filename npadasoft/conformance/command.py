"""The commands: conform, vectors, verify, port-template, ports."""
import argparse
import json
import shlex
import sys
from importlib import resources

from npadasoft.conformance import echo, offline, report, vectors_io
from npadasoft.conformance import ports as ready
from npadasoft.conformance.messages import DTYPES
from npadasoft.conformance.protocol import SUITE, TIMEOUT, ProcessPort, Unusable
from npadasoft.conformance.session import BAD, GIVE_UP, Session, exit_status

TEMPLATES = {"python": "port.py", "javascript": "port.js", "r": "port.R", "cpp": "port.cpp"}
JUDGED = ("float64", "float32")         # unless asked for: bounds stored for the others are less sharp


# ------------------------------------------------------------------ conform

def conform(argv):
    """Judge a port; the exit status.

    0: every required case ran and passed.  1: some did not.  3: all that ran passed, but some were skipped
    or incomplete.  2: the port could not be started, or the call is wrong.
    """
    argv, command = _split(argv)
    arguments = _conform_parser().parse_args(argv)
    try:
        cases = _selected(arguments)
        expected = _read_expected(arguments.expect_fail)
        port, shown = _port(arguments, command)
        info = port.start()
    except (ValueError, OSError, Unusable) as error:
        return _unusable(error)
    dtypes = [d for d in arguments.dtype or JUDGED if d in info.dtypes]
    if not dtypes:
        port.stop()
        return _unusable(f"{info.name} has none of {', '.join(arguments.dtype or JUDGED)}")
    _print_head(info, dtypes, len(cases), arguments.quiet)
    try:
        results = _echo_results(port, dtypes, arguments) + _session(port, cases, arguments, expected).run(dtypes)
    finally:
        port.stop()
    _print_results(results, shown, arguments)
    status = exit_status(results)
    for path in arguments.report:
        report.write(path, results, info, ["npadasoft", "conform", *argv, *(["--", *command] if command else [])],
                     SUITE)
    return status


def _split(argv):
    """Our own arguments, and the command behind `--`."""
    if "--" not in argv:
        return argv, []
    at = argv.index("--")
    return argv[:at], argv[at + 1:]


def _conform_parser():
    parser = argparse.ArgumentParser(
        prog="npadasoft conform", usage="npadasoft conform [options] [--port NAME | -- COMMAND ...]",
        description="Judge a port of the layer. Without one, judge the layer itself and the suite.")
    parser.add_argument("--port", metavar="NAME", help=f"{', '.join(ready.READY)}, or module:Class")
    parser.add_argument("--expect-fail", metavar="FILE", help="cases known to fail: lines `ID [DTYPE]`")
    parser.add_argument("--timeout", type=_seconds, default=TIMEOUT, metavar="S", help="seconds a request (60)")
    parser.add_argument("--give-up", type=int, default=GIVE_UP, metavar="N",
                        help=f"faults in a row after which the rest is not asked ({GIVE_UP})")
    _add_selection(parser)
    _add_output(parser)
    return parser


def _add_selection(parser):
    parser.add_argument("--dtype", action="append", choices=DTYPES, help="default: float64 and float32")
    parser.add_argument("--only", action="append", default=[], metavar="ID", help="case, or pattern: T*")
    parser.add_argument("--tier", action="append", default=[], choices=report.TIERS)


def _add_output(parser):
    parser.add_argument("--report", action="append", default=[], metavar="FILE", help=".json, or .xml for JUnit")
    parser.add_argument("--all", action="store_true", help="every case, every tensor that differs")
    parser.add_argument("--quiet", action="store_true", help="the conclusion alone")


def _seconds(text):
    value = float(text)
    if not 0 < value <= 86400:
        raise argparse.ArgumentTypeError(f"seconds in (0, 86400], but found {text}")
    return value


def _selected(arguments):
    cases = vectors_io.select(vectors_io.load(), arguments.only, arguments.tier)
    if not cases and arguments.only != [echo.CASE["id"]]:
        raise ValueError(f"no case fits --only {' '.join(arguments.only)} --tier {' '.join(arguments.tier)}")
    return cases


def _read_expected(path):
    """The pairs (id, dtype or None) in a file of expected failures."""
    if path is None:
        return []
    with open(path, encoding="utf-8") as file:
        lines = [line.split("#")[0].split() for line in file]
    bad = next((line for line in lines if len(line) > 2 or len(line) == 2 and line[1] not in DTYPES), None)
    if bad:
        raise ValueError(f"{path}: a line is `ID` or `ID DTYPE`, but found {' '.join(bad)!r}")
    return [(line[0], line[1] if len(line) > 1 else None) for line in lines if line]


def _port(arguments, command):
    """The port that is to be judged, and how to name it in a command line."""
    if command and arguments.port:
        raise ValueError("--port NAME or -- COMMAND, not both")
    if command:
        return ProcessPort(command, arguments.timeout), "-- " + shlex.join(command)
    name = arguments.port or "ours"
    return ready.load(name), f"--port {name}" if arguments.port else ""


def _unusable(error):
    print(f"npadasoft conform: {error}", file=sys.stderr)
    return 2


def _echo_results(port, dtypes, arguments):
    asked = not arguments.only or echo.CASE["id"] in arguments.only
    if not hasattr(port, "echo") or not asked:
        return []
    numbers = vectors_io.load_numbers()
    return [echo.self_test(port, dtype, numbers[dtype]["data"]) for dtype in dtypes if dtype in numbers]


def _session(port, cases, arguments, expected):
    return Session(port, cases, expected_failures=expected, give_up=arguments.give_up)


def _print_head(info, dtypes, n_cases, quiet):
    if not quiet:
        print(f"{info.name} {info.version} ({info.language or 'language not named'}), suite {SUITE}: "
              f"{n_cases} cases in {' and '.join(dtypes)}\n")


def _print_results(results, shown, arguments):
    for result in results if not arguments.quiet else ():
        if arguments.all or result.verdict != "pass" or result.counts:
            print(report.describe(result, shown, arguments.all) + "\n")
    print(report.conclusion(results))


# ------------------------------------------------------------------ the offline way

def verify(argv):
    """Judge the answers that a port wrote into a file; exit status as for `conform`."""
    parser = argparse.ArgumentParser(
        prog="npadasoft verify", description="Judge answers to requests made by `npadasoft vectors export`.")
    parser.add_argument("answers", metavar="answers.jsonl")
    parser.add_argument("--requests", metavar="FILE", help="default: requests.jsonl beside the answers")
    _add_output(parser)
    arguments = parser.parse_args(argv)
    try:
        port, ids, dtypes = offline.read(arguments.answers, arguments.requests)
    except (ValueError, OSError) as error:
        print(f"npadasoft verify: {error}", file=sys.stderr)
        return 2
    cases = vectors_io.select(vectors_io.load(), ids)
    _print_head(port.info, dtypes, len(cases), arguments.quiet)
    results = offline.echo_results(port) + offline.session(port, cases, dtypes)
    _print_results(results, "...", arguments)
    for path in arguments.report:
        report.write(path, results, port.info, ["npadasoft", "verify", *argv], SUITE)
    return exit_status(results)


# ------------------------------------------------------------------ vectors

def vectors(argv):
    """List, show, export or renew the vectors."""
    parser = argparse.ArgumentParser(prog="npadasoft vectors")
    commands = parser.add_subparsers(dest="what", required=True)
    for name in ("list", "export"):
        sub = commands.add_parser(name)
        _add_selection(sub)
    commands.choices["export"].add_argument("directory")
    commands.choices["export"].add_argument("--layout", choices=("out_in", "in_out"), default="out_in")
    commands.choices["export"].add_argument("--index-base", type=int, choices=(0, 1), default=0)
    show = commands.add_parser("show")
    show.add_argument("id")
    show.add_argument("--row", type=int, help="one row of the batch alone")
    show.add_argument("--json", action="store_true", help="the case as it stands in the file")
    renew = commands.add_parser("regenerate")
    renew.add_argument("--check", action="store_true", help="compute everything, write nothing")
    arguments = parser.parse_args(argv)
    try:
        return {"list": _list, "show": _show, "export": _export,
                "regenerate": _regenerate}[arguments.what](arguments)
    except (ValueError, OSError) as error:
        print(f"npadasoft vectors: {error}", file=sys.stderr)
        return 2


def _list(arguments):
    for case in _selected(arguments):
        flags = ", ".join(case["flags"])
        print(f"{case['id']:<5}{case['tier']:<12}{flags:<28}{case['comment']}")
    return 0


def _show(arguments):
    found = [case for case in vectors_io.load() if case["id"] == arguments.id]
    if not found:
        raise ValueError(f"there is no case {arguments.id}; `npadasoft vectors list` lists them")
    if arguments.json:
        print(json.dumps(found[0]))
    else:
        print(report.show(found[0], vectors_io.load_flags(), arguments.row))
    return 0


def _export(arguments):
    count = offline.export(arguments.directory, _selected(arguments), arguments.dtype or JUDGED,
                           arguments.layout, arguments.index_base)
    print(f"{count} requests in {arguments.directory}/requests.jsonl, and the cases beside it.\n"
          "Answer each line with one line in answers.jsonl, then: npadasoft verify answers.jsonl")
    return 0


def _regenerate(arguments):
    directory = resources.files("npadasoft.conformance") / "vectors"
    changed = vectors_io.regenerate(str(directory), arguments.check,
                                    lambda text: print(text, end=" ", flush=True))
    print()
    for name in changed:
        print(f"{name}: {'not up to date' if arguments.check else 'written'}")
    print("up to date" if not changed else f"{len(changed)} file(s)")
    return 1 if changed and arguments.check else 0


# ------------------------------------------------------------------ templates and ports

def port_template(argv):
    """Print a port that already speaks the protocol, the mathematics left to fill in."""
    parser = argparse.ArgumentParser(prog="npadasoft port-template")
    parser.add_argument("language", choices=sorted(TEMPLATES))
    name = TEMPLATES[parser.parse_args(argv).language]
    print((resources.files("npadasoft.conformance") / "templates" / name).read_text("utf-8"), end="")
    return 0


def ports(argv):
    """List the ready ports."""
    argparse.ArgumentParser(prog="npadasoft ports", description="Ports that are ready to be judged.").parse_args(argv)
    for name, (_, text) in ready.READY.items():
        print(f"{name:<14}{text:<44}npadasoft conform --port {name}")
    print(f"\ntemplates for a new one: {', '.join(sorted(TEMPLATES))} (npadasoft port-template LANGUAGE)")
    return 0
