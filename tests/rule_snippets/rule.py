# The rule: |got - want| <= 1.01 err u + ulp(want)/2 + tiny; equal where the case is exact for you.
import math


# float32: bits=24, u=2.0**-24, tiny=64 * 1.4e-45
def passes(tensor, got, bits=53, u=2.0**-53, tiny=64 * 5e-324):
    """tensor: one expected tensor of a case; got: your numbers, flat, in C order."""
    exact = tensor.get("exact_bits", 99) <= bits
    limits = tensor.get("err") or tensor.get("err_sharp") or [0.0] * len(tensor["data"])
    for want, err, number in zip(map(float, tensor["data"]), limits, got):
        err *= abs(want) if "err_sharp" in tensor else 1.0        # a sharp bound is relative
        bound = 0.0 if exact else 1.01 * err * u + math.ulp(want) / 2 + tiny
        if not (number == want or abs(number - want) <= bound or number != number and want != want):
            return False
    return len(got) == len(tensor["data"])
