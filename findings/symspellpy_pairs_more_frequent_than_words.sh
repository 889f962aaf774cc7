#!/usr/bin/env bash
# symspellpy: "of the" is counted thirteen times as often as "of".
#
# Guess: a pair of words is at most as frequent as each of them.
# What happens: of the 242,342 pairs of its English dictionary 91,348, more than a third, have a
# larger count than one of their words. The two files count different corpora, and a probability of
# a word given the one before it, made of both, is beyond 1.
# symspellpy 6.10.1, Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile symspellpy==6.10.1 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import importlib.util
from pathlib import Path

HOME = Path(importlib.util.find_spec("symspellpy").origin).parent
print("symspellpy 6.10.1")


def lines(name):
    return [line.split() for line in (HOME / name).read_text(encoding="utf-8-sig").splitlines()]


words = {word: int(n) for word, n in lines("frequency_dictionary_en_82_765.txt")}
pairs = [(a, b, int(n)) for a, b, n in lines("frequency_bigramdictionary_en_243_342.txt")]
above = [pair for pair in pairs if pair[2] > min(words.get(pair[0], 0), words.get(pair[1], 0))]
for a, b, n in sorted(above, key=lambda pair: -pair[2])[:3]:
    print(f'"{a} {b}" {n:,}, "{a}" {words[a]:,}, "{b}" {words[b]:,}')
print(f"{len(above):,} of {len(pairs):,} pairs are more frequent than one of their words")
if len(above) < 0.1 * len(pairs):
    raise SystemExit("the behaviour has changed")
END
