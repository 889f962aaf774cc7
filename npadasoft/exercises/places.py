"""Exercises on places: which class lives where, how wide a tail is, which row goes where."""
import numpy as np

from npadasoft import cutoffs as cuts
from npadasoft import reference
from npadasoft.exercises.exercise import Case, Exercise, Mistake

CUTOFFS = (3, 5, 9)


# ------------------------------------------------------------------ locate

def _locate_cases():
    names = ("tail", "column", "place")
    return [Case("locate", {"target": y, "cutoffs": CUTOFFS}, names,
                 reference.locate(y, CUTOFFS)) for y in (0, 2, 8, 6, 3, 5, 4)]


def _locate(column=lambda s, i, c: s + i, place=lambda y, i, c: y - c[i], low=0):
    """`locate` with another column or place; a class is in the short-list below c_0 + low."""
    def locate(target, cutoffs):
        if target < cutoffs[0] + low:
            return None, target, None
        i = sum(1 for c in cutoffs[:-1] if c + low <= target) - 1
        return i, column(cutoffs[0], i, cutoffs), place(target, i, cutoffs)
    return locate


LOCATE = Exercise(
    "e01_locate", {"locate": reference.locate}, (reference.locate,), _locate_cases,
    {"cutoff-in-the-wrong-part": Mistake(
        "a class equal to a cutoff is the first of the tail, not the last before it: < and not <=",
        {"locate": _locate(low=1)}),
     "place-is-the-class": Mistake(
         "the place is counted from the first class of the tail: subtract its cutoff",
         {"locate": _locate(place=lambda y, i, c: y)}),
     "place-from-the-short-list": Mistake(
         "the place is counted from this tail's own cutoff, not from that of the first tail",
         {"locate": _locate(place=lambda y, i, c: y - c[0])}),
     "column-is-the-cutoff": Mistake(
         "the columns of the tails follow the short-list one by one: s + i, not cutoffs[i]",
         {"locate": _locate(column=lambda s, i, c: c[i])}),
     "column-from-its-own-cutoff": Mistake(
         "the columns of all tails are counted from the short-list: cutoffs[0] + i, not "
         "cutoffs[i] + i", {"locate": _locate(column=lambda s, i, c: c[i] + i)}),
     "columns-backwards": Mistake(
         "the columns of the tails stand in the order of the tails: s + i, not from the end",
         {"locate": _locate(column=lambda s, i, c: s + len(c) - 2 - i)}),
     "tails-from-one": Mistake(
         "tails are counted from 0, the short-list is none of them",
         {"locate": lambda target, cutoffs: _from_one(*reference.locate(target, cutoffs))})},
    ("Draw the classes as a line and cut it before each cutoff.",
     "The tail is the number of cutoffs that are at most the target, minus 1.",
     "Below cutoffs[0]: (None, target, None). Else (i, cutoffs[0] + i, target - cutoffs[i])."))


def _from_one(tail, column, place):
    return None if tail is None else tail + 1, column, place


# ------------------------------------------------------------------ hidden_size

def _hidden_cases():
    found = [(64, 4.0, 0), (64, 4.0, 1), (100, 4.0, 1), (10, 1.5, 0), (10, 1.5, 2), (3, 4.0, 0)]
    return [Case("hidden_size", dict(zip(("in_features", "div_value", "i"), sizes)), ("size",),
                 reference.hidden_size(*sizes)) for sizes in found]


HIDDEN = Exercise(
    "e02_hidden_size", {"hidden_size": reference.hidden_size}, (reference.hidden_size,),
    _hidden_cases,
    {"power-from-zero": Mistake(
        "tail 0 is divided once already: the power is i + 1",
        {"hidden_size": lambda in_features, div_value, i: int(in_features // div_value**i)}),
     "rounded": Mistake(
         "the quotient is rounded down, never to the nearest",
         {"hidden_size":
          lambda in_features, div_value, i: round(in_features / div_value**(i + 1))}),
     "at-least-one": Mistake(
         "a size of 0 is allowed: that tail is uniform",
         {"hidden_size":
          lambda in_features, div_value, i: max(1, int(in_features // div_value**(i + 1)))}),
     "times-instead-of-power": Mistake(
         "each tail is narrower by the factor div_value than the one before: a power, no product",
         {"hidden_size":
          lambda in_features, div_value, i: int(in_features // (div_value * (i + 1)))}),
     "whole-divisor": Mistake(
         "div_value need not be whole: keep its fraction",
         {"hidden_size":
          lambda in_features, div_value, i: in_features // int(div_value)**(i + 1)})},
    ("Each tail is narrower than the one before it by the same factor.",
     "The divisor of tail i is div_value to the power i + 1.",
     "int(in_features // div_value ** (i + 1))"))


# ------------------------------------------------------------------ route

def _ours(target, cutoffs):
    found = cuts.route(target, cuts.Cutoffs(cutoffs[:-1], cutoffs[-1]))
    return found.head_column, list(found.rows), list(found.relative_target)


def _route_cases():
    names = ("column", "rows", "place")
    batches = [[4, 0, 8, 3, 5, 2, 8], [1, 5, 0], [3], []]
    return [Case("route", {"target": y, "cutoffs": CUTOFFS}, names, _ours(y, CUTOFFS))
            for y in (np.array(batch, dtype=np.int64) for batch in batches)]


def _route(column=lambda y, i, c: c[0] + i, place=lambda y, i, c: y - c[i], low=0,
           order=slice(None)):
    """`route` with another column, place or order; tail i begins at c_i + low."""
    def route(target, cutoffs):
        columns, rows, places = target.copy(), [], []
        for i in range(len(cutoffs) - 1):
            here = (target >= cutoffs[i] + low) & (target < cutoffs[i + 1] + low)
            found = here.nonzero()[0][order]
            columns[found] = column(target[found], i, cutoffs)
            rows.append(found)
            places.append(place(target[found], i, cutoffs))
        return columns, rows, places
    return route


ROUTE = Exercise(
    "e08_route", {"route": _ours}, (cuts.route, cuts.group), _route_cases,
    {"cutoff-in-the-wrong-part": Mistake(
        "a target equal to a cutoff belongs to the tail that begins there: >= cutoffs[i]",
        {"route": _route(low=1)}),
     "place-is-the-class": Mistake(
         "places are counted from the first class of the tail: subtract cutoffs[i]",
         {"route": _route(place=lambda y, i, c: y)}),
     "column-is-the-class": Mistake(
         "in the head a tail is one column for all its classes: s + i",
         {"route": _route(column=lambda y, i, c: y)}),
     "column-is-the-cutoff": Mistake(
         "the columns of the tails follow the short-list one by one: s + i, not cutoffs[i]",
         {"route": _route(column=lambda y, i, c: c[i])}),
     "rows-not-in-order": Mistake(
         "the rows of a tail stand in the order of the batch",
         {"route": _route(order=slice(None, None, -1))})},
    ("It is `locate` for a whole batch; a mask tells which rows live in tail i.",
     "The rows of tail i: ((target >= cutoffs[i]) & (target < cutoffs[i + 1])).nonzero()[0].",
     "Start with column = target.copy(); for each tail, column[rows] = cutoffs[0] + i, and its "
     "places are target[rows] - cutoffs[i]."))

FIRST = (LOCATE, HIDDEN)
SECOND = (ROUTE,)
