"""The pytest plugin: a fixture that fails a test with the report, and a page for each."""
import configparser
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TESTS = """
import numpy as np

X = np.array([0.5, -1.25])

def test_right(gradcheck):
    assert gradcheck(lambda x: np.sum(np.sin(x)), X, np.cos)["x"].verdict == "PASS"

def test_wrong(gradcheck):
    gradcheck(lambda x: np.sum(np.sin(x)), X, lambda x: 2 * np.cos(x))
    assert False, "not reached"

def test_accepted(gradcheck):
    gradcheck(lambda x: 3.0, X, lambda x: 0 * x, accept=("PASS", "VACUOUS"))

def test_nothing():
    import sys
    assert "npadasoft" not in sys.modules or USED
"""


def run(folder, tests, *options):
    (folder / "test_it.py").write_text(tests)
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    if "npadasoft_gradcheck" not in installed():
        command += ["-p", "npadasoft_pytest"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False,
                          env={**__import__("os").environ, "PYTHONPATH": str(ROOT)})


def installed():
    from importlib.metadata import entry_points
    return {entry.name for entry in entry_points(group="pytest11")}


def test_a_wrong_gradient_fails_the_test_with_its_report_and_a_page(tmp_path):
    found = run(tmp_path, "USED = True\n" + TESTS, "--gradcheck-html", "pages")
    assert found.returncode == 1 and "1 failed, 3 passed" in found.stdout, found.stdout
    assert "RESULT: FAIL, 1 of 1 tensors" in found.stdout and "a factor 2" in found.stdout
    assert "not reached" not in found.stdout
    pages = sorted(path.name for path in (tmp_path / "pages").iterdir())
    assert pages == ["test_it.py_test_accepted.html", "test_it.py_test_right.html",
                     "test_it.py_test_wrong.html"]
    assert "FAIL</span> test_wrong" in (tmp_path / "pages" / pages[2]).read_text()


ALIKE = """
import numpy as np
import pytest

X = np.array([0.5, -1.25])
IDS = ["a/b", "a b", "a_b", "a.b", "A_b", "a::b", "x" * 300, "x" * 301]

@pytest.mark.parametrize("k", range(len(IDS)), ids=IDS)
def test_it(gradcheck, k):
    gradcheck(lambda x: np.sum(np.sin(x)), X, np.cos)

def test_twice(gradcheck):
    for _ in range(2):
        gradcheck(lambda x: np.sum(np.sin(x)), X, np.cos)

def test_one_two(gradcheck):
    gradcheck(lambda x: np.sum(np.sin(x)), X, np.cos)

class test_one:
    def test_two(self, gradcheck):
        gradcheck(lambda x: np.sum(np.sin(x)), X, np.cos)

class Test_one:
    def test_two(self, gradcheck):
        gradcheck(lambda x: np.sum(np.sin(x)), X, np.cos)
    two = test_two
"""


def test_each_check_has_a_page_of_its_own(tmp_path):
    for folder in ("a", "a/b", "a_b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").write_text("")
        (tmp_path / folder / "test_same.py").write_text(ALIKE)
    found = run(tmp_path, "", "--gradcheck-html", "pages")
    assert found.returncode == 0, found.stdout
    passed = int(found.stdout.split(" passed")[0].split()[-1])
    names = [path.name.lower() for path in (tmp_path / "pages").iterdir()]
    assert passed >= 3 * 11 and len(set(names)) == len(names) == passed + 3     # one checks twice


def test_a_run_without_the_fixture_imports_nothing(tmp_path):
    found = run(tmp_path, "USED = False\n" + TESTS, "-k", "nothing")
    assert found.returncode == 0, found.stdout


def test_the_plugin_is_installed_with_the_package():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    name, _, module = setup["options.entry_points"]["pytest11"].strip().partition(" = ")
    assert (name, module) == ("npadasoft_gradcheck", "npadasoft_pytest")
    assert setup["options"]["py_modules"] == module and (ROOT / f"{module}.py").exists()
    if sys.modules.get("npadasoft_pytest") is None and name in installed():
        pytest.fail("installed, but not loaded")
