#!/usr/bin/env bash
# hjson: -0.0 is read as the integer 0, and 1.0 and 1E5 as integers.
#
# Guess: what has a point or an exponent is a float, as in Python's json, and keeps its sign.
# What happens: whole numbers come back as int whatever their text, and with that the sign of -0.0
# is gone: 1 / x of what was written as -0.0 has the wrong sign or raises.
# hjson 3.1.0 (Python), Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile hjson==3.1.0 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import json

import hjson

print("hjson 3.1.0")
texts = ["-0.0", "1.0", "1E5", "0.1e1", "0.5"]
for text in texts:
    print(f"{text}: hjson {hjson.loads(f'[{text}]')[0]!r}, json {json.loads(text)!r}")
if not isinstance(hjson.loads("[-0.0]")[0], int) or hjson.loads("[0.5]")[0] != 0.5:
    raise SystemExit("the behaviour has changed")
END
