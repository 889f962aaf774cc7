#!/usr/bin/env bash
# NLTK: the probabilities of KneserNeyInterpolated after the start of a sentence add up to 1.05.
#
# Guess: in every context the scores of all words of the vocabulary add up to 1, as they do after any
# other word.
# What happens: nothing precedes the first mark of a sentence's start, so that words after it have
# fewer continuations than kinds; the discount that is handed down is counted by the one and divided
# by the other. The perplexity of a text of such a model is too low.
# nltk 3.10.4, Python 3.11. Seen 2026-11-29.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile \
    nltk==3.10.4 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import nltk
from nltk.lm import KneserNeyInterpolated, WittenBellInterpolated
from nltk.lm.preprocessing import padded_everygram_pipeline

print(f"nltk {nltk.__version__}")
text = [line.split() for line in ("the cat sat on the mat", "the dog sat on the cat",
                                  "a cat ate the rat", "the rat sat")]
found = {}
for model in (KneserNeyInterpolated(3), WittenBellInterpolated(3)):
    model.fit(*padded_everygram_pipeline(3, text))
    for context in (("cat",), ("on", "the"), ("<s>",), ("<s>", "<s>")):
        found[context] = sum(model.score(word, context) for word in model.vocab)
        print(f"{type(model).__name__} after {' '.join(context)}: {found[context]:.6g}")
    if isinstance(model, KneserNeyInterpolated):
        total = found["<s>",]
if abs(total - 1) < 1e-9:
    raise SystemExit("the behaviour has changed")
END
