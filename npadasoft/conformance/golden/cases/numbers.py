"""Numbers that a reader or a writer of decimal text may damage, and the bits that they must become.

The first thing that a port is asked, before any mathematics.  The text is the same for every
precision where it can be; the patterns come from Python's own correctly rounded conversion.
"""
import struct

_COMMON = ["nan", "inf", "-inf", 0.0, -0.0, 1, -1.0, 3.0, 0.1, -0.3, 1e-3, 123456789,
           0.30000000000000004, 2.718281828459045, 130.65331632653061, 1e22, 1e23]
_FLOAT64 = [1.7976931348623157e308, 2.2250738585072014e-308, 2.225073858507201e-308, 5e-324, 1e-320,
            4.35, 0.5000000000000002, 1.0000000000000002, 8.41e-309, 9007199254740991.0]
_FLOAT32 = [16777217.0, 3.4028234663852886e38, 1.1754943508222875e-38, 1.401298464324817e-45,
            1e-40, 1.0000001192092896, 0.30000001192092896, 16777216.0]


def _bits(value, code: str) -> str:
    return struct.pack(code, float(value)).hex()


NUMBERS = {
    "float64": {"data": _COMMON + _FLOAT64, "bits": [_bits(v, ">d") for v in _COMMON + _FLOAT64]},
    "float32": {"data": _COMMON + _FLOAT32, "bits": [_bits(v, ">f") for v in _COMMON + _FLOAT32]},
}
