"""The catalogue and the golden vectors: complete, separating, neither too wide nor too tight."""
import hashlib
import json
import math
import shutil
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

import npadasoft
from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.golden.cases import FEATURES, SUITE, catalogue, flags
from npadasoft.conformance.golden.expected import case_of
from npadasoft.conformance.wire import protocol
from oracles import ORDERS, STYLES, answers, worst_ratio

HERE = Path(npadasoft.__file__).parent / "conformance"
CASES = vectors_io.load()
BY_ID = {case["id"]: case for case in CASES}
RECIPES = {recipe.id: recipe for recipes in catalogue().values() for recipe in recipes}
ANSWERED = [case for case in CASES if case["result"] == "valid" and "inputs" in case
            and case["config"]["cutoffs"]]
DTYPES = (np.float64, np.float32)


def numbers_of(case):
    return [v for group in ("params", "inputs", "cotangents") for t in case.get(group, {}).values()
            for v in map(float, t["data"]) if math.isfinite(v)]


def fits(case, dtype):
    return all(float(dtype(v)) == v for v in numbers_of(case))


def tensors_of(case):
    """(name, block) of every stored tensor, in all acceptable answers."""
    expected = case["expected"]
    for block in expected.get("any_of", [expected]):
        yield from ((n, b) for n, b in block.items() if isinstance(b, dict) and "after" in b)


# ------------------------------------------------------------------ the catalogue


def test_no_id_is_used_twice():
    assert not [id for id, n in Counter(case["id"] for case in CASES).items() if n > 1]


def test_the_first_letter_of_an_id_is_its_file():
    letters = {name: {recipe.id[0] for recipe in recipes} for name, recipes in catalogue().items()}
    assert all(len(found) == 1 for found in letters.values())
    assert len(set.union(*letters.values())) == len(FEATURES)


def test_every_case_says_why_it_exists_and_no_two_say_the_same():
    assert not [c for c, n in Counter(case["comment"] for case in CASES).items() if n > 1 or not c]


def test_every_flag_is_documented_and_every_documented_flag_is_used():
    used = {flag for case in CASES for flag in case["flags"]}
    assert used == set(flags.FLAGS)
    assert vectors_io.load_flags() == flags.FLAGS


def test_each_tier_and_each_result_has_cases():
    assert Counter(case["tier"] for case in CASES) > Counter(
        required=70, quality=15, excellence=5, extensions=10)
    assert {case["result"] for case in CASES} == {"valid", "error"}


def test_at_least_four_gradient_cases_have_three_unequal_tails_and_unequal_n_k_d():
    def unequal(case):
        hidden = [t["shape"][0] for name, t in case["params"].items() if name.endswith(".0.weight")]
        N, D = case["inputs"]["input"]["shape"]
        K = case["params"]["head.weight"]["shape"][0]
        return len(hidden) >= 3 and len(set(hidden)) == len(hidden) and len({N, K, D}) == 3
    found = [case["id"] for case in ANSWERED if "grad.input" in case["expected"]
             and len(case["inputs"]["input"]["shape"]) == 2 and unequal(case)]
    assert len(found) >= 4, found
    assert len([id for id in found if id.startswith("G")]) >= 4


def test_gradient_cases_are_small_and_wide_ones_smaller():
    for case in ANSWERED:
        if "grad.input" in case["expected"] and not RECIPES[case["id"]].at:
            sizes = [*case["params"].values(), case["inputs"]["input"]]
            wide = {"Spread", "Underflow"} & set(case["flags"]) and case["id"] != "N19"
            assert sum(len(t["data"]) for t in sizes) <= (40 if wide else 400), case["id"]


def test_predict_has_one_class_a_row_in_required_cases_but_for_exact_ties():
    for case in ANSWERED:
        if "predict" in case["expected"] and case["tier"] == "required":
            scores = case["expected"]["log_prob"]["data"]
            C = case["config"]["n_classes"]
            for n, allowed in enumerate(case["expected"]["predict"]["sets"]):
                row = scores[n * C:(n + 1) * C]
                assert allowed == [k for k in range(C) if row[k] == max(row)], case["id"]


