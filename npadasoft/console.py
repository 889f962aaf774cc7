"""What every command has in common: how it is called, how it fails, what it writes on.

    exit status     0 done, and good; 1 what was judged is wrong; 2 the call, or what it names, is;
                    3 good, but not all of it was judged
    Parser          lists of integers with commas or spaces, a command behind `--`
    one_line        what a command expects to go wrong is one line on standard error, status 2
    writable        a file that is to be written at the end is refused at the start
    progress        a bar, on a terminal
    guarded         standard output may be closed, or full, at any time
"""
import argparse
import contextlib
import errno
import functools
import os
import re
import shlex
import sys
import tempfile
from pathlib import Path

_INTEGERS = re.compile(r"[-+]?\d[\d_]*(?:[,\s]+[-+]?\d[\d_]*)*,?")


# ------------------------------------------------------------------ how it is called

class Parser(argparse.ArgumentParser):
    """An ArgumentParser that knows lists of integers and the command of a port."""

    def __init__(self, **more):
        super().__init__(**more)
        self._lists = []

    def add_integers(self, option, **more):
        """An option that takes integers: `1,2`, `1 2`, `1, 2` or "1 2"."""
        self._lists.append(option)
        return self.add_argument(option, type=integers, **more)

    def parse_known_args(self, args=None, namespace=None):
        """As argparse does, where the integers of a list were joined to one word."""
        return super().parse_known_args(self._joined(args), namespace)

    def parse_with_command(self, argv):
        """The arguments, and the command behind `--` ([] without one)."""
        at = argv.index("--") if "--" in argv else len(argv)
        command = argv[at + 1:]
        arguments, rest = self.parse_known_args(argv[:at])
        if rest and not rest[0].startswith("-"):
            self.error(f"the command of a port stands behind --: {self.prog} -- "
                       + shlex.join([*rest, *command]))
        if rest:
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        if at < len(argv) and not command:
            self.error(f"there is no command behind --: {self.prog} -- ./my-port")
        return arguments, command

    def _joined(self, args):
        words = list(sys.argv[1:] if args is None else args)
        found = []
        while words:
            word = words.pop(0)
            name, sign, value = word.partition("=")
            if name[:2] == "--" and name[2:] and any(o.startswith(name) for o in self._lists):
                parts = [value] if sign else []
                while words and _INTEGERS.fullmatch(words[0]):
                    parts.append(words.pop(0))
                word = f"{name}={','.join(parts)}" if parts else word
            found.append(word)
        return found


def integers(text):
    """The integers of a text, with commas or spaces between them.

    Examples
    --------
    >>> integers("2000,10000"), integers("2000 10000"), integers("7,")
    ([2000, 10000], [2000, 10000], [7])
    """
    try:
        return [int(part) for part in re.split(r"[,\s]+", text) if part] or [int(text)]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected integers, with commas or spaces between them, but found {text!r}") from None


def positive(text):
    """An integer of at least 1; a type of arguments."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"should be at least 1, but found {text}")
    return value


def many(number, noun):
    """`1 case`, `2 cases`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


# ------------------------------------------------------------------ how it fails

def one_line(name, *expected):
    """Decorator of a command `main(argv)`: exceptions of `expected` are one line, and status 2."""
    def decorate(main):
        @functools.wraps(main)
        def run(argv):
            try:
                return main(argv)
            except expected as error:
                print(f"npadasoft {name}: {sentence(error)}", file=sys.stderr)
                return 2
        return run
    return decorate


def sentence(error):
    """What an exception says; of an OSError the path and the reason, without its number.

    Examples
    --------
    >>> sentence(FileNotFoundError(2, "No such file or directory", "counts.txt"))
    'counts.txt: No such file or directory'
    """
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


# ------------------------------------------------------------------ what it will write

def writable(path):
    """`path`, if a file can be written there; a type of arguments: argparse refuses it otherwise.

    What is there stays as it is, and where nothing is nobody sees anything, not for a moment.
    """
    try:
        _try_to_write(path)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{path}: {error.strerror}") from None
    return path


def _try_to_write(path):
    if not path:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    if os.path.isdir(path) or path.endswith(os.sep):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if os.path.isfile(path):
        with open(path, "ab"):
            pass
    elif not os.path.exists(path):                      # else it is a pipe, which is not tried
        with contextlib.suppress(FileNotFoundError):
            os.stat(path)                               # too long a name is another error
        with tempfile.TemporaryFile(dir=os.path.dirname(os.path.realpath(path))):
            pass


def picture(path):
    """`path`, if matplotlib can draw there; a type of arguments as `writable` is."""
    try:
        from matplotlib.backend_bases import FigureCanvasBase
    except ImportError:
        raise argparse.ArgumentTypeError(
            "a picture needs matplotlib: pip install 'npadasoft[plot]'") from None
    known = FigureCanvasBase.get_supported_filetypes()
    if Path(path).suffix[1:].lower() not in known:
        raise argparse.ArgumentTypeError(
            f"{path}: the ending of a picture is one of .{', .'.join(sorted(known))}")
    return writable(path)


# ------------------------------------------------------------------ what it shows

def progress(items, what):
    """Each of `items`, and how far it is: tqdm's bar, or a counter where tqdm is not installed.

    On standard error, and on a terminal alone.
    """
    items = list(items)
    if not sys.stderr.isatty():
        yield from items
        return
    try:
        from tqdm import tqdm
    except ImportError:
        yield from _counted(items, what)
    else:
        yield from tqdm(items, desc=what, leave=False)


def _counted(items, what):
    for n, item in enumerate(items, start=1):
        sys.stderr.write(f"\r{what}: {n}/{len(items)}")
        sys.stderr.flush()
        yield item
    sys.stderr.write("\r" + " " * len(f"{what}: {len(items)}/{len(items)}") + "\r")
    sys.stderr.flush()


# ------------------------------------------------------------------ what it writes on

class OutputLost(Exception):
    """Standard output takes no more, for the `reason`, an OSError.

    Itself it is none: a command that expects those of its files does not take it for one of them.
    """

    def __init__(self, reason):
        super().__init__(str(reason))
        self.reason = reason


class _Stream:
    """A text file whose failures are `OutputLost`."""

    def __init__(self, file):
        self._file = file

    def write(self, text):
        """As that of the file."""
        with _lost():
            return self._file.write(text)

    def flush(self):
        """As that of the file."""
        with _lost():
            self._file.flush()

    def __getattr__(self, name):
        return getattr(self._file, name)


@contextlib.contextmanager
def _lost():
    try:
        yield
    except OSError as error:
        raise OutputLost(error) from None


def guarded(run):
    """The status of `run()`; 1 where standard output, or standard error, was closed or is full.

    A reader that has seen enough (`| head`) is told nothing, a full disk is one line.  All that was
    printed has left when this returns: what Python flushes after it would fail without a handler.
    """
    before = [file or open(os.devnull, "w") for file in (sys.stdout, sys.stderr)]   # None: closed
    out, err = map(_Stream, before)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                return run()
            finally:
                out.flush()
                err.flush()
    except OutputLost as lost:
        for file in before:
            _forget(file)
        if lost.reason.errno != errno.EPIPE:
            print(f"npadasoft: the output cannot be written: {sentence(lost.reason)}",
                  file=sys.stderr)
        return 1


def _forget(file):
    """Send to nowhere what the file still holds, if it cannot be written."""
    try:
        file.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, file.fileno())
        os.close(nowhere)
        file.flush()
