"""The commands: conform, verify, vectors, port-template, ports."""
import argparse
import difflib
import importlib
import re
import shlex
from importlib import resources

from npadasoft.conformance import offline
from npadasoft.conformance import ports as ready
from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge import echo, machine
from npadasoft.conformance.judge.conclusion import conclusion
from npadasoft.conformance.judge.difference import difference
from npadasoft.conformance.judge.outline import folded, outline
from npadasoft.conformance.judge.plan import asked_of
from npadasoft.conformance.judge.precision import judge_precision
from npadasoft.conformance.judge.session import GIVE_UP, Session
from npadasoft.conformance.judge.verdict import exit_status
from npadasoft.conformance.vectors_command import add_selection, selected, vectors
from npadasoft.conformance.wire.messages import DTYPES, LINEAR, OPS
from npadasoft.conformance.wire.protocol import START, SUITE, TIMEOUT, ProcessPort, Unusable
from npadasoft.console import Parser, many, one_line, positive, progress, writable

__all__ = ["conform", "verify", "vectors", "port_template", "ports"]
TEMPLATES = {"python": "port.py", "javascript": "port.js", "r": "port.R", "cpp": "port.cpp",
             "go": "port.go", "octave": "port.m"}
JUDGED = ("float64", "float32")         # unless asked for: stored bounds are made for these two


# ------------------------------------------------------------------ conform

@one_line("conform", ValueError, OSError, Unusable)
def conform(argv):
    """Judge a port.

    Returns
    -------
    int
        0: every required case ran and passed.  1: some did not pass.  3: all that ran passed, but
        some were skipped or incomplete.  2: the port could not be started, or the call is wrong.
    """
    arguments, command = _conform_parser().parse_with_command(argv)
    if arguments.diff:
        text, broke = difference(*arguments.diff)
        print(text)
        return int(broke)
    cases = _cases(arguments)
    expected = read_expected(arguments.expect_fail)
    port, shown = _port(arguments, command)
    info = _started(port)
    try:
        dtypes, chosen = _dtypes(arguments.dtype, info), cases
        cases = asked_of(chosen, info)
        if chosen and not cases:
            raise ValueError(f"{info.name} announces no operation that these cases ask for: "
                             f"{', '.join(info.ops)}")
        numbers_too = hasattr(port, "echo") and _wants_echo(arguments)
        _print_head(info, dtypes, cases, numbers_too, arguments)
        echoes = _echoes(port, dtypes) if numbers_too else []
        session = Session(port, cases, expected_failures=expected, give_up=arguments.give_up)
        results = echoes + session.run(dtypes)
        session.explain(dtypes, echoes)
    finally:
        port.stop()
    status = _conclude(results, info, shown, arguments, ["npadasoft", "conform", *argv])
    if command or arguments.port or arguments.only or arguments.tier or _mistakes() is None:
        return status
    return status if _suite_itself(arguments, chosen) else 1    # without a port: the suite, too


def _suite_itself(arguments, cases):
    """Print how many of the known mistakes are caught; whether all are."""
    if not arguments.quiet:
        print(f"\nNow the suite itself: each of {many(len(_mistakes().MISTAKES), 'known mistake')} "
              "is planted in the layer, and some case must catch it ...", flush=True)
    text, all_caught = _mistakes().score(progress, cases)
    print("\n" + text)
    return all_caught


def _mistakes():
    """The known mistakes: `MISTAKES`, `name_run(results)`, `score()`; or None."""
    try:
        found = importlib.import_module("npadasoft.conformance.mistakes")
    except ModuleNotFoundError:
        return None
    return found if hasattr(found, "score") else None


def _conform_parser():
    parser = Parser(
        prog="npadasoft conform",
        usage="npadasoft conform [options] [--port NAME | -- COMMAND ...]",
        description="Judge a port of the layer. Without one, judge the layer itself and the suite.")
    parser.add_argument("--port", metavar="NAME",
                        help="a ready port (npadasoft ports), or module:Class, a class of yours")
    parser.add_argument("--expect-fail", metavar="FILE",
                        help="known failures: lines `ID [DTYPE] [LINK]`")
    parser.add_argument("--diff", nargs=2, metavar=("OLD.json", "NEW.json"),
                        help="ask nothing: what was fixed and what broke between two reports")
    parser.add_argument("--timeout", type=seconds, metavar="S",
                        help=f"seconds a request (default {TIMEOUT:g}), and to start ({START:g})")
    parser.add_argument("--give-up", type=positive, default=GIVE_UP, metavar="N",
                        help=f"faults in a row that end the run (default {GIVE_UP})")
    add_selection(parser)
    _add_output(parser)
    return parser