def test_predict_cases_leave_the_shortlist_and_come_back_from_a_winning_cluster():
    def kind(case, n):
        s, C = case["config"]["cutoffs"][0], case["config"]["n_classes"]
        row = case["expected"]["log_prob"]["data"][n * C:(n + 1) * C]
        ends = [*case["config"]["cutoffs"], C]
        mass = [sum(map(math.exp, row[a:b])) for a, b in zip(ends, ends[1:])]
        cluster_wins = max(mass) > max(map(math.exp, row[:s])) * (1 + 1e-9)
        best = case["expected"]["predict"]["sets"][n]
        return ("shortlist" if best[0] < s else "tail", cluster_wins)
    found = Counter(kind(case, n) for case in CASES if case["id"].startswith("P")
                    for n in range(len(case["expected"]["predict"]["sets"])))
    assert found["shortlist", False] >= 8 and found["tail", True] >= 15
    assert found["shortlist", True] >= 5          # the cluster's column wins, the class does not


def test_requests_of_one_shape_follow_each_other_with_other_numbers():
    states = [case for case in CASES if "State" in case["flags"]]
    assert len(states) == 4
    assert len({json.dumps([c["config"], c["inputs"]["input"]["shape"]]) for c in states}) == 1
    assert len({json.dumps(c["params"]) for c in states}) == 4


def test_a_permuted_batch_has_permuted_values_and_the_same_gradients():
    one, two = BY_ID["T09"]["expected"], BY_ID["T10"]["expected"]
    order = [BY_ID["T09"]["inputs"]["target"]["data"].index(y)
             for y in BY_ID["T10"]["inputs"]["target"]["data"]]
    assert sorted(order) == list(range(9)) != order
    assert two["output"]["data"] == [one["output"]["data"][n] for n in order]
    assert two["predict"]["sets"] == [one["predict"]["sets"][n] for n in order]
    for name in one:
        if name.startswith("grad.") and name.endswith("weight"):
            assert one[name]["data"] == two[name]["data"], name


def test_numbers_fit_float32_but_for_one_case_that_is_there_for_float64():
    assert [case["id"] for case in CASES if not fits(case, np.float32)] == ["N26"]


def test_scores_that_are_called_exact_are_exact_in_float32():
    for case in ANSWERED:
        if "ExactGemm" in case["flags"] and "head_logits" in case["expected"]:
            assert case["expected"]["head_logits"]["exact_bits"] <= 24, case["id"]
    exact = [case for case in ANSWERED
             if case["expected"].get("head_logits", {}).get("exact_bits", 99) <= 24]
    assert len(exact) > 60


def test_a_mean_of_no_rows_is_nan_in_every_case_and_its_gradients_are_zeros():
    """No rows at all, and rows that are all ignored: one rule, and no case takes another answer."""
    none = [case for case in CASES if "target" in case.get("inputs", {}) and
            set(case["inputs"]["target"]["data"]) <= {case["config"].get("ignore_index")}
            and case["config"].get("reduction", "mean") == "mean"]
    found = [(case["id"], name, block) for case in none for name, block in tensors_of(case)]
    losses = {id: block["data"] for id, name, block in found if name == "loss"}
    assert losses == dict.fromkeys(["F06", "F07", "A08", "L22", "L23"], ["nan"])
    assert {v for _, name, block in found if name != "loss" for v in block.get("data", ())} == {0}
    assert not any("any_of" in case["expected"] for case in none)


# ------------------------------------------------------------------ the files


def test_the_files_fit_their_schema():
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((HERE / "schemas" / "file.schema.json").read_text())
    for name in FEATURES:
        jsonschema.validate(vectors_io.read(f"{name}.json"), schema,
                            cls=jsonschema.Draft202012Validator)
    broken = vectors_io.read("shape.json")
    broken["cases"][0]["tier"] = "optional"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema)


@pytest.mark.parametrize("name", ["file", "message", "report"])
def test_the_schemas_are_schemas(name):
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(
        json.loads((HERE / "schemas" / f"{name}.schema.json").read_text()))


