"""Record which names, parameters and keywords CuPy has of those that NumPy has.

    pip install cupy-cuda12x                               # needs neither a driver nor a GPU
    python tests/support/record_cupy_surface.py            # rewrites cupy_surface.json beside it
    python tests/support/record_cupy_surface.py --check    # 1, and the differences

The file is what the static test and the strict stand-in believe about CuPy.  No array is ever made
here: every signature comes from `inspect`, from the first line of a Cython docstring, or, for a
ufunc, from which keywords it calls wrong before it looks at its operands.
"""
import inspect
import json
import re
import sys
from pathlib import Path

import numpy

SURFACE = Path(__file__).with_name("cupy_surface.json")
UFUNC_KEYWORDS = ("out", "where", "casting", "order", "dtype", "subok", "signature", "axis",
                  "axes", "keepdims")
UFUNC_METHODS = ("reduce", "accumulate", "reduceat", "outer", "at")


def plain(signature):
    """A signature without annotations; a default that is no literal becomes None."""
    parameters = []
    for p in signature.parameters.values():
        if p.name == "self":
            continue
        default = p.default
        if default is not p.empty and not isinstance(default, (int, float, str, tuple, type(None))):
            default = None
        parameters.append(p.replace(annotation=p.empty, default=default))
    return str(inspect.Signature(parameters))


def signature_of(function, name):
    """The parameters of `function` as text, or None where nothing records them."""
    try:
        return plain(inspect.signature(function))
    except (ValueError, TypeError):
        pass
    # Cython: "_ndarray_base.sum(self, axis=None, ...) -> _ndarray_base" or "sum(a, int axis=-1)"
    found = re.match(r"(?:\w+\.)?%s\((.*?)\)(?: ->.*)?$" % re.escape(name),
                     (function.__doc__ or "").strip().split("\n")[0])
    if not found:
        return None
    parts = [re.sub(r"^(?:\w+ )?(\*{0,2}\w+)", r"\1", part.strip())
             for part in found.group(1).split(",")]
    return "(" + ", ".join(part for part in parts if part and part != "self") + ")"


def names_in(signature, pattern=r"(?:^\(|, )\*{0,2}([A-Za-z]\w*)"):
    return [] if signature is None else re.findall(pattern, signature)


def keywords_of_numpy(twin, name):
    """NumPy's optional parameters; behind a **kwargs, those that its docstring names."""
    signature = signature_of(twin, name) if callable(twin) else None
    if signature is None or "**" in signature:
        lines = [line for line in (twin.__doc__ or "").split("\n") if f"{name}(" in line]
        signature = (lines or [None])[0]
    return names_in(signature, r"[(,]\s*([A-Za-z]\w*)=")


def synchronises(value):
    """Whether CuPy's own documentation or source says that the call may wait for the device."""
    try:
        text = inspect.getsource(value)
    except (TypeError, OSError):
        text = value.__doc__ or ""
    return bool(re.search(r"synchroni[sz]", text)) and "to avoid" not in text


def ufunc_entry(ufunc, twin):
    """A ufunc's keywords, by asking: CuPy says «Wrong arguments» before it touches a device."""
    def takes(keyword):
        try:
            ufunc(*[1.0] * ufunc.nin, **{keyword: None})
        except TypeError as error:
            return not str(error).startswith("Wrong arguments")
        except Exception:               # it went on to the device, or disliked the value: known
            return True
        return True

    known = [keyword for keyword in UFUNC_KEYWORDS if takes(keyword)]
    numpys = {*UFUNC_KEYWORDS} - ({"axis", "axes", "keepdims"} if twin.signature is None else set())
    return {"kind": "ufunc", "nin": ufunc.nin, "keywords": known,
            "numpy_only": sorted(numpys - {*known}),
            "methods": [name for name in UFUNC_METHODS if hasattr(type(ufunc), name)]}


def entry(value, twin, name, ufunc_type):
    """What is recorded of one name."""
    if isinstance(value, ufunc_type) and isinstance(twin, numpy.ufunc):
        return ufunc_entry(value, twin)
    if isinstance(value, type):
        return {"kind": "type"}
    if not callable(value):
        return {"kind": "attribute"}
    signature = signature_of(value, name)
    extra = [p for p in keywords_of_numpy(twin, name) if p not in names_in(signature)]
    return {"kind": "function", "signature": signature,
            "numpy_only": [] if signature is None or "**" in signature else sorted(set(extra)),
            **({"synchronises": True} if synchronises(value) else {})}


def public(names):
    return sorted(name for name in names if not name.startswith("_"))


def record(cupy):
    """The whole surface, as the JSON file holds it."""
    ours, theirs = set(dir(cupy)), set(dir(numpy))
    array, twin = cupy.ndarray, numpy.ndarray
    special = sorted(n for n in set(dir(array)) & set(dir(twin)) if n.startswith("__"))
    ufunc = type(cupy.exp)
    extra = {n: signature_of(getattr(cupy, n), n) for n in public(ours - theirs)
             if inspect.isfunction(getattr(cupy, n))}
    return {
        "cupy": cupy.__version__, "numpy": numpy.__version__,
        "functions": {n: entry(getattr(cupy, n), getattr(numpy, n), n, ufunc)
                      for n in public(ours & theirs)},
        "missing_functions": public(theirs - ours),
        "extra_functions": extra,
        "methods": {n: entry(getattr(array, n), getattr(twin, n), n, ufunc)
                    for n in public(set(dir(array)) & set(dir(twin)))},
        "missing_methods": public(set(dir(twin)) - set(dir(array))),
        "extra_methods": {n: signature_of(getattr(array, n), n)
                          for n in public(set(dir(array)) - set(dir(twin)))},
        "special_methods": special,
        "missing_special_methods": sorted(n for n in set(dir(twin)) - set(dir(array))
                                          if n.startswith("__")),
    }


def dump(surface):
    """One name a line, so that a difference of two versions reads as a list of names."""
    blocks = []
    for key, value in surface.items():
        if isinstance(value, dict):
            lines = ",\n".join(f"  {json.dumps(n)}: {json.dumps(v)}" for n, v in value.items())
            blocks.append(f" {json.dumps(key)}: {{\n{lines}\n }}")
        else:
            blocks.append(f" {json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def differences(old, new):
    """Lines of the two texts that only one of them has."""
    before, after = old.splitlines(), new.splitlines()
    return [f"- {line}" for line in before if line not in after] + [
        f"+ {line}" for line in after if line not in before]


def main(argv):
    import cupy
    text = dump(record(cupy))
    if "--check" not in argv:
        SURFACE.write_text(text)
        return 0
    found = differences(SURFACE.read_text(), text)
    print("\n".join(found) or f"the recorded surface is that of CuPy {cupy.__version__}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