def _add_output(parser):
    parser.add_argument("--report", type=report_file, action="append", default=[], metavar="FILE",
                        help="JSON; JUnit if it ends in .xml, a page if in .html")
    parser.add_argument("--badge", type=writable, metavar="FILE.svg",
                        help="a picture of one line: how many required cases pass")
    parser.add_argument("--all", action="store_true",
                        help="list every case, every tensor that differs, every note")
    parser.add_argument("--quiet", action="store_true", help="print the conclusion alone")


def report_file(path):
    """A type of arguments: a file that can be written, whose ending says what is in it."""
    if not path.endswith(machine.ENDINGS):
        raise argparse.ArgumentTypeError(f"{path}: a report ends in {', '.join(machine.ENDINGS)}")
    return writable(path)


def seconds(text):
    """A type of arguments."""
    value = float(text)
    if not 0 < value <= 86400:
        raise argparse.ArgumentTypeError(f"seconds in (0, 86400], but found {text}")
    return value


def _cases(arguments):
    return [] if arguments.only == [echo.CASE["id"]] else selected(arguments)


def read_expected(path):
    """(id, dtype or None, link or None) of each line of a file of expected failures.

    A # at the start of a line or behind a space starts a comment.
    """
    if path is None:
        return []
    with open(path, encoding="utf-8") as file:
        lines = [re.split(r"(?:^|\s)#", line)[0].split() for line in file]
    found, ids = [], [echo.CASE["id"], *(case["id"] for case in vectors_io.load())]
    for words in filter(None, lines):
        link = words.pop() if words[-1].startswith(("http://", "https://")) else None
        if not words or len(words) > 2 or len(words) == 2 and words[1] not in DTYPES:
            text = " ".join([*words, *([link] if link else [])])
            raise ValueError(f"{path}: a line is `ID` or `ID DTYPE`, and perhaps a link, but found "
                             f"{text!r}")
        if words[0] not in ids:
            raise ValueError(f"{path}: there is no case {words[0]}"
                             + vectors_io.meant(words[0], ids))
        found.append((words[0], words[1] if len(words) > 1 else None, link))
    return found


def _port(arguments, command):
    """The port that is to be judged, and how to name it in a command line."""
    if command and arguments.port:
        raise ValueError("--port NAME or -- COMMAND, not both")
    if command:
        return ProcessPort(command, arguments.timeout), "-- " + shlex.join(command)
    name = arguments.port or "ours"
    return ready.load(name), f"--port {name}" if arguments.port else ""


def _started(port):
    """What a port says of itself, or why it cannot be started, in lines that are not too long."""
    try:
        return port.start()
    except Unusable as error:
        first, *said = str(error).split("\n")
        lines = folded("npadasoft conform: " + first)       # as it will be printed
        lines[0] = lines[0].removeprefix("npadasoft conform: ")
        raise Unusable("\n".join([*lines, *(line for text in said for line in folded(text))])
                       ) from None


def _dtypes(asked, info):
    dtypes = [d for d in asked or JUDGED if d in info.dtypes]
    if not dtypes:
        raise ValueError(f"{info.name} computes in {', '.join(info.dtypes)}, "
                         f"not in {' or '.join(asked or JUDGED)}")
    return dtypes


def _wants_echo(arguments):
    """Whether the self-test of numbers is among what is asked for."""
    asked = not arguments.only or echo.CASE["id"] in arguments.only
    return asked and (not arguments.tier or echo.CASE["tier"] in arguments.tier)


def _echoes(port, dtypes):
    """The self-test of numbers, which a port in this process needs not."""
    numbers = vectors_io.load_numbers()
    return [echo.self_test(port, d, numbers[d]["data"]) for d in dtypes if d in numbers]


