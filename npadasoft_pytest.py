"""The pytest plugin of npadasoft.gradcheck: the fixture `gradcheck`, and `--gradcheck-html DIR`.

It stands outside the package, and imports it when the fixture is used: a run of pytest without it
imports nothing, and coverage sees the package's first line.
"""
import hashlib
import re
from pathlib import Path

import pytest


def pytest_addoption(parser):
    """--gradcheck-html DIR."""
    parser.getgroup("gradcheck").addoption(
        "--gradcheck-html", metavar="DIR", default=None,
        help="write the report of each test that uses the fixture gradcheck as a page into DIR")


def _page(test, count):
    """A file name that no other test has, on no file system: its id, and a hash if that is lossy.
    """
    name = re.sub(r"[^\w.-]+", "_", test.replace("/", "."))
    if not re.fullmatch(r"[a-z0-9_]+\.py::[a-z0-9_]+", test):
        name = f"{name[:80]}-{hashlib.sha256(test.encode()).hexdigest()[:8]}"
    return f"{name}{f'-{count}' if count > 1 else ''}.html"


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
            target = Path(folder) / _page(request.node.nodeid, count)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(report.html(), encoding="utf-8")
        if not report.ok:
            pytest.fail(report.text(), pytrace=False)
        return report
    return check
