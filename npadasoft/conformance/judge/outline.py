"""The report of a run: its causes, one line each; an example of each; how many of each verdict."""
import textwrap
from dataclasses import replace

from npadasoft.conformance.judge.causes import KINDS, causes, example
from npadasoft.conformance.judge.conclusion import conclusion, given_up, last_line
from npadasoft.conformance.judge.report import describe, misread_in, reproduce
from npadasoft.conformance.judge.verdict import BAD, NO_ANSWER, NOT_ASKED

LONGEST = 58            # lines of a report, with the two that are printed before the run
SHOWN = 10              # causes in the summary
FEW = 10                # cases: of fewer a name is a guess
WIDTH = 120             # columns


def outline(results, trace=(), command="", show_all=False, sentences=None):
    """All that is printed when a run is over.

    Parameters
    ----------
    results : list of Result
    trace : sequence of str
        Patterns of the intermediate tensors that the port announced.
    command : str
        The end of the command line that judges this port, to reproduce.
    show_all : bool
        Whether every case is listed, whatever its verdict.
    sentences : mapping, optional
        Name of a known mistake -> what it does.

    Returns
    -------
    str
    """
    lost = given_up(results)
    found = causes(remarkable(results))
    if lost and not show_all:
        return "\n".join(_given_up(found, results, lost, command))
    last = folded(conclusion(results, trace))

    def shown(result):
        return folded(describe(result, command, show_all, sentences, misread_in(results)))
    lines = _summary(found, results, sentences or {})
    if show_all:
        parts = [[*shown(r), ""] for r in results]
    else:
        parts = _examples(found, shown, LONGEST - len(lines) - 1 - len(last))
    if found:
        lines.insert(1, _why(found, "every case" if show_all else
                             "examples" if parts[1:] else "an example" if parts else ""))
    return "\n".join([*lines, *(line for part in parts for line in part), *last])


def remarkable(results):
    """The results that a person should look at."""
    return [r for r in results if (r.counts or not _goes_without_saying(r))
            and not (r.skipped or "").startswith(NOT_ASKED)]


def _given_up(found, results, lost, command):
    """A few lines: what is wrong is likely to be one thing, and the rest was not asked."""
    asked = len(results) - len(lost)
    one = example(found[0]) if found else lost[0]
    lines = [f"The port was given up, {lost[0].skipped.partition(': ')[2]}: {asked} of "
             f"{len(results)} cases were asked."]
    for cause in found[:2]:
        lines += folded(f"{cause.n_cases:>5}  {cause.shown}", 7)
    lines += [f"stderr: {one.stderr.splitlines()[-1]}"] if one.stderr else []
    return [*lines, reproduce(one, command).strip(), last_line(results)]


def _summary(found, results, sentences):
    """Each cause with the number of cases that it explains, the one that explains most first."""
    if not found:
        return []
    lines = [_failing(results)]
    for cause in found[:SHOWN]:
        lines += folded(f"{cause.n_cases:>5}  {cause.shown}{_about(cause, sentences)}{cause.alike}",
                        7)
    if len(found) > SHOWN:
        ids = {r.id for cause in found[SHOWN:] for r in cause.results}
        lines.append(f"{len(ids):>5}  for {len(found) - SHOWN} other reasons")
    if len({r.id for r in results}) < FEW and any(c.kind == "mistake" for c in found):
        lines.append("Of so few cases a name is a guess, which a run of all cases may deny.")
    return [*lines, ""]


def _failing(results):
    """How many cases fail; if none does, what else there is to tell."""
    asked, failing, expected, passing = (len({r.id for r in results if test(r)}) for test in (
        lambda r: True, lambda r: r.counts and r.verdict in BAD,
        lambda r: r.expected_fail and not r.counts, lambda r: r.counts and r.verdict not in BAD))
    if not failing + expected + passing:
        return f"No case fails, but not all of {asked} ran in full."
    lines = [f"{failing} of {asked} cases fail." if failing else
             f"No case of {asked} fails that was not expected to."]
    lines += [f"{expected} fail{'s' * (expected == 1)} as expected."] * bool(expected)
    lines += [f"{passing} that should fail did not."] * bool(passing)
    return " ".join(lines)


def _why(found, below):
    """The line above the causes."""
    notes = [f"{below} below"] * bool(below)
    if sum(c.n_cases for c in found) > len({r.id for c in found for r in c.results}):
        notes.append("some cases stand in two lines")
    notes += ["--all lists every case"] * (below != "every case")
    return f"Why, and in how many cases ({'; '.join(notes)}):"


def _about(cause, sentences):
    name = cause.text.split("`")[1].split(" (")[0] if cause.kind == "mistake" else None
    return f", {sentences[name]}" if name in sentences else ""


def _examples(found, shown, room):
    """One case of each cause that shows no other cause first, as many as there is room for."""
    parts: list[list[str]] = []
    before: set[str] = set()
    for cause, results in _own(found):
        left = [r for r in results if r.id not in before]
        if not left:
            continue
        one = example(replace(cause, results=left))
        lines = shown(one)
        if sum(map(len, parts)) + len(lines) + 1 > room:
            break
        parts.append([*lines, ""])
        before.add(one.id)
    return parts


def _own(found):
    """(cause, results) of each: those that have it alone; else those of which it is told first."""
    own = {id(c): c.results[:len(c.results) - sum(len(other.results) for _, other in c.others)]
           for c in found}
    of: dict = {}
    for cause in sorted(found, key=lambda c: KINDS.index(c.kind)):
        for r in own[id(cause)]:
            of.setdefault(id(r), []).append(cause)
    for cause in found:
        mine = [r for r in own[id(cause)] if of[id(r)][0] is cause]
        yield cause, [r for r in mine if len(of[id(r)]) == 1] or mine


def folded(text, indent=None):
    """Lines of at most `WIDTH` columns, broken between words; a command to repeat is left whole."""
    found: list[str] = []
    for line in text.splitlines():
        margin = len(line) - len(line.lstrip()) + 4 if indent is None else indent
        found += [line] if line.lstrip().startswith("reproduce: ") else textwrap.wrap(
            line, WIDTH, subsequent_indent=" " * margin, expand_tabs=False,
            replace_whitespace=False, break_long_words=False, break_on_hyphens=False) or [""]
    return found


def _goes_without_saying(result):
    """Whether the conclusion says enough: what is not announced, and skips that do not count."""
    if result.verdict == "incomplete":
        return (result.message or "").startswith("not announced")
    if result.skipped == NO_ANSWER:
        return False
    optional = result.lacking or result.tier != "required"
    return result.verdict == "pass" or result.verdict == "skipped" and bool(optional)
