"""Counts of words and of pieces that packages ship: the best cutoffs, and what a rule costs."""
import importlib.metadata
import importlib.util
import math
import time
from pathlib import Path

import numpy as np
import pytest

from npadasoft.planning.cost import Cost
from npadasoft.planning.optimum import plans, priced

FIGURES = Path(__file__).parents[1] / "figures"
PACKAGES = ("wordfreq", "symspellpy", "wordsegment", "jieba", "dzoseg")
TAILS = (1, 2, 3, 4)
SHARES = {1: (0.06,), 2: (0.02, 0.2), 3: (0.01, 0.07, 0.3), 4: (0.006, 0.035, 0.13, 0.38)}
HIDDEN = Cost(features=512)             # tail i has 512 // 4**(i + 1) hidden units


def rule(n_classes, n_clusters):
    """Cutoffs by a rule of thumb: fixed shares of the classes."""
    return [round(share * n_classes) for share in SHARES[n_clusters]]


def columns(package, name, column=1):
    """Counts in a file of `word count` lines that a package ships."""
    return [float(line.split()[column]) for line in text(package, name).splitlines()]


def text(package, name):
    """What is in a file of an installed package, which is not imported."""
    home = Path(importlib.util.find_spec(package).origin).parent
    return (home / name).read_text(encoding="utf-8-sig")


def pieces(package, name):
    """Probabilities of a unigram vocabulary of SentencePiece, `piece<tab>log-probability` a line.

    A score of 0 is a byte's or a sign's for the start or the end, and no logarithm.
    """
    scores = [float(line.rpartition("\t")[2]) for line in text(package, name).split("\n") if line]
    return [math.exp(score) for score in scores if score < 0]


def shipped():
    """Name -> counts, most frequent first."""
    import wordfreq
    found = {f"wordfreq {name}": list(wordfreq.get_frequency_dict(code, "large").values())
             for name, code in {"English": "en", "French": "fr", "German": "de",
                                "Chinese": "zh"}.items()}
    found["wordfreq Finnish"] = list(wordfreq.get_frequency_dict("fi", "best").values())
    found["symspellpy English"] = columns("symspellpy", "frequency_dictionary_en_82_765.txt")
    found["wordsegment English"] = columns("wordsegment", "unigrams.txt")
    found["jieba Chinese"] = columns("jieba", "dict.txt")
    found["dzoseg, pieces"] = pieces("dzoseg", "models/dzo_unigram_32000.vocab")
    return {name: np.sort(np.asarray(counts, float))[::-1] for name, counts in found.items()}


def exponent(counts):
    """Slope of log count over log rank, ranks 10 to a tenth of the words, equally many a decade."""
    ranks = np.unique(np.geomspace(10, len(counts) / 10, 60).astype(int))
    return -np.polyfit(np.log(ranks), np.log(counts[ranks - 1]), 1)[0]


def table(found, best_of):
    """The table as lines."""
    lines = ["counts               words  exponent  J  best cutoffs                   first  "
             "covers  gain   rule"]
    for name, counts in found.items():
        for best in best_of[name]:
            by_rule = priced(counts, rule(len(counts), len(best.cutoffs)))
            start = f"{name:<20} {len(counts):>6,}  {exponent(counts):8.2f}" if (
                len(best.cutoffs) == 1) else " " * 37
            lines.append(
                f"{start}  {len(best.cutoffs)}  {', '.join(map(str, best.cutoffs)):<29} "
                f"{best.cutoffs[0] / len(counts):6.1%}  {best.coverage:6.1%}  {best.ratio:4.1f}  "
                f"{by_rule.ratio / best.ratio:5.1%}")
    lines += ["", "with hidden sizes 512 // 4**(i+1) in the cost, the head covering 80 % at least:"]
    for name, counts in found.items():
        cuts = [", ".join(map(str, p.cutoffs)) for p in
                plans(counts, TAILS, HIDDEN, min_coverage=0.8)]
        lines.append(f"{name:<20} " + "; ".join(cuts))
    return lines


def draw(found, best_of, path):
    """The best first cutoff and the coverage over the number of words, as a picture."""
    import matplotlib
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "real counts"
    from matplotlib import pyplot
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4.2))
    styles = dict(zip(found, ["-", "--", "-.", ":", (0, (1, 1)), (0, (5, 1)), (0, (3, 1, 1, 1)),
                              (0, (5, 3)), (0, (1, 4))]))
    for name, counts in found.items():
        share = np.cumsum(counts) / counts.sum()
        ranks = np.unique(np.geomspace(1, len(counts), 200).astype(int))
        left.plot(ranks, share[ranks - 1], linestyle=styles[name], label=name)
        right.plot(TAILS, [100 * p.cutoffs[0] / len(counts) for p in best_of[name]],
                   linestyle=styles[name], marker="o", markersize=3)
    left.set(xscale="log", xlabel="most frequent words or pieces", ylabel="part of the text")
    right.set(yscale="log", xlabel="tails", ylabel="best first cutoff, % of them",
              xticks=TAILS)
    left.legend(fontsize=7, loc="upper left")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


@pytest.mark.figures
def test_the_best_cutoffs_of_the_counts_that_packages_ship(capsys):
    for package in PACKAGES:
        pytest.importorskip(package)
    found = shipped()
    versions = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in (*PACKAGES, "numpy"))
    best_of = {name: plans(counts, TAILS) for name, counts in found.items()}
    lines = [f"{versions}; {time.strftime('%Y-%m-%d')}", "", *table(found, best_of)]
    with capsys.disabled():
        print("\n" + "\n".join(lines))
    draw(found, best_of, FIGURES / "planning_real_counts.svg")
    for name, counts in found.items():
        for best in best_of[name]:
            by_rule = priced(counts, rule(len(counts), len(best.cutoffs)))
            assert 0.8 < by_rule.ratio / best.ratio <= 1


def test_the_rule_of_thumb_is_a_list_of_cutoffs():
    for n_clusters in TAILS:
        cutoffs = rule(50_000, n_clusters)
        assert len(cutoffs) == n_clusters and cutoffs == sorted(set(cutoffs))
        assert 0 < cutoffs[0] and cutoffs[-1] < 50_000
