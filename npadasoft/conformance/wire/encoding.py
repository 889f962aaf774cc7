"""Requests and answers as JSON: written for a port, and read with messages for its author."""
import math

import numpy as np

from npadasoft.conformance.wire.messages import (DTYPES, LINEAR, OPS, PROTOCOL, WEIGHTS, Answer,
                                                 PortInfo, is_integer, matches, weight_of)
from npadasoft.conformance.wire.strict_json import AS_IN, printable, word_for

MOST_AXES = 8


class BadMessage(ValueError):
    """A message that does not keep to the protocol; the text is for the author of the port."""


def encode_tensor(name, array):
    """{"shape", "data"}: flat, C order; nan and inf are strings."""
    array = np.asarray(array)
    data: list
    if is_integer(name):
        data = [int(v) for v in array.ravel()]
    else:
        numbers = array.astype(np.float64).ravel().tolist()
        data = [v if math.isfinite(v) else str(v) for v in numbers]
    return {"shape": list(array.shape), "data": data}


def encode_request(request, seq):
    """The message of `Request`, of the kind `run` or `shapes`."""
    if request.op == "shapes":
        return {"cmd": "shapes", "seq": seq, "id": request.id, "dtype": request.dtype,
                "config": request.config}
    groups = {group: {name: encode_tensor(name, a) for name, a in getattr(request, group).items()}
              for group in ("params", "inputs", "cotangents", "tangents")
              if group != "tangents" or request.tangents}
    return {"cmd": "run", "seq": seq, "id": request.id, "op": request.op, "dtype": request.dtype,
            "config": request.config, **groups, "want": list(request.want)}


def decode_answer(message, request):
    """The `Answer` in a message to `request`, whose arrays have the port's dialect.

    Raises
    ------
    BadMessage
        If it is none; the text says what to write.
    """
    if error := decode_error(message):
        return Answer(error=error)
    if message.get("skipped") is True:
        url = message.get("issue_url")
        return Answer(skipped=(_text(message.get("reason") or "no reason given"),
                               None if url is None else _text(url)))
    key = "shapes" if request.op == "shapes" else "results"
    found = message.get(key)
    if key in message and not isinstance(found, dict):
        raise BadMessage(f'"{key}" is an object with the names as its keys; found '
                         f"{describe(found)}")
    if key not in message:
        raise BadMessage(f'an answer to {request.op} holds "{key}", "error" or "skipped"; '
                         f"found the keys {_text(', '.join(message))}")
    if key == "shapes":
        return Answer(shapes={name: decode_shape(value, name) for name, value in found.items()})
    return _results(found, request)


def decode_error(message):
    """(kind, message) of an answer that is an error; None of another."""
    error = message.get("error")
    if error is None:
        return None
    if not isinstance(error, dict):
        raise BadMessage('"error" is an object with "kind" and "message", but found another value'
                         f"{AS_IN}{describe(error)}")
    return _text(error.get("kind", "other"), 40), _text(error.get("message", ""))


def _results(found, request):
    results, notes = {}, []
    for name in request.want:
        if name not in found:
            continue
        value = found[name]
        if value is None and name.startswith(("grad.tail.", "hvp.tail.", "grad.bands.")):
            weight = request.params.get(weight_of(name))
            if weight is not None:
                notes.append(f"{name}: null was read as zeros of full shape")
                results[name] = np.zeros(weight.shape)
                continue
        results[name] = decode_tensor(value, name)
    unasked = tuple(_text(name, 60) for name in found if name not in request.want)
    return Answer(results=results, notes=tuple(notes), unasked=unasked)


def decode_shape(value, name):
    """A shape: a tuple of a few non-negative Python ints."""
    good = isinstance(value, list) and len(value) <= MOST_AXES and all(
        type(n) in (int, float) and 0 <= n < 2**63 and n == int(n) for n in value)
    if not good:
        raise BadMessage(f"a shape is a list of at most {MOST_AXES} integers >= 0; found "
                         f"{describe(value)}{AS_IN}{_text(name, 60)}{_listed(value)}")
    return tuple(int(n) for n in value)


