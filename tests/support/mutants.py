"""Mutate the layer's source mechanically, and count what the golden vectors do not see.

    python -m tests.support.mutants [--count 320] [--seed 0] [--module NAME] [--table FILE]

Fixed operators (comparison, plus and minus, constants by one, slice bounds, axis, transpose,
dropped statement, swapped arguments) are applied to one place at a time of adaptive, functional,
fused, cutoffs, parameters, search, tangents and adaptive_input.  Each mutant is judged by the
vectors, in the process: the layer as the port `ours`, its blocked pass as `ours-blocked`.  What
survives stands in mutants_equivalent.txt with the reason why no vector can or need see it; a
survivor that does not is a missing case.
"""
import argparse
import ast
import copy
import datetime
import importlib
import json
import os
import platform
import random
import signal
import subprocess
import sys
import warnings
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PACKAGE = ROOT / "npadasoft"
MODULES = ("adaptive", "functional", "fused", "cutoffs", "parameters", "search", "tangents",
           "adaptive_input")
FRESH = (*MODULES, "checks", "state")
OURS, BLOCKED = ("ours:Ours",), ("blocked:Blocked", "blocked:OneRow", "blocked:ThreeRows",
                                 "blocked:Cut")
PORTS = {"search": OURS, "fused": BLOCKED, "tangents": OURS, "adaptive_input": OURS}
SECONDS = 60                                    # a mutant; what takes longer hangs
EQUIVALENT = HERE / "mutants_equivalent.txt"

OPPOSITE = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
            ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn,
            ast.NotIn: ast.In, ast.Add: ast.Sub, ast.Sub: ast.Add}


# ------------------------------------------------------------------ operators

def number(node):
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def moved(node, by):
    """`node` as a bound, moved by one."""
    if number(node):
        return ast.Constant(node.value + by)
    return ast.BinOp(copy.deepcopy(node), ast.Add() if by > 0 else ast.Sub(), ast.Constant(1))


def compare(node):
    if isinstance(node, ast.Compare):
        for k, op in enumerate(node.ops):
            new = copy.deepcopy(node)
            new.ops[k] = OPPOSITE[type(op)]()
            yield new


