"""The command `npadasoft`: help, version, dispatch."""
import importlib
import runpy
import sys
from pathlib import Path
from types import ModuleType

import pytest

from npadasoft import __version__, cli


@pytest.mark.parametrize("argv, status", [([], 2), (["-h"], 0), (["--help"], 0)])
def test_help_names_every_command(argv, status, capsys):
    assert cli.main(argv) == status
    out, err = capsys.readouterr()
    assert out == cli.usage() + "\n" and err == ""
    for name, (_, text) in cli.COMMANDS.items():
        assert any(line.split()[:1] == [name] and line.endswith(text) for line in out.splitlines())


def test_the_version_is_printed_alone(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == __version__ + "\n"


def test_an_unknown_command_is_refused_with_the_known_ones(capsys):
    assert cli.main(["train-model", "x"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("npadasoft: there is no command 'train-model'")
    assert err.endswith(f"\n\n{cli.usage()}\n")


def test_a_command_gets_its_arguments_and_gives_its_status(monkeypatch):
    module, calls = ModuleType("some_part"), []
    module.run = lambda argv: calls.append(argv) or 7
    monkeypatch.setitem(sys.modules, "some_part", module)
    monkeypatch.setitem(cli.COMMANDS, "some", ("some_part:run", "does something"))
    assert cli.main(["some", "--flag", "x"]) == 7
    monkeypatch.setattr(sys, "argv", ["npadasoft", "some"])
    assert cli.main() == 7
    assert calls == [["--flag", "x"], []]


MAIN = str(Path(cli.__file__).with_name("__main__.py"))     # pytest's hook has no module to run


def test_python_m_npadasoft_is_the_same_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["npadasoft", "--version"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(MAIN, run_name="__main__")
    assert caught.value.code == 0 and capsys.readouterr().out == __version__ + "\n"


def test_importing_the_package_as_main_module_runs_nothing(capsys):
    runpy.run_path(MAIN, run_name="imported")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_its_function(name):
    module, function = cli.COMMANDS[name][0].split(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_a_command_that_is_nearly_one_is_asked_for(capsys):
    assert cli.main(["confrom"]) == 2
    first = capsys.readouterr().err.splitlines()[0]
    assert first == "npadasoft: there is no command 'confrom': was conform meant?"
