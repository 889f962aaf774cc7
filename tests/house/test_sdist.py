"""What is shipped: an sdist holds all that its own tests need, a wheel holds none of them."""
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from witnesses import without

HOUSE = Path(__file__).parents[2]
SHIPPED = ("npadasoft", "tests", "notebooks", "findings", "CHANGELOG.md", "CITATION.cff", "LICENSE",
           "README.md", "MANIFEST.in", "setup.cfg", "pyproject.toml")
LEFT = ("__pycache__", ".hypothesis", ".ipynb_checkpoints", "*.pyc", "*.egg-info")
BUILD = """
import sys
from setuptools import build_meta
print(getattr(build_meta, "build_" + sys.argv[1])(sys.argv[2]))
"""


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the house, as a checkout has it."""
    setuptools = pytest.importorskip("setuptools")
    if int(setuptools.__version__.split(".")[0]) < 68:
        without(f"setuptools {setuptools.__version__} is too old to build it: pip install -U "
                "setuptools")
    copy = tmp_path_factory.mktemp("house")
    for name in SHIPPED:
        if (HOUSE / name).is_dir():
            shutil.copytree(HOUSE / name, copy / name, ignore=shutil.ignore_patterns(*LEFT))
        elif (HOUSE / name).exists():
            shutil.copy(HOUSE / name, copy)
    return copy


def built(kind, tree, folder):
    done = subprocess.run([sys.executable, "-c", BUILD, kind, str(folder)], cwd=tree,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.split()[-1]


def test_an_sdist_holds_every_file_that_its_tests_and_its_readers_need(tree, tmp_path):
    wanted = files(tree)
    with tarfile.open(built("sdist", tree, tmp_path)) as archive:
        found = {"/".join(member.name.split("/")[1:]) for member in archive if member.isfile()}
    assert wanted - found == set()
    assert {name for name in found - wanted if ".egg-info" not in name} == {"PKG-INFO"}


def test_a_wheel_holds_the_package_with_its_data_and_no_test(tree, tmp_path):
    package = {name for name in files(tree) if name.startswith("npadasoft/")}
    pages = {name for name in package if name.endswith("README.md")}
    with zipfile.ZipFile(built("wheel", tree, tmp_path)) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert found <= package and package - found <= pages
    assert "npadasoft/conformance/README.md" in found