def test_every_tensor_has_as_many_numbers_and_bounds_as_its_shape_says():
    for case in CASES:
        for name, block in tensors_of(case):
            if "sets" in block:
                assert len(block["sets"]) == math.prod(block["shape"]), (case["id"], name)
                continue
            count = len(block.get("at", range(math.prod(block["shape"]))))
            assert len(block["data"]) == count, (case["id"], name)
            for key in {"err", "err_sharp"} & set(block):
                assert len(block[key]) == count
            assert ("err_sharp" in block) <= (case["tier"] == "excellence")


def test_every_tensor_is_computed_from_inputs_and_tensors_before_it():
    for case in CASES:
        known = {*case.get("inputs", ()), *[f"cotangents.{c}" for c in case.get("cotangents", {})]}
        for name, block in tensors_of(case):
            assert block["after"] and set(block["after"]) <= known, (case["id"], name)
            known.add(name)


def test_the_manifest_has_the_hash_of_every_file():
    manifest = vectors_io.read("MANIFEST.json")
    found = {p.name: hashlib.sha256(p.read_bytes()).hexdigest()
             for p in (HERE / "vectors").glob("*.json") if p.name != "MANIFEST.json"}
    assert {name: about["sha256"] for name, about in manifest["files"].items()} == found
    assert manifest["suite"] == SUITE == protocol.SUITE and manifest["license"] == "CC0-1.0"


def released():
    """Version -> id -> what its numbers hash to, of every version that came out."""
    return json.loads((Path(__file__).parents[1] / "support" / "released_vectors.json").read_text())


def mark(case):
    """A hash of all numbers of a case: what is asked, and what is right."""
    numbers = {k: v for k, v in case.items() if k not in ("flags", "comment")}
    return hashlib.sha256(json.dumps(numbers, sort_keys=True).encode()).hexdigest()[:16]


def test_no_number_of_a_released_case_changes_and_no_id_is_used_again():
    before = {id: (mark, version) for version, ids in released().items()
              for id, mark in ids.items()}
    now = BY_ID | {"F06": _with_zero_for_nan(BY_ID["F06"])}
    assert {id: (mark(now[id]), now[id]["since"]) for id in before} == before
    assert released().keys() <= {case["since"] for case in CASES}


def _with_zero_for_nan(case):
    """As it was in 1.0.0: a loss of 0 was right, too."""
    nan = case["expected"]
    zero = nan | {"loss": nan["loss"] | {"data": [0.0]}}
    return case | {"result": "acceptable", "expected": {"any_of": [nan, zero]}}


def test_a_new_case_says_since_when_and_the_version_is_the_newest_of_them():
    order = [tuple(map(int, case["since"].split("."))) for case in CASES]
    assert max(order) <= tuple(map(int, SUITE.split(".")))
    new = {case["id"] for case in CASES} - {id for ids in released().values() for id in ids}
    assert {BY_ID[id]["since"] for id in new} <= {SUITE}


def test_all_vectors_together_are_below_three_megabytes():
    assert sum(p.stat().st_size for p in (HERE / "vectors").iterdir()) <= 3_000_000


def test_the_numbers_of_the_self_test_have_the_bits_of_numpy():
    for dtype, table in vectors_io.load_numbers().items():
        for v, bits in zip(table["data"], table["bits"], strict=True):
            with np.errstate(over="ignore"):
                want = np.array(float(v)).astype(dtype)
            got = np.frombuffer(bytes.fromhex(bits), np.dtype(dtype).newbyteorder(">"))[0]
            assert got == want or np.isnan(got) and np.isnan(want)


def test_cases_are_selected_by_pattern_tier_and_flag():
    ids = lambda **how: [case["id"] for case in vectors_io.select(CASES, **how)]
    assert ids(only=["T03"]) == ["T03"]
    assert set(ids(only=["X*", "L20", "L21"])) == set(ids(tiers=["excellence"]))
    assert set(ids(with_flags=["State"])) == {"T22", "T23", "T24", "T25"}
    assert ids() == [case["id"] for case in CASES]


# ------------------------------------------------------------------ made again


