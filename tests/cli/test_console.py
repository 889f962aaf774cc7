"""What every command has in common: lists of integers, `--`, targets, sentences, progress."""
import os
import stat
import sys
from types import ModuleType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from npadasoft import console
from npadasoft.console import Parser, progress, sentence, writable

OPTION = "--cutoffs"


def parser():
    p = Parser(prog="npadasoft some")
    p.add_argument("file", nargs="?")
    p.add_integers(OPTION, metavar="C,...")
    p.add_argument("--batch", type=int)
    return p


def written(numbers, style):
    """The words of a command line that give a list in one of its styles."""
    text = [str(n) for n in numbers]
    return {"commas": [OPTION, ",".join(text)], "spaces": [OPTION, *text],
            "quoted": [OPTION, " ".join(text)], "both": [OPTION, ", ".join(text)],
            "words with commas": [OPTION, *(f"{n}," for n in text)],
            "equals": [f"{OPTION}={','.join(text)}"], "short": ["--cut", *text]}[style]


@settings(deadline=None, derandomize=True)
@given(st.lists(st.integers(-5, 10**12), min_size=1, max_size=6), st.sampled_from(
    ["commas", "spaces", "quoted", "both", "words with commas", "equals", "short"]),
    st.sampled_from([[], ["counts.txt"], ["--batch", "7"]]))
@example([2000, 10000], "spaces", ["counts.txt"])
def test_a_list_of_integers_is_read_alike_however_it_is_written(numbers, style, rest):
    found = parser().parse_args([*written(numbers, style), *rest])
    assert found.cutoffs == numbers
    assert (found.file == "counts.txt") == ("counts.txt" in rest)


@pytest.mark.parametrize("text", ["2;4", "x", "2,x", "1.5", "", ","])
def test_what_is_no_list_of_integers_is_shown(text, capsys):
    with pytest.raises(SystemExit) as end:
        parser().parse_args([f"{OPTION}={text}"])
    said = capsys.readouterr().err
    assert end.value.code == 2
    assert f"expected integers, with commas or spaces between them, but found {text!r}" in said


def test_the_command_of_a_port_stands_behind_two_dashes(capsys):
    arguments, command = parser().parse_with_command(["x", "--batch", "3", "--", "node", "--", "p"])
    assert (arguments.file, arguments.batch, command) == ("x", 3, ["node", "--", "p"])
    assert parser().parse_with_command(["x"])[1] == []
    for argv, words in [(["x", "node", "a port.js"], "npadasoft some -- node 'a port.js'"),
                        (["x", "./port", "--quiet"], "npadasoft some -- ./port --quiet"),
                        (["x", "--"], "there is no command behind --"),
                        (["x", "--quiet"], "unrecognized arguments: --quiet")]:
        with pytest.raises(SystemExit) as end:
            parser().parse_with_command(argv)
        assert end.value.code == 2 and words in capsys.readouterr().err


def test_a_target_that_can_be_written_stays_as_it_is(tmp_path):
    there, link = tmp_path / "there", tmp_path / "link"
    there.write_text("as it was")
    os.symlink(tmp_path / "nowhere", link)
    before = there.stat().st_mtime_ns
    for path in (there, tmp_path / "new", link):
        assert writable(str(path)) == str(path)
    assert there.read_text() == "as it was" and there.stat().st_mtime_ns == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "there"]
    assert writable("/dev/null") == "/dev/null"


@pytest.mark.parametrize("path, reason", [
    ("no/such/folder", "No such file or directory"), ("", "No such file or directory"),
    (".", "Is a directory"), ("new/", "Is a directory"), ("file/x", "Not a directory"),
    ("x" * 300, "File name too long")])
def test_a_target_that_cannot_be_written_is_refused_with_the_path_as_given(path, reason, tmp_path,
                                                                           monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(console.argparse.ArgumentTypeError) as refusal:
        writable(path)
    assert str(refusal.value) == f"{path}: {reason}"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_pipe_is_not_opened_before_its_time(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert writable(str(tmp_path / "pipe"))             # opening it would wait for a reader
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_an_exception_is_a_sentence_without_its_number():
    assert sentence(OSError(28, "No space left on device")) == "No space left on device"
    assert sentence(OSError("odd")) == "odd" and sentence(ValueError("so")) == "so"


def test_one_of_a_kind_is_no_plural():
    assert [console.many(n, "case") for n in (0, 1, 2, 5000)] == [
        "0 cases", "1 case", "2 cases", "5,000 cases"]


class Terminal:
    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass

    def isatty(self):
        return True


def test_a_terminal_sees_how_far_it_is_with_tqdm_or_without(monkeypatch):
    terminal, tqdm = Terminal(), ModuleType("tqdm")
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert list(progress("abc", "letters")) == ["a", "b", "c"]
    assert terminal.text.startswith("\rletters: 1/3\rletters: 2/3\rletters: 3/3\r  ")
    assert terminal.text.endswith(" \r")
    tqdm.tqdm = lambda items, desc, leave: [f"{desc} {item}" for item in items]
    monkeypatch.setitem(sys.modules, "tqdm", tqdm)
    assert list(progress("ab", "letters")) == ["letters a", "letters b"]


def test_what_is_no_terminal_sees_nothing(capsys):
    assert list(progress("abc", "letters")) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "")
