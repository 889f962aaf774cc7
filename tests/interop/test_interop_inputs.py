"""Adaptive inputs of other projects, written by their own code, give their own numbers."""
from pathlib import Path

import numpy as np
import pytest

from npadasoft.adaptive_input import AdaptiveInput
from npadasoft.interop import files, inputs

DATA = Path(__file__).parents[1] / "data"
U = 2.0**-53
THEIRS = [("fairseq_input", inputs.from_fairseq_input, None, False),
          ("hf_input", inputs.from_transfo_xl_input, None, True),
          ("hf_input_shared", inputs.from_transfo_xl_input, [3, 7], True),
          ("hf_input_plain", inputs.from_transfo_xl_input, [3, 7], True)]


def found_in(name, convert, cutoffs, scaled):
    weights = files.read(DATA / f"{name}.pt")
    with np.load(DATA / f"{name}_numbers.npz") as archive:
        numbers = dict(archive)
    args = (weights,) if cutoffs is None else (weights, cutoffs)
    bands = convert(*args)
    embed = AdaptiveInput(8, 12, [3, 7], 2.0, scaled=scaled, rng=0).with_parameters(bands)
    return convert, weights, numbers, embed


@pytest.mark.parametrize("case", THEIRS, ids=[name for name, *_ in THEIRS])
def test_their_weights_give_their_vectors_and_gradients(case):
    """Sums of at most 6 products, gradients of at most 8: (n + 1) u of the terms' absolute sum."""
    convert, weights, numbers, embed = found_in(*case)
    output, cache = embed.forward(numbers["index"])
    absolute = embed.with_parameters(embed.parameters.map(abs))
    bound = 2 * 10 * U * absolute(numbers["index"])
    assert (abs(output - numbers["output"]) <= bound).all()
    theirs = {name[5:]: a for name, a in numbers.items() if name.startswith("grad.")}
    cutoffs = case[2]
    wanted = convert(theirs, cutoffs) if cutoffs else convert(theirs)
    _, absolute_cache = absolute.forward(numbers["index"])
    bounds = dict(absolute.backward(absolute_cache, abs(numbers["upstream"])).items())
    found = dict(embed.backward(cache, numbers["upstream"]).items())
    if case[0] == "hf_input_shared":            # one projection for all bands: its gradients add up
        total = sum(found[f"bands.{b}.projection"] for b in range(3))
        found |= {f"bands.{b}.projection": total for b in range(3)}
        bounds |= {f"bands.{b}.projection": sum(bounds[f"bands.{b}.projection"] for b in range(3))
                   for b in range(3)}
    for path, leaf in wanted.items():
        assert (abs(found[path] - leaf) <= 2 * 20 * U * bounds[path]).all(), path


def test_gluons_projections_stand_as_ours_do():
    rng = np.random.default_rng(0)
    weights = {"embed0_weight": rng.normal(size=(3, 6)), "embed1_weight": rng.normal(size=(4, 3)),
               "inter_proj0_weight": rng.normal(size=(6, 8)),
               "inter_proj1_weight": rng.normal(size=(3, 8))}
    bands = inputs.from_gluon_nlp_input(weights).bands
    assert np.array_equal(bands[1].projection, weights["inter_proj1_weight"])
    table = {"embed0_weight": rng.normal(size=(7, 8))}
    whole = inputs.from_gluon_nlp_input(table, [3])
    assert [path for path, _ in whole.items()] == ["bands.0.embedding", "bands.1.embedding"]
    assert np.array_equal(whole.bands[1].embedding, table["embed0_weight"][3:])


@pytest.mark.parametrize("convert, weights, text", [
    (inputs.from_fairseq_input, {"x": 1}, "no place in the layer: 'x'"),
    (inputs.from_fairseq_input, {"embeddings.0.0.weight": np.ones((2, 2))},
     "there is no 'embeddings.0.1.weight'"),
    (inputs.from_transfo_xl_input, {"emb_layers.0.weight": np.ones((5, 2))},
     "one table holds all 5 classes: cutoffs= must name"),
    (inputs.from_gluon_nlp_input, {
        "embed0_weight": np.ones((5, 2)), "embed1_weight": np.ones((5, 2)),
        "inter_proj0_weight": np.ones((2, 2))}, "2 tables, but 1 projections")])
def test_what_is_missing_or_left_over_is_named(convert, weights, text):
    with pytest.raises(ValueError, match=text):
        convert(weights)
