"""Nothing in prose is unexecuted: docstrings, and the code and commands of README.

In README a `python` block runs in the namespace of those before it, and a `text` block right after
it is what it prints.  A `console` block holds commands after `$`; those of
npadasoft are run, and what stands below each is what it prints, where `...` stands for anything.
"""
import contextlib
import doctest
import importlib.util
import io
import os
import pkgutil
import re
import shlex
from pathlib import Path

import pytest
from witnesses import witness

import npadasoft
from npadasoft import cli

README = (Path(__file__).parent.parent / "README.md").read_text()
MODULES = ["npadasoft", *(m.name for m in pkgutil.walk_packages(npadasoft.__path__, "npadasoft.")
                          if not m.name.endswith("__main__") and ".templates" not in m.name)]
SNIPPETS = Path(__file__).parent / "rule_snippets"
FENCED = re.compile(r"^(#+ [^\n]*)$|^```(\w*)\n(.*?)^```$", re.M | re.S)
SLOW = ("train", "bench", "ports", "conform --port", "gradcheck --port", "plan \"$(", "verify",
        "vectors regenerate")     # minutes, or files of others: by hand, or in tests of their own


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_docstring_print_what_they_say(name):
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


def blocks():
    """(heading, language, text, the text block after it or None) of README, in order."""
    found, heading = [], ""
    for match in FENCED.finditer(README):
        if match[1]:
            heading = match[1]
        else:
            found.append([heading, match[2], match[3], None])
            if match[2] == "text" and len(found) > 1 and found[-2][1] == "python":
                found[-2][3] = match[3]
    return found


def commands():
    """(command, what it prints) of the console blocks that are npadasoft's."""
    for _, language, text, _ in blocks():
        if language == "console":
            for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
                command, _, printed = part.partition("\n")
                if command.startswith("npadasoft ") and " -- " not in command and not any(
                        command.startswith(f"npadasoft {slow}") for slow in SLOW):
                    yield command, printed


@contextlib.contextmanager
def printing(folder):
    before, stream = os.getcwd(), io.StringIO()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(stream):
            yield stream
    finally:
        os.chdir(before)


def test_the_python_of_readme_runs_and_prints_what_it_says(tmp_path):
    namespace, absent = {"__name__": "readme"}, []
    for heading, language, code, expected in blocks():
        if language == "python":
            needed = re.findall(r"# pip install (\w+)", code)
            if not all(map(importlib.util.find_spec, needed)):
                absent += needed
                continue
            with printing(tmp_path) as stream:
                exec(compile(code, f"README: {heading}", "exec"), namespace)
            if expected is not None:
                assert stream.getvalue() == expected, heading
    for package in absent:              # the skip comes when all that can run has run
        witness(package)


@pytest.mark.parametrize("language, file", [
    ("javascript", "rule.js"), ("r", "rule.R"), ("cpp", "rule.hpp")])
def test_the_rule_in_other_languages_is_the_one_that_is_tested(language, file):
    found = [text for _, lang, text, _ in blocks() if lang == language]
    assert (SNIPPETS / file).read_text() in found


@pytest.mark.parametrize("command, expected", list(commands()), ids=lambda value: value[:40])
def test_the_commands_of_readme_print_what_they_say(command, expected, tmp_path):
    with printing(tmp_path) as stream:
        status = cli.main(shlex.split(command, comments=True)[1:])
    assert status == 0
    if expected.strip():
        pattern = "".join(".*?" if part == "..." else re.escape(part)
                          for part in re.split(r"(\.\.\.)", expected.strip()))
        assert re.fullmatch(pattern, stream.getvalue().strip(), re.S), stream.getvalue()


def test_readme_names_every_file_of_the_layer_and_every_command():
    for name in ("reference", "cutoffs", "functional", "adaptive", "search", "parameters", "arrays",
                 "checks", "fused"):
        assert f"`{name}.py`" in README
    for command in cli.COMMANDS:
        assert f"npadasoft {command}" in README


def test_the_blocks_of_readme_are_found():
    assert {"python", "text", "console", "javascript", "r", "cpp"} <= {b[1] for b in blocks()}
    assert len(list(commands())) >= 3
