"""From class counts to cutoffs: the paper's cost model, solved exactly.

    counts.py       a file of counts, a text or a Zipf law
    cost.py         what a softmax costs
    optimum.py      the cheapest cutoffs, by dynamic programming
    calibration.py  the cost constants of this machine
    plot.py         the picture (matplotlib)
    command.py      `npadasoft plan`

Fix the number of tails (1 to 4, as the paper did), take the cutoffs of least cost without hidden
sizes, choose those afterwards, and let perplexity decide: the model knows nothing of accuracy.
"""

from npadasoft.planning.calibration import calibrate
from npadasoft.planning.command import main
from npadasoft.planning.cost import Cost
from npadasoft.planning.counts import (by_frequency, descending, parse_counts, read_counts,
                                       text_counts, text_words, zipf_counts)
from npadasoft.planning.optimum import Plan, plan, plans, priced

__all__ = ["Cost", "Plan", "by_frequency", "calibrate", "descending", "main", "parse_counts",
           "plan", "plans", "priced", "read_counts", "text_counts", "text_words", "zipf_counts"]
