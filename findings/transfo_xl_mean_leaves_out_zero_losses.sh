#!/usr/bin/env bash
# transformers' TransfoXL: the model's loss is a mean over the losses that are not 0.
#
# Guess: the loss of four tokens, two of them certain and two costing 200, is 100 a token.
# What happens: it is 200. A token that the model becomes sure of leaves the mean instead of
# lowering it, so that being right more often raises the reported loss.
# transformers 4.35.2 on torch 2.13.0, Python 3.11. Seen 2026-11-28.
#
# Exits 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be had.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile \
    torch==2.13.0 transformers==4.35.2 numpy==1.26.4 || exit 2
"$folder/venv/bin/python" -W ignore - <<'END'
import torch
import transformers

print(f"transformers {transformers.__version__}, torch {torch.__version__}")
config = transformers.TransfoXLConfig(
    vocab_size=6, cutoffs=[2, 4], d_model=8, d_embed=8, n_head=2, d_head=4, d_inner=8, n_layer=1,
    div_val=1, mem_len=4, proj_share_all_but_first=False, tie_word_embeddings=False)
model = transformers.TransfoXLLMHeadModel(config).eval()
with torch.no_grad():
    for parameter in model.crit.parameters():
        parameter.zero_()
    model.crit.out_layers[0].bias[0] = 200         # word 0 is certain, everywhere
    words = torch.tensor([[0, 1, 0, 1, 0]])        # the losses are those of the last four
    result = model(words, labels=words)
mean = result.losses.mean().item()
print(f"losses {result.losses.tolist()}: mean {mean}, the model's loss {result.loss.item()}")
if result.loss.item() == mean:
    raise SystemExit("the behaviour has changed: all losses are in the mean")
END
