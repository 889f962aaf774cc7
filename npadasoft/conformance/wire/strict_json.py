"""JSON read strictly and within bounds: what a port prints is the work of a stranger.

A line is at most `LONGEST_LINE` bytes, holds at most `MOST_VALUES` values and `MOST_CONTAINERS`
lists and objects, so that reading one takes less than 1 GiB however it was made.  They may stand
`DEEPEST` deep in one another; how deep Python's own reader goes differs from version to version.
Duplicate keys, bare NaN and Infinity, and invalid UTF-8 are refused, each with a message that says
what to write instead.
"""
import json
import re
from itertools import accumulate

LONGEST_LINE = 64 * 2**20       # bytes
MOST_VALUES = 2**21
MOST_CONTAINERS = 2**16
DEEPEST = 64            # what is agreed upon needs five
INSTEAD = {"none": "null", "nil": "null", "null": "null", "na": '"nan"', "true": "true",
           "false": "false"}
AS_IN = "; as in "       # between what is wrong and where it is, which differs from case to case
IN_LINE = AS_IN + "the line "
_WORD = re.compile(r"([-+]?)(nan|inf(inity)?)\b", re.IGNORECASE)   # as C, Octave and R print them
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.S)      # the last may have no end
_NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))


class BadJson(ValueError):
    """The text is not the JSON that was agreed upon."""


def loads(line):
    """The value of one line of JSON.

    Parameters
    ----------
    line : bytes

    Raises
    ------
    BadJson
        With a message for the author of the port.

    Examples
    --------
    >>> loads(b'{"seq": 1, "data": [0.5, "nan"]}')
    {'seq': 1, 'data': [0.5, 'nan']}
    """
    _check_size(line)
    try:
        return json.loads(line.decode("utf-8"), parse_constant=_refuse_constant,
                          object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        raise BadJson(f"invalid UTF-8 at byte {error.start}{IN_LINE}{excerpt(line)}") from None
    except json.JSONDecodeError as error:
        text = line.decode("utf-8")
        _refuse_word(text[error.pos:error.pos + 12])
        what = _help(text, error.pos) or error.msg
        raise BadJson(f"no JSON ({what} at character {error.pos}){IN_LINE}"
                      + _around(text, error.pos)) from None
    except BadJson:
        raise
    except ValueError as error:                 # an integer of more than 4300 digits
        raise BadJson(f"no number that can be read: {printable(str(error), 120)}") from None


def _check_size(line):
    if len(line) > LONGEST_LINE:
        raise BadJson(f"a line of more than {LONGEST_LINE // 2**20} MiB")
    if line.count(b",") > MOST_VALUES:
        raise BadJson(f"more than {MOST_VALUES} values in one line")
    if line.count(b"[") + line.count(b"{") > MOST_CONTAINERS:
        raise BadJson(f"more than {MOST_CONTAINERS} lists and objects in one line, or nested too "
                      "deeply: a tensor's data is one flat list")
    if _depth(line) > DEEPEST:
        raise BadJson(f"nested too deeply, more than {DEEPEST} lists and objects in one another: "
                      "a tensor's data is one flat list")


def _depth(line):
    """How deep lists and objects stand in one another; where brackets are too few for it, none."""
    if line.count(b"[") + line.count(b"{") <= DEEPEST:
        return 0
    brackets = _STRING.sub(b"", line).translate(None, _NO_BRACKET)
    return max(accumulate(1 if bracket in b"[{" else -1 for bracket in brackets), default=0)


def _refuse_constant(word):
    raise BadJson(f'the bare word {word} is no JSON: write the string "{word_for(word)}"')


def _refuse_word(text):
    """Help with Inf, -nan, ... where JSON ends: -Inf is read up to its sign."""
    found = _WORD.match(text)
    if found:
        _refuse_constant(found[0])


def _help(text, at):
    """What is wrong with JSON at a place, in plainer words than its reader's; "" if unknown."""
    if text.startswith("\ufeff"):
        return "a byte order mark, write none,"
    if text.strip() and not text[at:].strip():
        return "the line ends too early, one answer is one line,"
    before, here = text[:at].rstrip()[-1:], text[at:].lstrip()[:1]
    after = text[at + 1:].lstrip()[:1]
    if before == "," and here in ("]", "}") or here == "," and after in ("]", "}"):
        return "a comma behind the last value,"
    if here == "'":
        return "' for \","
    if here == "." and after.isdigit() or here == "-" and after == ".":
        return "a number without a digit before the point,"
    if here == "." and before.isdigit():
        return "a number without a digit behind the point,"
    if here == "+":
        return "a number with a + before it,"
    word = re.compile(r"[A-Za-z_]\w*").match(text, at)
    if not word or before not in ("", ":", ",", "["):
        return ""
    instead = INSTEAD.get(word[0].lower())
    return f"the bare word {printable(word[0], 20)}," + (f" write {instead}," if instead else "")


def _around(text, at):
    """The text around a place, whole words."""
    if not text.strip():
        return excerpt(b"")
    start = text.rfind(" ", 0, at - 40) + 1 if at > 60 else 0
    return "... " * (start > 0) + printable(text[start:at + 60], at - start + 50)


def word_for(text):
    """What stands for nan or an infinity in an answer, however `text` has it; None if it is none.

    Examples
    --------
    >>> word_for("-NaN"), word_for("+INFINITY"), word_for("-Inf"), word_for("one")
    ('nan', 'inf', '-inf', None)
    """
    found = _WORD.fullmatch(text.strip())
    if not found:
        return None
    kind = found[2].lower()[:3]
    return "nan" if kind == "nan" else "-inf" if found[1] == "-" else "inf"


def _object(pairs):
    result = dict(pairs)
    if len(result) < len(pairs):
        keys = sorted(key for key, _ in pairs)
        twice = next(key for key, after in zip(keys, keys[1:]) if key == after)
        raise BadJson(f'the key "{printable(twice, 40)}" comes twice in one object')
    return result


def printable(text, longest=300):
    """`text` on one line, without control characters, cut to `longest` behind a word: safe in a
    terminal.
    """
    cut = text[:longest]
    if len(text) > longest and text[longest] != " " and " " in cut[longest // 2:]:
        cut = cut[:cut.rfind(" ")]
    shown = "".join(c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode()
                    for c in cut)
    return shown if len(text) <= longest else shown + " ..."


def excerpt(line, longest=80):
    """The start of a line of bytes, as text that is safe to show."""
    return printable(line[:longest + 1].decode("utf-8", "replace"), longest) or "(an empty line)"
