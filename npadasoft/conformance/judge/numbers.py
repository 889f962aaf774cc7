"""The number types of a port, and how far a right answer may be off in each."""
import numpy as np

# name -> significant bits, smallest exponent of a normal number
_TYPES = {"float64": (53, -1022), "float32": (24, -126), "float16": (11, -14),
          "bfloat16": (8, -126)}
_LARGEST = {"float64": float(np.finfo(np.float64).max), "float32": float(np.finfo(np.float32).max),
            "float16": 65504.0, "bfloat16": float(np.ldexp(255.0, 120))}


def precision(dtype):
    """Significant bits."""
    return _TYPES[dtype][0]


def unit(dtype):
    """u, the unit roundoff: half the gap between 1 and the next number."""
    return 2.0 ** -precision(dtype)


def tiny(dtype):
    """The smallest subnormal number."""
    bits, lowest = _TYPES[dtype]
    return 2.0 ** (lowest - bits + 1)


def round_to(values, dtype):
    """float64 numbers rounded to the nearest of `dtype`, as float64.

    Examples
    --------
    >>> float(round_to(0.1, "float32")), float(round_to(0.1, "bfloat16"))
    (0.10000000149011612, 0.10009765625)
    """
    values = np.asarray(values, dtype=np.float64)
    if dtype == "float64":
        return values
    bits, lowest = _TYPES[dtype]
    _, exponent = np.frexp(values)                      # |values| in [1/2, 1) · 2^exponent
    step = np.maximum(exponent, lowest + 1) - bits      # exponent of the last place
    with np.errstate(invalid="ignore", over="ignore"):
        rounded = np.ldexp(np.rint(np.ldexp(values, -step)), step)
        too_large = np.abs(rounded) > _LARGEST[dtype]
    return np.where(too_large, np.copysign(np.inf, values), rounded)


def ulp64(values):
    """Distance to the next double, elementwise."""
    with np.errstate(invalid="ignore"):
        return np.spacing(np.abs(values))


def hex_bits(value, dtype):
    """Bit pattern in hex, most significant digit first: 16 digits, 8 for float32."""
    kind = {"float64": ">f8", "float32": ">f4"}[dtype]
    return np.array(value).astype(kind).tobytes().hex()
