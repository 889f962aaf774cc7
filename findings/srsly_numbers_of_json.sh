#!/usr/bin/env bash
# srsly: 86 % of numbers read from JSON are off, by up to thousands of units in the last place.
#
# Guess: a JSON reader of 2026 gives the float that the text is nearest to, and json_dumps writes one
# that is read back.
# What happens: json_loads is right for texts of few digits, and off by up to 6e-13 of the number for
# those of 16 or 17; json_dumps writes ten decimals, so that 1.5e-10 becomes 2e-10. msgpack_dumps and
# msgpack_loads lose nothing.
# srsly 2.5.6, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile \
    srsly==2.5.6 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import json
import math
import random

import srsly

print("srsly 2.5.6")
draw = random.Random(1)
numbers = [draw.gauss(0, 1) for _ in range(1000)]
read = srsly.json_loads(json.dumps(numbers))
ulps = [abs(a - b) / math.ulp(a) for a, b in zip(numbers, read)]
print(f"json_loads of what Python's json writes: {sum(u > 0 for u in ulps)} of 1000 are off, "
      f"by up to {max(ulps):.0f} units in the last place")
print(f"json_dumps([1 / 3, 1.5e-10]) is {srsly.json_dumps([1 / 3, 1.5e-10])}")
print("by msgpack all come back:", srsly.msgpack_loads(srsly.msgpack_dumps(numbers)) == numbers)
if not sum(u > 0 for u in ulps):
    raise SystemExit("the behaviour has changed")
END
