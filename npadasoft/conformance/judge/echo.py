"""The self-test of numbers: what a port reads and writes, before any mathematics is blamed."""
from npadasoft.conformance.judge.numbers import hex_bits, round_to
from npadasoft.conformance.judge.verdict import Result
from npadasoft.conformance.judge.writing import READ, form_of
from npadasoft.conformance.wire.process import Fault

CASE = {"id": "IO", "tier": "required", "result": "valid", "flags": ["Numbers"], "config": {},
        "expected": {}, "comment": "numbers keep their bits on the way in and out"}
LOW_FIRST = "bits are written lowest byte first, and the highest is to come first"


def self_test(port, dtype, numbers):
    """Put the numbers of `dtype` to a port.

    Parameters
    ----------
    port : ProcessPort
        Already started.
    dtype : str
    numbers : sequence
        As they are written in JSON: "nan" and "inf" are strings.

    Returns
    -------
    Result
    """
    sent = [float(v) for v in numbers]
    try:
        found = port.echo(dtype, sent)
    except Fault as fault:
        port.restart()
        return Result(CASE, dtype, fault.verdict, message=f"echo: {fault.message}",
                      stderr=fault.stderr, sent=tuple(sent))
    wrongs = [wrong_echoes(dtype, sent, part) for part in found]
    wrong = next((w for w in wrongs if w), None)
    if not wrong:
        return Result(CASE, dtype, sent=tuple(sent))
    where, form = "", None
    if len(found) == 2:
        where = "read wrongly: " if wrongs[0] else f"{READ}, and written wrongly: "
    if wrong == [LOW_FIRST]:
        where = f"{READ}, but "
    if not where.startswith("read wrongly") and len(found[-1]) == len(sent) and all(
            isinstance(v, float) for v in found[-1]):
        form = form_of(round_to(sent, dtype), found[-1], dtype)
    return Result(CASE, dtype, "fail", notes=wrong[1:4], message=where + wrong[0]
                  + "; mend this first: what follows may be wrong for no other reason",
                  rounding=form and form.text(dtype), sent=tuple(sent))


def wrong_echoes(dtype, numbers, found):
    """What a port does to numbers on the way in and out: one sentence each, none if it is right.

    Parameters
    ----------
    dtype : str
    numbers : sequence of float
        What was sent.
    found : sequence
        What came back: bit patterns in hex, or numbers.

    Examples
    --------
    >>> wrong_echoes("float64", [0.5, 0.1], ["3fe0000000000000", 0.1])
    []
    >>> wrong_echoes("float64", [0.1], ["3fb9999999999999"])
    ['0.1 has the bits 3fb999999999999a in float64, the port has 3fb9999999999999']
    """
    if len(found) != len(numbers):
        return [f"{len(numbers)} numbers were sent, {len(found)} came back"]
    rounded = [float(v) for v in round_to(numbers, dtype)]
    wrong = [text for sent, want, got in zip(numbers, rounded, found)
             if (text := _wrong_echo(dtype, sent, want, got))]
    turned = all(isinstance(v, str) and _turned(v) == hex_bits(w, dtype)
                 for v, w in zip(found, rounded) if w == w)
    return [LOW_FIRST] if wrong and turned else wrong


def _turned(bits):
    """Hex digits with their bytes in the opposite order."""
    return "".join(reversed([bits[i:i + 2] for i in range(0, len(bits), 2)]))


def _wrong_echo(dtype, sent, want, got):
    if isinstance(got, float):
        same = float(round_to(got, dtype)) == want or got != got and want != want
        return None if same else f"{sent!r} came back as {got!r}, want {want!r}"
    bits = hex_bits(want, dtype)
    if got == bits or want != want and _is_nan(got, dtype):
        return None
    return f"{sent!r} has the bits {bits} in {dtype}, the port has {got}"


def _is_nan(bits, dtype):
    exponent = {"float64": 0x7ff << 52, "float32": 0xff << 23}[dtype]
    sign = exponent + (exponent & -exponent)
    try:
        value = int(bits, 16)
    except ValueError:
        return False
    return value & exponent == exponent and value & ~exponent & ~sign != 0