def plus_minus(node):
    if isinstance(node, ast.BinOp) and type(node.op) in OPPOSITE:
        yield ast.BinOp(node.left, OPPOSITE[type(node.op)](), node.right)
    if isinstance(node, ast.AugAssign) and type(node.op) in OPPOSITE:
        yield ast.AugAssign(node.target, OPPOSITE[type(node.op)](), node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and not number(node.operand):
        yield node.operand


def constant(node):
    if number(node):
        yield ast.Constant(node.value + 1)
        yield ast.Constant(node.value - 1)


def bounds(node):
    if isinstance(node, ast.Slice):
        for side, by in (("lower", 1), ("upper", -1)):
            bound = getattr(node, side)
            new = copy.deepcopy(node)
            setattr(new, side, moved(bound, by) if bound is not None else ast.Constant(by))
            yield new


def axis(node):
    """The last axis becomes the first, the first the last."""
    other = {"-1": 0, "1": 0, "0": 1}
    if not isinstance(node, ast.Call):
        return
    for k, a in enumerate(node.args):
        if isinstance(node.func, ast.Attribute) and ast.unparse(a) == "-1":
            new = copy.deepcopy(node)
            new.args[k] = ast.Constant(0)
            yield new
    for k, word in enumerate(node.keywords):
        if word.arg == "axis" and ast.unparse(word.value) in other:
            new = copy.deepcopy(node)
            new.keywords[k].value = ast.Constant(other[ast.unparse(word.value)])
            yield new


def transpose(node):
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield node.value


def dropped(node):
    writes = isinstance(node, ast.Assign) and any(
        isinstance(t, (ast.Subscript, ast.Attribute)) for t in node.targets)
    words = isinstance(node, ast.Expr) and isinstance(node.value, (ast.Constant, ast.Yield))
    if isinstance(node, (ast.AugAssign, ast.Expr, ast.Raise)) and not words or writes:
        yield ast.Pass()
    if isinstance(node, ast.If) and not node.orelse:
        yield ast.Pass()


def swapped(node):
    if isinstance(node, ast.Call) and len(node.args) > 1 and not any(
            isinstance(a, ast.Starred) for a in node.args[:2]):
        new = copy.deepcopy(node)
        new.args[:2] = new.args[1::-1]
        yield new


OPERATORS = {"comparison": compare, "plus and minus": plus_minus, "constant by one": constant,
             "slice bound": bounds, "axis": axis, "transpose": transpose,
             "dropped statement": dropped, "swapped arguments": swapped}


# ------------------------------------------------------------------ mutants

def places(tree):
    """(path of names, parent, field, index or None, node) of every place, in source order."""
    def walk(node, path):
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns", "decorator_list"):
                continue
            many = isinstance(value, list)
            for k, child in enumerate(value if many else [value]):
                if isinstance(child, ast.AST):
                    named = isinstance(child, (ast.FunctionDef, ast.ClassDef))
                    inner = [*path, child.name] if named else path
                    yield inner, node, field, k if many else None, child
                    yield from walk(child, inner)
    yield from walk(tree, [])


def mutants_of(module):
    """Every mutant of one module: {"module", "where", "operator", "change", "source"}."""
    tree = ast.parse((PACKAGE / f"{module}.py").read_text("utf-8"))
    seen = Counter()
    for path, parent, field, k, node in places(tree):
        for name, operator in OPERATORS.items():
            for new in operator(node):
                change = f"{short(node)}  ->  {short(new)}"
                where = f"{module}.{'.'.join(path)}" if path else module
                seen[where, change] += 1
                nth = f" #{seen[where, change]}" if seen[where, change] > 1 else ""
                put(parent, field, k, new)
                source = ast.unparse(ast.fix_missing_locations(tree))
                put(parent, field, k, node)
                yield {"module": module, "where": where, "operator": name,
                       "change": change + nth, "source": source}


def put(parent, field, k, node):
    if k is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[k] = node


def short(node):
    text = " ".join(ast.unparse(ast.fix_missing_locations(copy.deepcopy(node))).split())
    return text if len(text) <= 70 else text[:67] + "..."


def key(mutant):
    return f"{mutant['where']}: {mutant['change']}"


def sample(count, seed, modules=MODULES):
    """`count` mutants drawn with `seed`, all of them if there are no more; in source order."""
    every = [m for module in modules for m in mutants_of(module)]
    chosen = sorted(random.Random(seed).sample(range(len(every)), min(count, len(every))))
    return [every[k] for k in chosen]


# ------------------------------------------------------------------ judging

class Served:
    """Imports one module of the package from a text."""

    def __init__(self, module, source):
        self.name, self.source = f"npadasoft.{module}", source

    def find_spec(self, name, path, target=None):
        if name == self.name:
            return importlib.util.spec_from_loader(name, self)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(compile(self.source, self.name, "exec"), module.__dict__)


class Slow(BaseException):
    pass


def judge(mutant, suite):
    """What kills a mutant: "case dtype port", or why it could not even be imported; else None."""
    def slow(*_):
        raise Slow
    kept = forget()
    served = Served(mutant["module"], mutant["source"])
    sys.meta_path.insert(0, served)
    signal.signal(signal.SIGALRM, slow)
    signal.alarm(SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return suite.killer(mutant["module"], mutant.get("where", ""))
    except Slow:
        return "no answer in time"
    except MemoryError:
        return "no memory"
    except Exception as error:
        return f"import: {type(error).__name__}"
    finally:
        signal.alarm(0)
        sys.meta_path.remove(served)
        forget()
        remember(kept)


def forget():
    """Take the layer and its ports out of what is imported; what was there."""
    gone = [n for n in sys.modules if n.startswith("npadasoft.conformance.ports.")
            or n in {f"npadasoft.{m}" for m in FRESH}]
    for name in gone:                           # `from npadasoft import fused` reads the attribute
        parent, _, last = name.rpartition(".")
        vars(sys.modules[parent]).pop(last, None) if parent in sys.modules else None
    return {name: sys.modules.pop(name) for name in gone}


def remember(kept):
    """Undo `forget`."""
    sys.modules.update(kept)
    for name, module in kept.items():
        parent, _, last = name.rpartition(".")
        setattr(sys.modules[parent], last, module)


class Suite:
    """The cases, and what the layer itself answers to them: only other answers are judged."""

    FIRST = ("T03", "G02", "G23", "N03", "P05", "X06", "S25", "A14", "G16", "N01", "P10", "N17",
             "J02", "J10", "J14", "I02", "I08", "I14", "I16")

    def __init__(self, ports=OURS + BLOCKED):
        from npadasoft.conformance.golden import vectors_io
        from npadasoft.conformance.judge import plan
        self.ports = ports
        place = {id: k for k, id in enumerate(self.FIRST)}
        self.cases = sorted(vectors_io.load(), key=lambda c: place.get(c["id"], 99))
        self.plan, self.asked, self.right = plan, {}, {}
        self.runs: dict = {}                        # (port, dtype, case) -> functions that it runs
        for where in ports:
            for dtype, case in self.put(where):
                mark = where, dtype, case["id"]
                with functions_run() as self.runs[mark]:
                    self.right[mark] = self.answers(self.port(where), case, dtype)

    def put(self, where):
        """Which cases are put to a port, in which dtype."""
        dtypes = ("float64",) if where.endswith("Row") or where.endswith("Rows") else (
            "float64", "float32")
        return [(d, c) for d in dtypes for c in self.cases if self.plan.representable(c, d)]

    def port(self, where):
        module, _, name = where.partition(":")
        return getattr(importlib.import_module(f"npadasoft.conformance.ports.{module}"), name)()

    def answers(self, port, case, dtype):
        mark = (case["id"], dtype, bool(port.info.trace))
        if mark not in self.asked:
            self.asked[mark] = self.plan.requests_of(case, dtype, port.info)[0]
        return {request.op: port.run(request) for request in self.asked[mark]}

    def killer(self, module, where_it_is=""):
        """The first case that fails, on the layer as it is imported now.

        Asked is only what runs the mutated function; at module level that is everything.
        """
        function = where_it_is.partition(".")[2]
        from npadasoft.conformance.judge.verdict import BAD, judge
        for where in PORTS.get(module, self.ports):
            port = self.port(where)
            for dtype, case in self.put(where):
                if not runs(function, module, self.runs[where, dtype, case["id"]]):
                    continue
                answers = self.answers(port, case, dtype)
                if alike(answers, self.right[where, dtype, case["id"]]):
                    continue
                result = judge(case, dtype, answers)
                if result.verdict in BAD or result.verdict == "incomplete":
                    return f"{result.id} {dtype} {where.partition(':')[2]}"
        return None


@contextmanager
def functions_run():
    """The set of (module, qualified name) of the layer's functions that are called within."""
    files = {str(PACKAGE / f"{module}.py"): module for module in MODULES}
    called = set()

    def note(frame, event, _):
        if event == "call" and frame.f_code.co_filename in files:
            name = frame.f_code.co_qualname.replace(".<locals>", "")
            called.add((files[frame.f_code.co_filename], name))
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield called
    finally:
        sys.setprofile(before)


def runs(function, module, called):
    """Whether a function was called; what stands at the level of a module or class always is."""
    if not function or function[-1:].isupper() or function.split(".")[-1][0].isupper():
        return True
    return any(m == module and (name + ".").startswith(function + ".") for m, name in called)


def alike(answers, right):
    """Whether two sets of answers are the same to the last bit."""
    def parts(answer):
        return (answer.shapes, answer.error and answer.error[0], [
            (name, a.shape, a.tobytes()) for name, a in answer.results.items()])
    return all(parts(answers[op]) == parts(answer) for op, answer in right.items())


def work():
    """Judge the mutants on stdin, one line each; print one line each."""
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    suite = Suite()
    for line in sys.stdin:
        print(json.dumps(judge(json.loads(line), suite)), flush=True)


def judged(mutants, per_process=80):
    """Yield (mutant, what killed it): some in one process, which ends if one takes it down."""
    queue = list(mutants)
    while queue:
        batch = queue[:per_process]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
        try:
            done = subprocess.run(
                [sys.executable, "-W", "ignore", "-m", "tests.support.mutants", "--work"],
                input="\n".join(map(json.dumps, batch)), capture_output=True, text=True,
                cwd=ROOT, env=environment, timeout=per_process * SECONDS)
            lines = done.stdout.splitlines()
        except subprocess.TimeoutExpired as late:
            lines = (late.stdout or b"").decode().splitlines()
        for mutant, line in zip(batch, lines):
            yield mutant, json.loads(line)
        if len(lines) < len(batch):             # the process ended on this one
            yield batch[len(lines)], "the process ended"
        queue = queue[max(len(lines) + (len(lines) < len(batch)), 1):]


def reasons():
    """Key of a mutant, or the beginning of it before a *, -> why nothing sees it."""
    found = {}
    for line in EQUIVALENT.read_text("utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            mutant, _, reason = line.partition("  ;  ")
            found[mutant.strip()] = reason.strip()
    return found


def reason_of(mutant, known):
    """The reason that is written down for a survivor, or None."""
    name = key(mutant)
    fits = [k for k in known if name == k or k.endswith("*") and name.startswith(k[:-1])]
    return known[max(fits, key=len)] if fits else None


# ------------------------------------------------------------------ the table

def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m tests.support.mutants")
    parser.add_argument("--count", type=int, default=320)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--module", action="append", choices=MODULES)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--table", metavar="FILE")
    arguments = parser.parse_args(argv)
    if arguments.work:
        work()
        return 0
    mutants = sample(arguments.count, arguments.seed, arguments.module or MODULES)
    rows = list(judged(mutants))
    text = table(rows, arguments.seed, reasons())
    print(text)
    if arguments.table:
        Path(arguments.table).write_text(text + "\n", "utf-8")
    return 1 if open_ones(rows, reasons()) else 0


def open_ones(rows, known):
    """Survivors without a reason: each is a case that is missing."""
    return [m for m, killed in rows if killed is None and reason_of(m, known) is None]


def table(rows, seed, known):
    lines = [f"{datetime.date.today()}   python {platform.python_version()}   "
             f"numpy {np.__version__}   python -m tests.support.mutants "
             f"--count {len(rows)} --seed {seed}",
             "", f"{'operator':<20}{'mutants':>9}{'killed':>9}{'unseen':>9}"]
    for name in [*OPERATORS, "all"]:
        those = [k for m, k in rows if name in (m["operator"], "all")]
        unseen = sum(k is None for k in those)
        lines.append(f"{name:<20}{len(those):>9}{len(those) - unseen:>9}{unseen:>9}")
    missing = open_ones(rows, known)
    lines += ["", f"survivors without a reason: {len(missing)}",
              *[f"    {key(m)}" for m in missing], "", "each mutant, and what killed it first:", ""]
    for mutant, killed in rows:
        text = killed or f"SURVIVES: {reason_of(mutant, known)}"
        lines.append(f"{key(mutant)}\n        {text}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
