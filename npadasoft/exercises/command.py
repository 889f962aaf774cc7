"""`npadasoft exercises`: write them, check them, help with them."""
import inspect
import textwrap
import time
from pathlib import Path

from npadasoft.console import Parser, many, one_line, progress
from npadasoft.exercises import EXERCISES, trial

USAGE = """npadasoft exercises DIR                      write the exercises into a folder
       npadasoft exercises check [DIR] [NUMBER]     judge what is there
       npadasoft exercises watch [DIR] [NUMBER]     judge it anew at every save
                           check, watch also take   [--with-ours] [--seconds S]
       npadasoft exercises hint NUMBER [HOW_MANY]   one to three hints
       npadasoft exercises solution NUMBER          as it stands in the package"""
STUBS = Path(__file__).with_name("stubs")


def parser():
    """The arguments of the command."""
    p = Parser(prog="npadasoft exercises", usage=USAGE, description=(
        "Write the adaptive softmax yourself, function by function: each exercise is a file with a "
        "contract and an empty body, and a check that names the mistake."))
    p.add_argument("words", nargs="+", metavar="WORD", help="a folder, or one of the words above "
                   "and what it takes; the folder of check and watch is the present one if none "
                   "is named")
    p.add_argument("--with-ours", action="store_true",
                   help="an exercise uses ours of the earlier ones, not the reader's")
    p.add_argument("--seconds", type=float, default=trial.SECONDS, metavar="S",
                   help="limit of the processor time that a check takes "
                        f"(default {trial.SECONDS:g})")
    return p


@one_line("exercises", OSError, ValueError)
def main(argv):
    """Run the command; 0 done and all right, 1 something is wrong, 3 not all is begun."""
    args = parser().parse_intermixed_args(argv)
    word, *rest = args.words
    if word in ("check", "watch"):
        folder, number = _folder(rest)
        return (check if word == "check" else watch)(folder, number, args)
    if word in ("hint", "solution"):
        exercise = EXERCISES[_number(rest[0] if rest else "") - 1]
        print(solution(exercise) if word == "solution" else "\n".join(hints(exercise, *rest[1:])))
        return 0
    if rest:
        raise ValueError(f"expected one folder, but found {' '.join(args.words)}")
    return write(Path(word))


def _number(word):
    if not word.isdecimal() or not 1 <= int(word) <= len(EXERCISES):
        raise ValueError(f"expected the number of an exercise, 1 to {len(EXERCISES)}, "
                         f"but found {word!r}")
    return int(word)


def _folder(words):
    """(folder, number or None) of the words behind `check`."""
    words = list(words)
    number = _number(words.pop()) if words and words[-1].isdecimal() else None
    folder = Path(*words[:1] or ".")
    if words[1:]:
        raise ValueError(f"expected a folder and a number, but found {' '.join(words)}")
    if not any((folder / f"{exercise.name}.py").exists() for exercise in EXERCISES):
        raise ValueError(f"no exercise in {folder}: npadasoft exercises {folder} writes them")
    return folder, number


def stub(exercise):
    """The text that the reader begins with."""
    return (STUBS / f"{exercise.name}.txt").read_text("utf-8")


def write(folder):
    """Write the files that are not there; what is there stays."""
    folder.mkdir(parents=True, exist_ok=True)
    new = [exercise for exercise in EXERCISES if not (folder / f"{exercise.name}.py").exists()]
    for exercise in new:
        (folder / f"{exercise.name}.py").write_text(stub(exercise), "utf-8")
    kept = f", and kept {len(EXERCISES) - len(new)} that were there" if EXERCISES[len(new):] else ""
    print(f"wrote {many(len(new), 'exercise')} to {folder}{kept}\n"
          f"begin with {EXERCISES[0].name}.py, then: npadasoft exercises check {folder}\n"
          f"(replace the `...`; one alone: `check {folder} 1`; stuck: `hint 1`)")
    return 0


def begun(exercise, folder):
    """Whether a file is there and no longer the stub."""
    file = folder / f"{exercise.name}.py"
    return file.exists() and file.read_text("utf-8", "replace") != stub(exercise)


def check(folder, number, args):
    """Print a line an exercise, a bar, and what is wrong with the first that is wrong."""
    chosen = [number] if number else range(1, len(EXERCISES) + 1)
    said = {}
    for n in progress(chosen, "exercises"):
        if begun(EXERCISES[n - 1], folder):
            said[n] = trial.run(folder, n, args.with_ours, args.seconds)
    for n in chosen:
        print(_line(n, said.get(n)))
    right = sum(not verdict["lines"] for verdict in said.values())
    if not number:
        print(f"[{'#' * right}{'.' * (len(EXERCISES) - right)}] {right} of {len(EXERCISES)}")
    wrong = [n for n, verdict in said.items() if verdict["lines"]]
    if wrong:
        print("\n" + "\n".join(_report(wrong[0], said[wrong[0]], folder, args)))
        return 1
    return 0 if len(said) == len(chosen) else 3


def _line(n, verdict):
    word = "not begun" if verdict is None else "wrong" if verdict["lines"] else "right"
    notes = "; ".join(verdict["notes"]) if verdict and word == "right" else ""
    return f"{n:>2} {EXERCISES[n - 1].name[4:]:<22}{word:<11}{notes}".rstrip()


def _report(n, verdict, folder, args):
    exercise = EXERCISES[n - 1]
    yield f"{exercise.name}.py"
    yield textwrap.indent("\n".join([*verdict["lines"], *verdict["notes"]]), "  ")
    if not args.with_ours:
        for m, other in enumerate(EXERCISES, start=1):
            if other.name in exercise.uses and (
                    not begun(other, folder) or trial.run(folder, m, True, args.seconds)["lines"]):
                yield (f"  it uses {other.name}.py, which is not right yet: "
                       "--with-ours uses ours instead")
    yield f"  npadasoft exercises hint {n}"


def watch(folder, number, args, sleep=time.sleep):
    """Check at the start and whenever a file was saved, until Ctrl-C."""
    seen = None
    try:
        while True:
            now = {file: file.stat().st_mtime_ns for file in folder.glob("*.py")}
            if now != seen:
                seen = now
                print(time.strftime("%H:%M:%S"), flush=True)
                check(folder, number, args)
                print("waiting for a save; Ctrl-C ends", flush=True)
            sleep(0.5)
    except KeyboardInterrupt:
        return 0


def hints(exercise, many="1"):
    """The first hints, as many as wanted."""
    if not many.isdecimal() or not 1 <= int(many) <= len(exercise.hints):
        raise ValueError(f"there are 1 to {len(exercise.hints)} hints, but found {many!r}")
    return [f"{n}. {hint}" for n, hint in enumerate(exercise.hints[:int(many)], start=1)]


def solution(exercise):
    """Ours, read from the source of the package."""
    return "\n\n".join(f"# {function.__module__}\n" + textwrap.dedent(inspect.getsource(function))
                       for function in exercise.shown).rstrip()