@pytest.fixture
def copy(tmp_path):
    return Path(shutil.copytree(HERE / "vectors", tmp_path / "vectors"))


def test_a_case_whose_inputs_have_not_changed_is_not_computed_again(copy):
    computed = []
    assert vectors_io.regenerate(copy, progress=computed.append) == []
    assert computed == []


def test_a_changed_fingerprint_a_missing_file_and_one_too_many_are_mended(copy):
    manifest = json.loads((copy / "MANIFEST.json").read_text())
    manifest["files"]["excellence.json"]["cases"]["X01"] = "another"
    (copy / "MANIFEST.json").write_text(json.dumps(manifest))
    (copy / "stray.json").write_text("{}")
    (copy / "io.json").unlink()
    computed = []
    changed = vectors_io.regenerate(copy, progress=computed.append)
    assert computed == ["X01"]
    assert set(changed) == {"MANIFEST.json", "io.json", "stray.json"}
    assert {p.name: p.read_bytes() for p in copy.iterdir()} == {
        p.name: p.read_bytes() for p in (HERE / "vectors").iterdir()}


def test_checking_finds_an_altered_number_and_writes_nothing(copy, monkeypatch):
    monkeypatch.setattr(vectors_io, "catalogue", few)
    vectors_io.regenerate(copy)
    assert vectors_io.regenerate(copy, check=True) == []
    text = (copy / "excellence.json").read_text()
    (copy / "excellence.json").write_text(text.replace("-48.0", "-48.5", 1))
    assert vectors_io.regenerate(copy, check=True) == ["excellence.json"]
    assert "-48.5" in (copy / "excellence.json").read_text()


def test_a_new_directory_gets_all_files(tmp_path, monkeypatch):
    monkeypatch.setattr(vectors_io, "catalogue", few)
    computed = []
    vectors_io.regenerate(tmp_path / "new", progress=computed.append)
    assert set(computed) == {"S01", "X01", "E01"}
    assert json.loads((tmp_path / "new" / "excellence.json").read_text())["cases"] == [BY_ID["X01"]]


def few():
    return {name: [r for r in recipes if r.id in ("S01", "X01", "E01")]
            for name, recipes in catalogue().items()}


@pytest.mark.parametrize("start", range(4))
def test_a_sample_of_the_stored_cases_is_what_the_oracle_gives_with_thirty_more_digits(start):
    for case in CASES[2 + 8 * start::32]:
        again = json.loads(json.dumps(case_of(RECIPES[case["id"]], 30)))
        assert again == case, case["id"]


@pytest.mark.figures
def test_all_stored_vectors_are_what_the_oracle_gives_with_thirty_more_digits():
    assert vectors_io.regenerate(HERE / "vectors", check=True, progress=print) == []


# ------------------------------------------------------------------ bounds, held against ports


def peaks(cases, style, dtypes=DTYPES):
    """Worst ratio of each case over dtypes and orders of summation: id -> (ratio, tensor)."""
    found = defaultdict(lambda: (0.0, ""))
    for case in cases:
        for dtype in dtypes:
            if fits(case, dtype):
                for order in ORDERS:
                    ratio = worst_ratio(case, dtype, answers(case, dtype, style, order))
                    found[case["id"]] = max(found[case["id"]], ratio)
    return found


@pytest.fixture(autouse=True)
def quiet():
    with np.errstate(all="ignore"):
        yield


@pytest.mark.parametrize("style", STYLES)
def test_correct_ports_come_close_to_the_required_bounds_and_never_exceed_them(style):
    for dtype in DTYPES:
        found = peaks([c for c in ANSWERED if c["tier"] == "required"], style, [dtype])
        worst = max((r, id, name) for id, (r, name) in found.items())
        print(f"{style}, {np.dtype(dtype)}: {worst}")
        assert 0.2 <= worst[0] <= 1, worst


@pytest.mark.parametrize("style", STYLES[:2])
def test_correct_ports_that_shift_first_stay_within_all_other_ordinary_bounds(style):
    found = peaks([c for c in ANSWERED if c["tier"] in ("quality", "extensions")], style)
    assert max(found.values())[0] <= 1, max((v, k) for k, v in found.items())


