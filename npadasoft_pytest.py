"""The pytest plugin of npadasoft.gradcheck: the fixture `gradcheck`, and `--gradcheck-html DIR`.

It stands outside the package, and imports it when the fixture is used: a run of pytest without it
imports nothing, and coverage sees the package's first line.
"""
import re
from pathlib import Path

import pytest


def pytest_addoption(parser):
    """--gradcheck-html DIR."""
    parser.getgroup("gradcheck").addoption(
        "--gradcheck-html", metavar="DIR", default=None,
        help="write the report of each test that uses the fixture gradcheck as a page into DIR")


@pytest.fixture
def gradcheck(request):
    """`npadasoft.gradcheck.check`, which fails the test with the report unless every verdict is
    PASS (or in `accept=`); the report is returned.
    """
    from npadasoft import gradcheck as module
    count = 0

    def check(*args, accept=("PASS",), **options):
        nonlocal count
        __tracebackhide__ = True
        count += 1
        options.setdefault("name", request.node.name)
        report = module.check(*args, **options)
        report.accept = tuple(accept)
        folder = request.config.getoption("--gradcheck-html")
        if folder:
            name = re.sub(r"[^\w.-]+", "_", request.node.nodeid.replace("/", "."))
            target = Path(folder) / f"{name}{f'-{count}' if count > 1 else ''}.html"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(report.html(), encoding="utf-8")
        if not report.ok:
            pytest.fail(report.text(), pytrace=False)
        return report
    return check
