"""Two reports of a port, held against each other: what was fixed, and what broke."""
import json

FINE = ("pass", "skipped", "incomplete")
LISTED = 20


def difference(old, new):
    """What changed between two reports in JSON.

    Parameters
    ----------
    old, new : path
        As `npadasoft conform --report FILE.json` writes them.

    Returns
    -------
    text : str
    broke : bool
        Whether a case failed that did not fail before.

    Raises
    ------
    ValueError
        If a file is no report.
    """
    before, after = _verdicts(old), _verdicts(new)
    both = [key for key in after if key in before]
    kinds = {
        "fixed": [k for k in both if before[k] not in FINE and after[k] == "pass"],
        "broken": [k for k in after if after[k] not in FINE and before.get(k, "pass") in FINE],
        "no longer asked or answered": [k for k in before if before[k] == "pass"
                                        and after.get(k, "skipped") in ("skipped", "incomplete")],
        "new": [k for k in after if k not in before and after[k] in FINE]}
    lines = [f"{kind}: {len(keys)}{_listed(keys, before, after)}"
             for kind, keys in kinds.items() if keys]
    changed = {key for keys in kinds.values() for key in keys}
    return "\n".join([*lines, f"unchanged: {len(set(both) - changed)}"]), bool(kinds["broken"])


def _verdicts(path):
    """(id, dtype) -> verdict of a report."""
    with open(path, encoding="utf-8") as file:
        try:
            cases = json.load(file)["cases"]
            return {(case["id"], case["dtype"]): str(case["verdict"]) for case in cases}
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{path}: no report that `npadasoft conform --report FILE.json` "
                             "wrote") from None


def _listed(keys, before, after):
    shown = [f"{id} {dtype} ({before.get((id, dtype), 'not there')} -> "
             f"{after.get((id, dtype), 'not there')})" for id, dtype in keys[:LISTED]]
    more = f"\n    and {len(keys) - LISTED} more" if len(keys) > LISTED else ""
    return "".join(f"\n    {line}" for line in shown) + more
