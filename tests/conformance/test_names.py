"""Whole runs of every known mistake: which names the report gives, over all cases."""
from collections import Counter
from dataclasses import replace
from functools import cache
from platform import python_version

import numpy as np
import pytest

from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge.plan import asked_of, in_order, is_public, representable
from npadasoft.conformance.judge.session import Session
from npadasoft.conformance.judge.verdict import BAD, judge
from npadasoft.conformance.judge.writing import judge_writing
from npadasoft.conformance.mistakes import MISTAKES, name_run
from npadasoft.conformance.mistakes.candidates import PAIRS, candidates_of
from npadasoft.conformance.mistakes.known import Mistake, both
from npadasoft.conformance.mistakes.layer import Layer
from npadasoft.conformance.mistakes.planted import Planted
from npadasoft.conformance.mistakes.score import changes
from npadasoft.conformance.mistakes.slips import parted
from npadasoft.conformance.mistakes.untold import ALIKE
from npadasoft.conformance.wire.messages import PortInfo

CASES = asked_of(vectors_io.load(), Planted.info)
INFO = {"with a trace": Planted.info,
        "without": PortInfo("planted", dtypes=Planted.info.dtypes)}
pytestmark = pytest.mark.once


@cache
def right(dtype, info):
    """The results of the layer without a mistake."""
    cases = (case for case in in_order(CASES) if representable(case, dtype))
    return [judged(case, dtype, Layer, info) for case in cases]


def judged(case, dtype, layer_class, info):
    answers = candidates_of(case, dtype).answers(layer_class)
    if not info.trace:
        answers = {op: replace(answer, results={
            n: a for n, a in answer.results.items() if is_public(n)})
            for op, answer in answers.items()}
    return replace(judge(case, dtype, answers), info=info)


def results_of(mistake, dtypes, info):
    """What a run over all cases gives, with names."""
    if mistake.state:
        port = Planted(mistake.layer_class)
        port.info = info
        session = Session(port, CASES)
        results = session.run(dtypes)
        session.explain(dtypes)
    else:
        results = [judged(r.case, r.dtype, mistake.layer_class, info)
                   if changes(mistake, candidates_of(r.case, r.dtype)) else replace(r)
                   for dtype in dtypes for r in right(dtype, info)]
        judge_writing(results)
    name_run(results)
    return results


def names_of(mistake, own, dtypes, info):
    """(cases that fail, those with the mistake's own name, false names with their cases)."""
    failing = [r for r in results_of(mistake, dtypes, info) if r.verdict in BAD]
    names = [{parted(name)[0] for name in r.mistakes} for r in failing]
    false = Counter(name for mine in names for name in mine - own)
    return len(failing), sum(bool(mine & own) for mine in names), dict(false)


def test_a_mistake_that_looks_like_others_on_one_case_has_its_own_name_alone_in_a_whole_run():
    for name in ("textbook-gradient", "mean-of-nothing-is-zero", "no-shift", "no-shift-in-tails",
                 "no-shift-in-the-head", "tail-gradients-negated"):
        failing, named, false = names_of(MISTAKES[name], {name}, ("float64",), INFO["without"])
        assert failing == named > 1 and not false


@pytest.mark.figures
def test_figure_of_the_names_of_all_known_mistakes_over_all_cases(capsys):
    """Its output is tests/figures/names.txt."""
    pairs = [Mistake(" + ".join(p), "", both(*(MISTAKES[n] for n in p)), ()) for p in PAIRS]
    lines = [f"Python {python_version()}, NumPy {np.__version__}"]
    for what, info in INFO.items():
        for dtypes in (("float64",), ("float64", "float32")):
            total: Counter = Counter()
            for mistake in [*MISTAKES.values(), *pairs]:
                name = mistake.name
                own = {name, *name.split(" + "), *ALIKE.get(name, ())}
                failing, named, false = names_of(mistake, own, dtypes, info)
                total += Counter(mistakes=1, failing=failing, named=named,
                                 false=sum(false.values()), whole=failing == named)
                if failing != named or false:
                    lines.append(f"  {name}: {named} of {failing} failing cases, false: {false}")
            lines.append(
                f"{' and '.join(dtypes)}, a port {what}{' a trace' * (what == 'without')}: "
                f"{total['mistakes']} runs ({len(pairs)} of two mistakes), {total['failing']} "
                f"failing cases, {total['named']} with the mistake's own name, {total['false']} "
                f"false names; {total['whole']} runs explained whole")
    with capsys.disabled():
        print("\n" + "\n".join(lines))
    assert not any("false: {'" in line for line in lines)
