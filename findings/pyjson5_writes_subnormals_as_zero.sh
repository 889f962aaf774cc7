#!/usr/bin/env bash
# pyjson5: floats below 2.2e-308 are written as 0.0.
#
# Guess: a writer of JSON gives text that reads back as the same float, or says that it cannot.
# What happens: every subnormal number becomes "0.0"; its reader takes them all right. All other
# floats of this trial survive bit for bit.
# pyjson5 2.0.1, Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile pyjson5==2.0.1 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import random

import pyjson5

print("pyjson5 2.0.1")
random.seed(0)
for name, floats in {"subnormal": [random.uniform(-2e-308, 2e-308) for _ in range(1000)],
                     "normal": [random.gauss(0, 1) for _ in range(1000)]}.items():
    lost = sum(float(pyjson5.dumps(x)) != x for x in floats)
    read = sum(pyjson5.loads(repr(x)) != x for x in floats)
    print(f"{name} floats: {lost} of 1000 written wrong, {read} of 1000 read wrong; "
          f"the first, {floats[0]!r}, is written as {pyjson5.dumps(floats[0])}")
    if (lost == 0) == (name == "subnormal"):
        raise SystemExit("the behaviour has changed")
END
