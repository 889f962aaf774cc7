#!/usr/bin/env bash
# jieba: 46 % of the words in its dictionary have the same count, 3, and none has 1.
#
# Guess: counts fall off as word counts do: half of all words occur once, a sixth twice.
# What happens: 3 stands for most rare words; 2 is next, and no word has 1. A fit of Zipf's law to
# them, or a plan for a vocabulary cut by frequency, meets a step of 160,000 words.
# jieba 0.42.1, Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile jieba==0.42.1 setuptools || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import logging
from collections import Counter

import jieba

print(f"jieba {jieba.__version__}")
jieba.setLogLevel(logging.ERROR)
jieba.initialize()
counts = Counter(n for n in jieba.dt.FREQ.values() if n)        # prefixes have 0
words = sum(counts.values())
print(f"{words:,} words; with count 1: {counts[1]:,}, 2: {counts[2]:,}, 3: {counts[3]:,}, "
      f"4: {counts[4]:,}")
if counts[1] or counts[3] < 0.4 * words:
    raise SystemExit("the behaviour has changed")
END
