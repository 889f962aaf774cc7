"""Each wrong call ends with status 2 and a sentence, and `--help` names every default."""
import argparse
import re

import pytest

from npadasoft import cli

NAMES = [name for name in cli.COMMANDS if name != "ports"]
SILENT = (None, [], False, argparse.SUPPRESS)


def call(argv, capsys):
    """Exit status, standard output and standard error of a command line."""
    try:
        status = cli.main(argv)
    except SystemExit as end:               # what argparse refuses
        status = end.code
    return status, *capsys.readouterr()


def sentences(err):
    """Standard error without the usage that argparse puts before its sentence."""
    return re.sub(r"\Ausage: .*?\n(?=npadasoft)", "", err, flags=re.S)


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").write_text("")
    (tmp_path / "one").write_text("the 7\n")
    (tmp_path / "words").write_text("the cat\n")
    (tmp_path / "negative").write_text("a 1\nb -2\n")
    (tmp_path / "zeros").write_text("a 0\nb 0\n")
    (tmp_path / "latin1").write_bytes(b"caf\xe9 7\n")
    (tmp_path / "counts").write_text("a 1\nb 5\nc 3\n")


WRONG = [
    ("plan", "give either FILE or --zipf N"),
    ("plan counts --zipf 9", "give either FILE or --zipf N"),
    ("plan nowhere", "nowhere: No such file or directory"),
    ("plan .", ".: Is a directory"),
    ("plan empty", "empty should have a count of each class, one a line and at least 2, but has "
                   "none"),
    ("plan one", "one should have a count of each class, one a line and at least 2, but has one"),
    ("plan words", "words, line 1: expected `count` or `word count`, but found 'the cat'"),
    ("plan negative", "negative, line 2: a count should be finite and at least 0, but found -2"),
    ("plan zeros", "zeros has no class with a count above 0"),
    ("plan latin1", "latin1 is no UTF-8 text: invalid continuation byte at byte 3"),
    ("plan empty --text", "empty should have at least 2 different words, but has 0"),
    ("plan counts --cutoffs 3", "between 1 and n_classes-1, but found [3] with n_classes 3"),
    ("plan counts --cutoffs 1;2", "expected integers, with commas or spaces between them"),
    ("plan counts --clusters 0", "n_clusters should be at least 1, but found 0"),
    ("plan --zipf 9 --order order", "--order is of a FILE"),
    ("plan --zipf 9 --div-value 0", "div_value should be a positive number, but found 0.0"),
    ("plan counts --order no/such/file", "--order: no/such/file: No such file or directory"),
    ("plan counts --plot plan.xyz", "--plot: plan.xyz: the ending of a picture is one of ."),
    ("plan counts --plot no/such/plan.svg", "--plot: no/such/plan.svg: No such file or directory"),
    ("train nowhere", "nowhere: No such file or directory"),
    ("train empty", "a text of at least 100 words"),
    ("train --save no/such/run.npz", "--save: no/such/run.npz: No such file or directory"),
    ("train --resume nowhere", "nowhere: No such file or directory"),
    ("train --save counts", "counts exists: go on with it by --resume"),
    ("train --save-every 0", "--save-every should be at least 1, but found 0"),
    ("train --cutoffs x", "expected integers, with commas or spaces between them"),
    ("train --batch few", "invalid int value: 'few'"),
    ("bench tini", "there is no workload 'tini'"),
    ("bench tiny --rounds 0", "--rounds should be at least 1, but found 0"),
    ("bench tiny --threads 0", "--threads should be at least 1, but found 0"),
    ("bench tiny --json no/such/file", "--json: no/such/file: No such file or directory"),
    ("bench tiny --plot no/such/a.png", "--plot: no/such/a.png: No such file or directory"),
    ("conform ./port", "the command of a port stands behind --: npadasoft conform -- ./port"),
    ("conform --quiet node port.js", "npadasoft conform -- node port.js"),
    ("conform --", "there is no command behind --: npadasoft conform -- ./my-port"),
    ("conform -- ./nowhere", "./nowhere: No such file or directory"),
    ("conform --port nobody", "'nobody' is no ready port"),
    ("conform --port json:JSONDecoder", "json:JSONDecoder is no port, it has no start, no run, no "
     "restart, no stop: derive it from npadasoft.conformance.ports.base.Port"),
    ("conform --only Z99", "no case fits Z99"),
    ("conform --expect-fail nowhere", "nowhere: No such file or directory"),
    ("conform --report no/such/a.json", "--report: no/such/a.json: No such file or directory"),
    ("conform --report report.pdf", "report.pdf: a report ends in .json, .xml, .html, .htm"),
    ("conform --timeout soon", "--timeout: invalid seconds value: 'soon'"),
    ("conform --give-up 0", "--give-up: should be at least 1, but found 0"),
    ("conform --dtype bfloat16", "computes in float64, float32, float16, not in bfloat16"),
    ("verify nowhere --requests nowhere", "nowhere: No such file or directory"),
    ("verify empty --report no/such/a.xml", "--report: no/such/a.xml: No such file or directory"),
    ("vectors", "the following arguments are required"),
    ("vectors show Z99", "there is no case Z99"),
    ("vectors export empty", "empty: File exists"),
    ("port-template cobol", "there is no template in cobol, there are those in cpp, "),
    ("gradcheck --cutoffs 9,3", "sorted in an increasing order"),
    ("gradcheck --cutoffs 3;9", "expected integers, with commas or spaces between them"),
    ("gradcheck --batch 0", "--batch should be at least 1, but found 0"),
    ("gradcheck ./port", "the command of a port stands behind --: npadasoft gradcheck -- ./port"),
    ("gradcheck --", "there is no command behind --: npadasoft gradcheck -- ./my-port"),
    ("gradcheck --port nobody", "'nobody' is no ready port"),
    ("gradcheck -- ./nowhere", "./nowhere: No such file or directory"),
]


@pytest.mark.parametrize("line, words", WRONG, ids=[line for line, _ in WRONG])
def test_a_wrong_call_is_status_2_and_a_sentence(line, words, files, capsys):
    if "--plot" in line:
        pytest.importorskip("matplotlib")
    status, out, err = call(line.split(), capsys)
    said = sentences(err)
    assert (status, out) == (2, "") and words in said
    assert said.startswith(f"npadasoft {line.split()[0]}: ") and said.count("\n") == 1
    assert "[Errno" not in said and not re.search(r"(?<!\w)_[a-z]", said)


def parsers(name, monkeypatch):
    """The parser of a command, and those of its parts."""
    found = []

    def stop(self, args=None, namespace=None):
        found.append(self)
        raise SystemExit
    with monkeypatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_known_args", stop)
        with pytest.raises(SystemExit):
            cli.main([name])
    parts = [part for action in found[0]._actions
             if isinstance(action, argparse._SubParsersAction) for part in action.choices.values()]
    return [*found, *parts]


@pytest.mark.parametrize("name", NAMES)
def test_help_tells_what_every_option_is_and_its_default(name, monkeypatch):
    for parser in parsers(name, monkeypatch):
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction) or action.dest == "id":
                continue
            assert action.help, action.dest
            if action.default not in SILENT:
                shown = (action.default if isinstance(action.default, str)
                         else f"{action.default:g}")
                assert f"default {shown}" in action.help.replace(": ", " "), action.dest


@pytest.mark.parametrize("name", NAMES)
def test_div_value_is_4_wherever_it_is_an_option(name, monkeypatch):
    for parser in parsers(name, monkeypatch):
        for action in parser._actions:
            if action.dest == "div_value":
                assert action.default == 4 or "default 4" in action.help