def decode_tensor(value, name):
    """The float64 array of {"shape", "data"}; nothing is allocated before the two agree."""
    if not isinstance(value, dict) or "shape" not in value or "data" not in value:
        raise BadMessage('a tensor is written {"shape": [...], "data": [...]}, flat; found '
                         f"{describe(value)}{AS_IN}{name}")
    shape, data = decode_shape(value["shape"], name), value["data"]
    if not isinstance(data, list):
        raise BadMessage(f"data is one flat list of numbers; found {describe(data)}{AS_IN}{name}")
    if any(isinstance(v, list) for v in data):
        raise BadMessage("data is one flat list of numbers, row after row, and nested here"
                         f"{AS_IN}{name}")
    if math.prod(shape) != len(data):
        raise BadMessage(f"shape {list(shape)} holds {math.prod(shape)} numbers, "
                         f"but data has {len(data)}{AS_IN}{name}")
    return np.array([decode_number(v, name, i) for i, v in enumerate(data)],
                    dtype=np.float64).reshape(shape)


def decode_number(value, name, i):
    """A float; nan and infinities are strings."""
    if type(value) in (int, float):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    if isinstance(value, str) and value.strip().lower() in ("nan", "inf", "-inf", "+inf"):
        return float(value)
    word = word_for(value) if isinstance(value, str) else None
    if word:
        raise BadMessage('write one of the strings "nan", "inf" and "-inf"'
                         f'{AS_IN}{name}[{i}]: "{word}" for {describe(value)}')
    raise BadMessage('a number must stand here ("nan", "inf" and "-inf" are strings); '
                     f"found {describe(value)}{AS_IN}{name}[{i}]")


def describe(value):
    """What a JSON value is, in a few words."""
    if value is None:
        return "null"
    if isinstance(value, dict):
        keys = _text(", ".join(value), 80)
        return f"an object with the keys {keys}" if value else "an empty object"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return _text(repr(value), 60)


def _listed(value):
    """A list as it is, where it is short."""
    short = isinstance(value, list) and len(value) <= MOST_AXES
    return f": [{', '.join(map(describe, value))}]" if short else ""


def _text(value, longest=300):
    return printable(value if isinstance(value, str) else describe(value), longest)


def decode_info(message):
    """The `PortInfo` in the answer to `start`."""
    if message.get("protocol") != PROTOCOL:
        raise BadMessage(f"the port speaks protocol {describe(message.get('protocol'))}, "
                         f"this is protocol {PROTOCOL}")
    who = message.get("implementation")
    who = who if isinstance(who, dict) else {}
    dtypes = _names(message, "dtypes", DTYPES)
    layout, base = message.get("layout", "out_in"), message.get("index_base", 0)
    values = layout.values() if isinstance(layout, dict) else [layout]
    if any(v not in ("out_in", "in_out") for v in values):
        raise BadMessage('layout is "out_in", "in_out" or an object {pattern: one of these}; '
                         f"found {describe(layout)}")
    for pattern, value in layout.items() if isinstance(layout, dict) else ():
        if value == "in_out" and not _names_a_weight(pattern):
            raise BadMessage(f"layout: {_text(pattern, 60)} is the name of no weight: they are "
                             f"{', '.join(WEIGHTS)}, where * stands for one part")
    if base not in (0, 1) or isinstance(base, bool):
        raise BadMessage(f"index_base is 0 or 1; found {describe(base)}")
    return PortInfo(name=_text(who.get("name", "a port without a name"), 80),
                    version=_text(who.get("version", ""), 40),
                    language=_text(who.get("language", ""), 40),
                    dtypes=dtypes, ops=_names(message, "ops", OPS + LINEAR),
                    trace=_names(message, "trace", None), layout=layout, index_base=base,
                    unknown=tuple(_text(v, 40) for key, known in (
                        ("dtypes", DTYPES), ("ops", OPS + LINEAR))
                        for v in message[key][:100] if v not in known))


def _names_a_weight(pattern):
    """Whether a name, or a pattern, fits a weight of some layer."""
    tail, _, rest = pattern.partition(".")
    number, _, rest = rest.partition(".")
    first = f"tail.0.{rest}" if tail == "tail" and number.isdigit() else pattern
    return any(matches(first, name.replace("*", "0", 1)) for name in WEIGHTS)


def _names(message, key, known):
    found = message.get(key, [] if known is None else None)
    if not isinstance(found, list) or not all(isinstance(v, str) and len(v) <= 100 for v in found):
        raise BadMessage(f'"{key}" is a list of names; found {describe(found)}')
    if known is not None and not set(found) & set(known):
        raise BadMessage(f'"{key}" names none of {", ".join(known)}; '
                         f"found {_text(str(found), 120)}")
    return tuple(v for v in found[:100] if known is None or v in known)
