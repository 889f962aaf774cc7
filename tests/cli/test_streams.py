"""Standard output may be closed, or full, at any time: no traceback, and no status 120."""
import os
import subprocess
import sys

import pytest

from npadasoft import console

RUN = [sys.executable, "-c", "import sys; from npadasoft.cli import main; sys.exit(main())"]


def environment(unbuffered):
    """That of the tests, with or without PYTHONUNBUFFERED."""
    found = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return found | ({"PYTHONUNBUFFERED": "1"} if unbuffered else {})


@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize("argv", [
    [], ["--version"], ["plan", "--zipf", "1000"], ["plan", "--help"], ["ports"],
    ["vectors", "list"], ["vectors", "show", "T03"]], ids=" ".join)
def test_a_reader_that_has_seen_enough_is_told_nothing(argv, unbuffered):
    process = subprocess.Popen(RUN + argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=environment(unbuffered))
    process.stdout.close()                              # nobody reads: the pipe is broken
    said = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), said) == (1, b"")


@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize("argv", [["ports"], ["plan", "--zipf", "1000"]], ids=" ".join)
def test_a_full_disk_is_one_line(argv, unbuffered):
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "w") as full:
        done = subprocess.run(RUN + argv, stdout=full, stderr=subprocess.PIPE, text=True,
                              env=environment(unbuffered))
    assert done.stderr == "npadasoft: the output cannot be written: No space left on device\n"
    assert done.returncode == 1


def test_a_message_that_nobody_can_read_does_no_harm():
    process = subprocess.Popen(RUN + ["confrom"], stderr=subprocess.PIPE)
    process.stderr.close()
    assert process.wait() == 1


def test_a_stream_that_was_closed_before_takes_what_is_printed(tmp_path):
    done = subprocess.run(["sh", "-c", '"$@" >&- 2>&-', "sh", *RUN, "confrom"])
    assert done.returncode == 2


class Broken:
    """A stream that takes `room` characters, then none."""

    def __init__(self, room, file):
        self.room, self.file = room, file

    def write(self, text):
        self.room -= len(text)
        if self.room < 0:
            raise OSError(28, "No space left on device")

    def flush(self):
        if self.room < 0:
            raise OSError(28, "No space left on device")

    def fileno(self):
        self.room = 10 ** 6                             # what is put in its place takes everything
        return self.file.fileno()


@pytest.mark.parametrize("room, status", [(9, 1), (10, 3)])
def test_what_was_printed_has_left_or_the_status_says_that_it_was_lost(room, status, monkeypatch,
                                                                       tmp_path, capsys):
    with open(tmp_path / "file", "w") as file:
        monkeypatch.setattr(sys, "stdout", Broken(room, file))
        assert console.guarded(lambda: print("9 letters") or 3) == status
    assert ("No space left" in capsys.readouterr().err) == (status == 1)


def test_the_failure_of_a_file_is_not_that_of_standard_output():
    def run():
        raise OSError(28, "No space left on device", "some file")
    with pytest.raises(OSError, match="some file"):
        console.guarded(run)
