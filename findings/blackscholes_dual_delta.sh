#!/usr/bin/env bash
# blackscholes: dual_delta of a call is positive, though its price falls with the strike.
#
# Guess: dual_delta is, as its page says, the first derivative of the price with respect to the
# strike.
# What happens: the call's has the sign reversed, the put's is right; what is made of calls
# inherits it.
# blackscholes 0.2.2, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile blackscholes==0.2.2 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
from importlib.metadata import version

from blackscholes import BlackScholesCall, BlackScholesPut

print(f"blackscholes {version('blackscholes')}")
market = {"S": 55.0, "T": 1.0, "r": 0.0025, "sigma": 0.15, "q": 0.0}
for kind in BlackScholesPut, BlackScholesCall:
    answered = kind(K=50.0, **market).dual_delta()
    right = (kind(K=50.001, **market).price() - kind(K=49.999, **market).price()) / 0.002
    print(f"{kind.__name__}: dual_delta {answered:.6f}, differences of the price {right:.6f}")
if answered < 0:
    raise SystemExit("the behaviour has changed")
END