def test_log1p_and_expm1_reach_excellence():
    found = peaks([c for c in ANSWERED if c["tier"] == "excellence"], STYLES[0])
    assert 0.2 <= max(found.values())[0] <= 1, found


@pytest.mark.parametrize("style", STYLES[1:])
def test_the_textbook_misses_excellence_in_every_case(style):
    found = peaks([c for c in ANSWERED if c["tier"] == "excellence"], style)
    assert min(found.values())[0] > 1000, found


def test_z_minus_logsumexp_misses_quality_where_the_shift_is_large():
    found = peaks([BY_ID["N02"], BY_ID["N05"]], STYLES[2])
    assert min(found.values())[0] > 10, found


def test_an_error_in_the_eleventh_digit_of_any_tensor_is_seen_in_float64():
    for case in ANSWERED:
        if case["tier"] == "excellence" or "NonFinite" in case["flags"]:
            continue
        right = answers(case, np.float64, STYLES[0], "blas")
        for name, block in case["expected"].items():
            at_stake = "sets" not in block and any(
                0.01 < abs(float(v)) < math.inf for v in block["data"])
            if at_stake and not {"LargeShift", "Shift"} & set(case["flags"]):
                wrong = right | {name: right[name] * (1 + 1e-11)}
                assert worst_ratio(case, np.float64, wrong)[0] > 1, (case["id"], name)


def damaged(case, change):
    params = {name: {**t, "data": [change(v) if isinstance(v, float) else v for v in t["data"]]}
              for name, t in case["params"].items()}
    return {**case, "params": params}


@pytest.mark.parametrize("id, change", [
    ("N24", lambda v: float(f"{v:.6g}")), ("N25", lambda v: float(f"{v:.6g}")),
    ("N26", lambda v: float(np.float32(v))), ("N26", lambda v: float(f"{v:.15g}")),
])
def test_a_reader_that_loses_digits_is_seen(id, change):
    case = BY_ID[id]
    wrong = answers(damaged(case, change), np.float64, STYLES[0], "blas")
    assert worst_ratio(case, np.float64, wrong)[0] > 2
    if id != "N26":
        wrong = answers(damaged(case, change), np.float32, STYLES[0], "blas")
        assert worst_ratio(case, np.float32, wrong)[0] > 1


@pytest.mark.parametrize("id, how", [
    ("N03", lambda z: z.max()), ("N04", lambda z: 0 * z.max(-1, keepdims=True)),
    ("N08", lambda z: z.max()), ("N06", lambda z: z.max()),
    ("N06", lambda z: 0 * z.max(-1, keepdims=True)),
])
def test_a_shift_that_is_not_the_rows_own_maximum_is_seen(id, how, monkeypatch):
    def log_softmax(self, z):
        if not z.size:
            return z
        t = z - how(z)
        return t - np.log(np.exp(t).sum(-1, keepdims=True))
    monkeypatch.setattr("oracles.Layer.log_softmax", log_softmax)
    case = BY_ID[id]
    found = answers(case, np.float64, STYLES[0], "blas")
    assert worst_ratio(case, np.float64, found)[0] > 1


@pytest.mark.figures
def test_the_catalogue_and_its_peaks_as_a_table():
    print(f"\nNumPy {np.__version__}; {len(CASES)} cases")
    for tier, n in Counter(case["tier"] for case in CASES).items():
        print(f"  {tier:12} {n:4}")
    print("largest error / bound of correct ports\n")
    print(f"{'tier':12} {'log-softmax':14} {'order':12} {'float64':>10} {'float32':>10}")
    for tier in ("required", "quality", "excellence", "extensions"):
        cases = [case for case in ANSWERED if case["tier"] == tier]
        for style in STYLES:
            for order in ORDERS:
                row = [max(worst_ratio(c, dtype, answers(c, dtype, style, order))[0]
                           for c in cases if fits(c, dtype)) for dtype in DTYPES]
                print(f"{tier:12} {style:14} {order:12} {row[0]:10.3g} {row[1]:10.3g}")