def _print_head(info, dtypes, cases, numbers_too, arguments):
    if not arguments.quiet:
        language = f" ({info.language})" if info.language else ""
        also = f" and {echo.CASE['id']}, how it reads numbers," if numbers_too else ""
        print(f"{info.name} {info.version}{language}, suite {SUITE}: {many(len(cases), 'case')}"
              f"{also} in {' and '.join(dtypes)}{_unknown(info)}\n")


def _unknown(info):
    near = [difflib.get_close_matches(name.lower(), (*DTYPES, *OPS, *LINEAR), n=1)
            for name in info.unknown[:4]]
    names = [name + (f" (was {like[0]} meant?)" if like else "")
             for name, like in zip(info.unknown, near)]
    dots = ", ..." * (len(info.unknown) > 4)
    return f"; announced, and unknown here: {', '.join(names)}{dots}" if names else ""


def _conclude(results, info, shown, arguments, command):
    """Print and write the reports; the exit status."""
    known = _mistakes()
    if known is not None:
        known.name_run(results)
    judge_precision(results)
    sentences = {name: m.sentence for name, m in getattr(known, "MISTAKES", {}).items()}
    print(conclusion(results, info.trace) if arguments.quiet else
          outline(results, info.trace, shown, arguments.all, sentences))
    for path in arguments.report:
        machine.write(path, results, info, command, SUITE, shown, sentences)
    if arguments.badge:
        with open(arguments.badge, "w", encoding="utf-8") as file:
            file.write(machine.badge(results))
    return exit_status(results)


# ------------------------------------------------------------------ the offline way

@one_line("verify", ValueError, OSError)
def verify(argv):
    """Judge the answers that a port wrote into a file; exit status as for `conform`."""
    parser = Parser(
        prog="npadasoft verify",
        description="Judge answers to what `npadasoft vectors export` asks.")
    parser.add_argument("answers", metavar="answers.jsonl", help="what the port answered")
    parser.add_argument("--requests", metavar="FILE",
                        help="default: requests.jsonl beside the answers")
    parser.add_argument("--only", action="append", default=[], metavar="ID",
                        help="a case, or a pattern: T*; may be given again")
    _add_output(parser)
    arguments = parser.parse_args(argv)
    port, ids, dtypes = offline.read(arguments.answers, arguments.requests)
    cases = vectors_io.select(vectors_io.load(), ids) if ids else []
    cases = vectors_io.select(cases, arguments.only)
    echoes = offline.echo_results(port)
    _print_head(port.info, dtypes, cases, bool(echoes), arguments)
    if port.ends and not arguments.quiet:
        print(f"{arguments.answers} {port.ends}\n")
    results = echoes + offline.session(port, cases, dtypes, echoes)
    asked = ["--requests", arguments.requests] if arguments.requests else []
    shown = "verify " + shlex.join([arguments.answers, *asked])
    return _conclude(results, port.info, shown, arguments, ["npadasoft", "verify", *argv])


# ------------------------------------------------------------------ templates and ports

def port_template(argv):
    """Print a port that already speaks the protocol, the mathematics left to fill in."""
    parser = Parser(prog="npadasoft port-template", description=port_template.__doc__)
    languages = ", ".join(sorted(TEMPLATES))
    parser.add_argument("language", metavar="LANGUAGE", nargs="?", help=f"of {languages}")
    parser.add_argument("--protocol", action="store_true",
                        help="print the protocol, for a port in another language")
    arguments = parser.parse_args(argv)
    language, room = arguments.language, resources.files("npadasoft.conformance")
    if arguments.protocol == bool(language):
        parser.error(f"one LANGUAGE of {languages}, or --protocol")
    if arguments.protocol:
        page = (room / "README.md").read_text("utf-8")
        print("## The protocol" + page.partition("\n## The protocol")[2].partition("\n## ")[0])
        return 0
    if language.lower() not in TEMPLATES:
        parser.error(f"there is no template in {language}, there are those in {languages}.  A port "
                     "is any program that reads and writes lines of JSON: translate one of them, "
                     "npadasoft port-template --protocol prints the protocol")
    name = TEMPLATES[language.lower()]
    print((room / "templates" / name).read_text("utf-8"), end="")
    return 0


def ports(argv):
    """Print the state of the ports that were run, or run them anew."""
    from npadasoft.conformance.ports import table
    return table.main(argv)
