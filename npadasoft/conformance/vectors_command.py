"""`npadasoft vectors list | show | export | regenerate`."""
import argparse
import json
from importlib import resources

from npadasoft.conformance import offline
from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge import echo
from npadasoft.conformance.judge.conclusion import TIERS
from npadasoft.conformance.judge.show import show
from npadasoft.conformance.wire.messages import DTYPES
from npadasoft.console import many, one_line


@one_line("vectors", ValueError, OSError)
def vectors(argv):
    """List, show, export or renew the golden vectors; the exit status."""
    arguments = _parser().parse_args(argv)
    return arguments.run(arguments)


def add_selection(parser):
    """The options that choose cases and dtypes."""
    parser.add_argument("--dtype", action="append", choices=DTYPES,
                        help="default: float64 and float32")
    parser.add_argument("--only", action="append", default=[], metavar="ID",
                        help="a case, or a pattern: T*")
    parser.add_argument("--tier", action="append", default=[], choices=TIERS,
                        help="default: all")


def selected(arguments):
    """The cases that the options choose; ValueError if there are none, or none of some id."""
    every = vectors_io.load()
    ids = [case["id"] for case in every]
    for id in arguments.only:
        if id != echo.CASE["id"] and not vectors_io.select(every, [id]):
            raise ValueError(f"no case fits {id}{vectors_io.meant(id, ids)}")
    cases = vectors_io.select(every, arguments.only, arguments.tier)
    if not cases:
        raise ValueError(f"no case fits {' '.join(arguments.only + arguments.tier)}; "
                         "`npadasoft vectors list` lists them")
    return cases


def _parser():
    parser = argparse.ArgumentParser(prog="npadasoft vectors", description="The golden vectors.")
    commands = parser.add_subparsers(required=True)
    listing = commands.add_parser("list", help="one line a case")
    listing.set_defaults(run=_list)
    shown = commands.add_parser("show", help="a case as a person reads it")
    shown.set_defaults(run=_show)
    shown.add_argument("id", help="of a case, T03: npadasoft vectors list")
    shown.add_argument("--row", type=int, help="one row of the batch alone")
    shown.add_argument("--json", action="store_true", help="the case as it stands in the file")
    export = commands.add_parser("export", help="the requests in a file, for the offline way")
    export.set_defaults(run=_export)
    export.add_argument("directory", help="where requests.jsonl and cases.json are written")
    export.add_argument("--layout", choices=("out_in", "in_out"), default="out_in",
                        help="of the weights (default out_in)")
    export.add_argument("--index-base", type=int, choices=(0, 1), default=0,
                        help="the number of the first class (default 0)")
    for sub in (listing, export):
        add_selection(sub)
    renew = commands.add_parser("regenerate", help="compute them again")
    renew.set_defaults(run=_regenerate)
    renew.add_argument("--check", action="store_true", help="compute everything, write nothing")
    return parser


def _list(arguments):
    for case in selected(arguments):
        flags = ", ".join(case["flags"])
        print(f"{case['id']:<5}{case['tier']:<12}{flags:<26}{case['comment']}")
    return 0


def _show(arguments):
    every = vectors_io.load()
    found = [case for case in every if case["id"] == arguments.id]
    if not found:
        raise ValueError(f"there is no case {arguments.id}"
                         + vectors_io.meant(arguments.id, [case["id"] for case in every]))
    print(json.dumps(found[0]) if arguments.json
          else show(found[0], vectors_io.load_flags(), arguments.row))
    return 0


def _export(arguments):
    count = offline.export(arguments.directory, selected(arguments),
                           arguments.dtype or ("float64", "float32"),
                           arguments.layout, arguments.index_base)
    print(f"{many(count, 'request')} in {arguments.directory}/requests.jsonl, "
          "the cases in cases.json.\n"
          "Answer each line with one line of answers.jsonl, then: npadasoft verify answers.jsonl")
    return 0


def _regenerate(arguments):
    directory = resources.files("npadasoft.conformance") / "vectors"
    changed = vectors_io.regenerate(str(directory), arguments.check,
                                    lambda text: print(text, end=" ", flush=True))
    print()
    for name in changed:
        print(f"{name}: {'not up to date' if arguments.check else 'written'}")
    print(f"{many(len(changed), 'file')} changed" if changed else "up to date")
    return 1 if changed and arguments.check else 0
