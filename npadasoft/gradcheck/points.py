"""Several points or seeds in one report: of each tensor the worst."""
import numpy as np

from npadasoft.gradcheck.verdicts import PRECEDENCE, worst


def merged(reports):
    """One report for those of k seeds: per tensor the worst verdict, then the largest ratio."""
    first = reports[0]
    for k, tensor in enumerate(first.tensors):
        rows = [report.tensors[k] for report in reports]
        for row, report in zip(rows, reports):
            row.seed = report.seed
        first.tensors[k] = min(rows, key=_badness)
    first.points = len(reports)
    first.notes = list(dict.fromkeys(note for report in reports for note in report.notes))
    first.evaluations = {name: sum(report.evaluations[name] for report in reports)
                         for name in first.evaluations}
    seconds = [report.second_order for report in reports if report.second_order]
    if seconds:
        decides = worst(one["verdict"] for one in seconds)
        first.second_order = next(one for one in seconds if one["verdict"] == decides)
    equations = [entry for report in reports for entry in report.equations]
    first.equations = [min((e for e in equations if e["name"] == name),
                           key=lambda e: PRECEDENCE.index(e["verdict"]))
                       for name in dict.fromkeys(e["name"] for e in equations)]
    return first


def _badness(tensor):
    return PRECEDENCE.index(tensor.verdict), -(tensor.ratio or 0.0)


def drawn(params, seed):
    """The point of a seed: `params`, or what it returns for a generator."""
    return params(np.random.default_rng([seed, 0x70])) if callable(params) else params
