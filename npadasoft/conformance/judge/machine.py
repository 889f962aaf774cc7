"""The report for machines, JSON and JUnit, as a page, and as a badge."""
import json
import xml.etree.ElementTree as ElementTree

from npadasoft._version import __version__
from npadasoft.conformance.judge.conclusion import summary
from npadasoft.conformance.judge.page import page
from npadasoft.conformance.judge.report import describe, misread_in
from npadasoft.conformance.judge.verdict import as_json, deciding, exit_status, worst_ratio

ENDINGS = (".json", ".xml", ".html", ".htm")        # of a report
BADGE = """<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img">
<title>{text}</title><rect width="{width}" height="20" rx="3" fill="{colour}"/>
<text x="8" y="14" fill="#fff" font-family="sans-serif" font-size="11">{text}</text></svg>
"""
COLOURS = {0: "#2e7d32", 1: "#b71c1c", 3: "#8a6d00"}


def badge(results):
    """A picture of one line: how many of the required cases passed."""
    decide = deciding(results)
    required = [r for r in results if r.tier in decide]
    text = (f"adaptive softmax: {sum(r.verdict == 'pass' for r in required)} of {len(required)} "
            "required cases pass")
    return BADGE.format(text=text, width=16 + 6 * len(text), colour=COLOURS[exit_status(results)])


def write(path, results, info, command, suite, shown="", sentences=None):
    """Write the report to `path`: JUnit if it ends in .xml, a page in .html, else JSON."""
    if str(path).endswith((".html", ".htm")):
        with open(path, "w", encoding="utf-8") as file:
            file.write(page(results, info, suite, shown, sentences))
        return
    if str(path).endswith(".xml"):
        as_junit(results, info).write(path, encoding="utf-8", xml_declaration=True)
        return
    with open(path, "w", encoding="utf-8") as file:
        json.dump(as_report(results, info, command, suite), file, indent=1, allow_nan=False)
        file.write("\n")


def as_report(results, info, command, suite):
    """The report as a JSON value; its form is `schemas/report.schema.json`."""
    status = exit_status(results)
    return {"npadasoft": __version__, "suite": suite, "command": list(command),
            "implementation": {"name": info.name, "version": info.version,
                               "language": info.language},
            "verdict": {0: "pass", 1: "fail", 3: "incomplete"}[status], "exit": status,
            "worst_ratio": worst_ratio(results), "summary": summary(results),
            "cases": [as_json(result) for result in results]}


def as_junit(results, info):
    """One suite a tier and dtype, one test a case; what does not count is reported as skipped."""
    decide = deciding(results)
    root = ElementTree.Element("testsuites", name=f"npadasoft conform: {info.name}")
    groups: dict[tuple, list] = {}
    for result in results:
        groups.setdefault((result.tier, result.dtype), []).append(result)
    for (tier, dtype), group in groups.items():
        kinds = [_kind(result, decide) for result in group]
        suite = ElementTree.SubElement(root, "testsuite", {
            "name": f"{tier}.{dtype}", "tests": str(len(group)),
            "failures": str(kinds.count("failure")), "errors": str(kinds.count("error")),
            "skipped": str(kinds.count("skipped")),
            "time": f"{sum(r.seconds for r in group):.3f}"})
        for result, kind in zip(group, kinds):
            test = ElementTree.SubElement(suite, "testcase", classname=f"{tier}.{dtype}",
                                          name=result.id, time=f"{result.seconds:.4f}")
            if kind:
                text = describe(result, show_all=True, misread=misread_in(results))
                ElementTree.SubElement(test, kind, message=text.splitlines()[0]).text = text
    return ElementTree.ElementTree(root)


def _kind(result, decide):
    """The element that JUnit has for a verdict: failure, error, skipped; None for a pass."""
    if result.counts and result.tier in decide:
        return "failure" if result.verdict in ("fail", "pass") else "error"
    return None if result.verdict == "pass" else "skipped"
