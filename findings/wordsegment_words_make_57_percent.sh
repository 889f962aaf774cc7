#!/usr/bin/env bash
# wordsegment: the probabilities of all its words add up to 0.574.
#
# Guess: it divides each count by the sum of the counts.
# What happens: it divides by 1,024,908,267,229, the size of the corpus; its 333,213 words have 57 %
# of that. A word of its list is made rarer by 1.7, and what is missing is given to no word.
# wordsegment 1.3.1, Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile wordsegment==1.3.1 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import wordsegment

print(f"wordsegment {wordsegment.__version__}")
segmenter = wordsegment.Segmenter()
segmenter.load()
total = sum(segmenter.score(word) for word in segmenter.unigrams)
print(f"{len(segmenter.unigrams):,} words, probabilities add up to {total:.6f}; "
      f"the rarest is counted {min(segmenter.unigrams.values()):,.0f} times")
if abs(total - 1) < 0.01:
    raise SystemExit("the behaviour has changed")
END
