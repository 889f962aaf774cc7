"""Applies the rule to lines of {"tensor": ..., "got": [...]}."""
import json
import sys

from rule import passes

for line in sys.stdin:
    case = json.loads(line)
    print(str(passes(case["tensor"], [float(v) for v in case["got"]])).lower())
