"""Golden vectors: reading them, choosing among them, making them again.

They are package data: `vectors/MANIFEST.json`, one file a feature, and `io.json` for the self-test
of numbers. What is made anew is the same to the last byte on any machine; a case whose inputs have
not changed is taken from the file that is there.
"""
from __future__ import annotations

import difflib
import hashlib
import json
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path
from typing import Any, Callable, Iterable

from npadasoft.conformance.golden import oracle
from npadasoft.conformance.golden.cases import FEATURES, SUITE, catalogue, flags, numbers
from npadasoft.conformance.golden.expected import case_of
from npadasoft.conformance.golden.recipe import Recipe

Case = dict[str, Any]
LICENSE = "CC0-1.0"


def read(name: str) -> Any:
    """One JSON file of the installed vectors, `name` as in MANIFEST.json."""
    file = resources.files("npadasoft.conformance") / "vectors" / name
    return json.loads(file.read_text("utf-8"))


def load() -> list[Case]:
    """All cases, in the order of the files and within them."""
    return [case for name in FEATURES for case in read(f"{name}.json")["cases"]]


def load_flags() -> dict[str, Any]:
    """Flag -> its bug type, description, effect and links."""
    found: dict[str, Any] = {}
    for name in FEATURES:
        found |= read(f"{name}.json")["flags"]
    return found


def load_numbers() -> dict[str, Any]:
    """dtype -> {"data": numbers as they are written, "bits": their patterns, in hex}."""
    return read("io.json")["numbers"]


def select(cases: Iterable[Case], only: Iterable[str] = (), tiers: Iterable[str] = (),
           with_flags: Iterable[str] = ()) -> list[Case]:
    """Those whose id fits one of the patterns `only` (T03, T*), whose tier is among `tiers` and
    that have a flag.

    Examples
    --------
    >>> [case["id"] for case in select(load(), only=["T03"])]
    ['T03']
    """
    only, tiers, with_flags = list(only), set(tiers), set(with_flags)
    return [case for case in cases
            if (not only or any(fnmatchcase(case["id"], pattern) for pattern in only))
            and (not tiers or case["tier"] in tiers)
            and (not with_flags or with_flags & set(case["flags"]))]


def meant(id: str, ids: Iterable[str]) -> str:
    """": was T03 meant?", or how to list them, for an id that there is not.

    Examples
    --------
    >>> meant("t3", ["T23", "T03"]), meant("T033", ["S01", "T03"])
    (': was T03 meant?', ': was T03 meant?')
    """
    id, ids = id.upper(), list(ids)
    padded = f"{id[:1]}{id[1:]:0>2}"
    near = [padded] if padded in ids else difflib.get_close_matches(id, ids, n=1)
    return f": was {near[0]} meant?" if near else "; `npadasoft vectors list` lists them"


# ------------------------------------------------------------------ writing

def fingerprint(recipe: Recipe) -> str:
    """Changes when, and only when, expected values have to be computed again."""
    what = [oracle.VERSION, recipe.config, recipe.params, recipe.inputs, recipe.cotangents,
            recipe.ops, recipe.tier, recipe.at, recipe.given]
    what += [recipe.tangents] if recipe.tangents else []
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]


def layout(value: Any, depth: int = 0) -> str:
    """JSON in which every tensor is one line: small files that `git diff` can show."""
    if isinstance(value, dict):
        leaf = not value or bool({"data", "sets", "in_features"} & set(value))
    else:
        leaf = not isinstance(value, list) or not value or not isinstance(value[0], dict)
    if leaf:
        return json.dumps(value, ensure_ascii=False)
    pad = "\n" + " " * (depth + 1)
    if isinstance(value, list):
        return "[" + ",".join(pad + layout(v, depth + 1) for v in value) + pad[:-1] + "]"
    return "{" + ",".join(f"{pad}{json.dumps(k)}: {layout(v, depth + 1)}"
                          for k, v in value.items()) + pad[:-1] + "}"


def files(more: int, known: dict[str, tuple[str, Case]],
          progress: Callable[[str], None]) -> dict[str, str]:
    """Name -> text of every file; `known` holds what need not be computed, by id."""
    texts, listed = {}, {}
    for feature, recipes in catalogue().items():
        cases, prints = [], {}
        for recipe in recipes:
            prints[recipe.id] = fingerprint(recipe)
            cases.append(_case(recipe, prints[recipe.id], more, known, progress))
        used = {flag for case in cases for flag in case["flags"]}
        texts[f"{feature}.json"] = layout({
            "suite": SUITE, "license": LICENSE, "feature": feature,
            "flags": {name: about for name, about in flags.FLAGS.items() if name in used},
            "cases": cases}) + "\n"
        listed[f"{feature}.json"] = prints
    head = {"suite": SUITE, "license": LICENSE}
    texts["io.json"] = layout(head | {"numbers": numbers.NUMBERS}) + "\n"
    texts["MANIFEST.json"] = layout(head | {
        "generator": "npadasoft vectors regenerate",
        "oracle": oracle.VERSION,
        "files": {name: {"sha256": hashlib.sha256(text.encode()).hexdigest(),
                         "cases": listed.get(name, {})} for name, text in texts.items()}}) + "\n"
    return texts


def _case(recipe, mark, more, known, progress) -> Case:
    mark_there, there = known.get(recipe.id, ("", {}))
    if mark_there != mark:
        progress(recipe.id)
        return case_of(recipe, more)
    case = case_of(Recipe(**{**vars(recipe), "given": {}}))
    return case | {"expected": there["expected"]}


def _known(directory: Path) -> dict[str, tuple[str, Case]]:
    """id -> (fingerprint, case) of what stands in a directory."""
    try:
        manifest = json.loads((directory / "MANIFEST.json").read_text("utf-8"))
        return {case["id"]: (about["cases"][case["id"]], case)
                for name, about in manifest["files"].items() if about["cases"]
                for case in json.loads((directory / name).read_text("utf-8"))["cases"]}
    except (OSError, ValueError, KeyError):
        return {}


def regenerate(directory: str | Path, check: bool = False,
               progress: Callable[[str], None] = lambda text: None) -> list[str]:
    """Write the vectors into a directory, or hold what is there against what would be written.

    Parameters
    ----------
    directory : path
        Made if it does not exist.
    check : bool
        Write nothing; compute every case, with 30 more digits and a smaller step, so that "up to
        date" also says that the digits suffice.
    progress : callable
        Called with the id of each case that is computed.

    Returns
    -------
    list of str
        Names of the files that changed, are missing or are too many; empty if all is up to date.
    """
    directory = Path(directory)
    texts = files(30, {}, progress) if check else files(0, _known(directory), progress)
    there = {p.name: p.read_bytes() for p in directory.glob("*.json")} if directory.is_dir() else {}
    changed = [name for name, text in texts.items() if there.get(name) != text.encode()]
    changed += [name for name in there if name not in texts]
    if not check:
        directory.mkdir(parents=True, exist_ok=True)
        for name in changed:
            if name in texts:
                (directory / name).write_bytes(texts[name].encode())
            else:
                (directory / name).unlink()
    return changed
