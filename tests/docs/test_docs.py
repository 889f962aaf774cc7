"""Nothing in prose is unexecuted: docstrings, and the code, commands and links of every README.

In a page a `python` block runs in the namespace of those before it, and a `text` block right after
it is what it prints.  A `console` block holds commands after `$`; those of
npadasoft are run, and what stands below each is what it prints, where `...` stands for anything.
"""
import contextlib
import doctest
import importlib.util
import io
import json
import os
import pkgutil
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from witnesses import witness

import npadasoft
from npadasoft import adaptive, cli
from npadasoft.conformance.golden import vectors_io
from npadasoft.conformance.judge import plan
from npadasoft.conformance.mistakes import MISTAKES
from npadasoft.conformance.ports import linear
from npadasoft.conformance.ports.ours import Ours
from npadasoft.conformance.wire import encoding, messages

HOUSE = Path(__file__).parents[2]
PAGES = {str(path.relative_to(HOUSE)): path.read_text() for path in
         [HOUSE / "README.md", *sorted((HOUSE / "npadasoft").rglob("README.md"))]
         if "text" not in path.parts}                   # the novels' own: where they are from
README = PAGES["README.md"]
ROOMS = ("gradcheck", "conformance", "interop", "planning", "exercises", "training",
         "bench")
MODULES = ["npadasoft", *(m.name for m in pkgutil.walk_packages(npadasoft.__path__, "npadasoft.")
                          if not m.name.endswith("__main__") and ".templates" not in m.name)]
SNIPPETS = Path(__file__).parents[1] / "rule_snippets"
ALONE = "### Linear and linear_backward"
BEYOND = "### Along a direction, and the adaptive input"
PORT = Path(__file__).parents[1] / "ports" / "plain_python.py"
FENCED = re.compile(r"^(#+ [^\n]*)$|^```(\w*)\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\]\(([^)\s]+)\)")
OURS = re.compile(r"`((?:npadasoft|tests|notebooks|findings)/[\w./*-]+)`")
PUBLIC = ("https://arxiv.org/", "https://keepachangelog.com/")      # addresses of others
SLOW = ("train", "bench", "ports", "conform --port", "gradcheck --port", "plan \"$(", "verify",
        "vectors regenerate")     # minutes, or files of others: by hand, or in tests of their own


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_docstring_print_what_they_say(name):
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


def blocks(page):
    """(heading, language, text, the text block after it or None) of a page, in order."""
    found, heading = [], ""
    for match in FENCED.finditer(page):
        if match[1]:
            heading = match[1]
        else:
            found.append([heading, match[2], match[3], None])
            if match[2] == "text" and len(found) > 1 and found[-2][1] == "python":
                found[-2][3] = match[3]
    return found


def commands(page):
    """(command, what it prints) of the console blocks that are npadasoft's."""
    for _, language, text, _ in blocks(page):
        if language == "console":
            for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
                command, _, printed = part.partition("\n")
                if command.startswith("npadasoft ") and " -- " not in command and not any(
                        command.startswith(f"npadasoft {slow}") for slow in SLOW):
                    yield command, printed


def anchors(page):
    """The names that a heading can be linked to by: GitHub's, lower case with dashes."""
    prose = re.sub(r"^```.*?^```$", "", page, flags=re.M | re.S)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)$", prose, re.M)}


@contextlib.contextmanager
def printing(folder):
    before, stream = os.getcwd(), io.StringIO()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(stream):
            yield stream
    finally:
        os.chdir(before)


@pytest.mark.parametrize("name", PAGES)
def test_the_python_of_a_page_runs_and_prints_what_it_says(name, tmp_path):
    namespace, absent, optional = {"__name__": "readme"}, [], []
    for heading, language, code, expected in blocks(PAGES[name]):
        if language == "python":
            needed = re.findall(r"# pip install (\w+)", code)
            if not all(map(importlib.util.find_spec, needed)):
                absent += needed
                continue
            missing = [package for package in re.findall(r"# where there is (\w+)", code)
                       if not importlib.util.find_spec(package)]
            if missing:                 # CI has not all of them
                optional += missing
                continue
            with printing(tmp_path) as stream:
                exec(compile(code, f"{name}: {heading}", "exec"), namespace)
            if expected is not None:
                assert stream.getvalue() == expected, heading
    for package in absent:              # the skip comes when all that can run has run
        witness(package)
    if optional:
        pytest.skip(f"the rest ran, but not what needs {', '.join(optional)}: pip install it")


@pytest.mark.parametrize("language, file", [
    ("python", "rule.py"), ("javascript", "rule.js"), ("r", "rule.R"), ("cpp", "rule.hpp")])
def test_the_rule_in_other_languages_is_the_one_that_is_tested(language, file):
    found = [text for _, lang, text, _ in blocks(PAGES["npadasoft/conformance/README.md"])
             if lang == language]
    assert (SNIPPETS / file).read_text() in found


@pytest.mark.parametrize("command, expected", [pair for page in PAGES.values()
                                               for pair in commands(page)],
                         ids=lambda value: value[:40])
def test_the_commands_of_a_page_print_what_it_says(command, expected, tmp_path):
    with printing(tmp_path) as stream:
        status = cli.main(shlex.split(command, comments=True)[1:])
    assert status == 0
    if expected.strip():
        pattern = "".join(".*?" if part == "..." else re.escape(part)
                          for part in re.split(r"(\.\.\.)", expected.strip()))
        assert re.fullmatch(pattern, stream.getvalue().strip(), re.S), stream.getvalue()


@pytest.mark.parametrize("name", PAGES)
def test_every_link_of_a_page_leads_somewhere(name):
    folder = (HOUSE / name).parent
    for target in LINK.findall(PAGES[name]):
        if not target.startswith(PUBLIC):
            path, _, anchor = target.partition("#")
            assert ":" not in path and not path.startswith("/"), f"not relative: {target}"
            there = (folder / path).resolve() if path else HOUSE / name
            assert there.exists(), target
            assert not anchor or anchor in anchors(there.read_text()), target


@pytest.mark.parametrize("name", PAGES)
def test_every_file_that_a_page_names_exists(name):
    for path in OURS.findall(PAGES[name]):
        assert list(HOUSE.glob(path)), path


def spoken(heading="## The protocol on one page"):
    """(who, message) of each line on the page of the protocol: > is the judge, < the port."""
    page = PAGES["npadasoft/conformance/README.md"]
    text, = (block[2] for block in blocks(page) if block[0] == heading)
    return [(said[0], json.loads(said[1:]))
            for said in re.split(r"^(?=[<>] )", text, flags=re.M)[1:]]


def test_a_port_answers_as_the_page_of_the_protocol_says():
    asked = "".join(json.dumps(message) + "\n" for who, message in spoken() if who == ">")
    answers = subprocess.run([sys.executable, PORT], input=asked, text=True, capture_output=True,
                             timeout=60, check=True).stdout.splitlines()
    expected = [message for who, message in spoken() if who == "<"]
    assert [who for who, _ in spoken()] == [">", "<"] * len(expected) + [">"]
    for message, line in zip(expected, answers, strict=True):
        answer = {**json.loads(line)}
        results = answer.get("results", {})
        if "results" in message:            # a port may answer more of `want` than the page shows
            answer["results"] = {name: results[name] for name in message["results"]}
        assert {"seq": None, **message} == answer


@pytest.mark.parametrize("port, heading", [(Ours, BEYOND), (linear.Ours, ALONE)])
def test_the_layer_itself_answers_as_the_page_says_of_what_no_port_in_a_file_has(port, heading):
    said = spoken(heading)
    for (_, asked), (_, answer) in zip(said[::2], said[1::2], strict=True):
        groups = {group: {name: np.reshape(t["data"], t["shape"]) for name, t in
                          asked.get(group, {}).items()}
                  for group in ("params", "inputs", "cotangents", "tangents")}
        found = port().run(messages.Request(*(asked[k] for k in ("id", "op", "dtype", "config")),
                                            **groups, want=tuple(asked["want"])))
        assert {name: encoding.encode_tensor(name, a) for name, a in found.results.items()} == \
            answer["results"]


def test_the_page_of_the_protocol_shows_every_message_of_the_schema_and_they_fit_it():
    validator = witness("jsonschema").Draft202012Validator
    schema = json.loads((HOUSE / "npadasoft/conformance/schemas/message.schema.json").read_text())

    def fits(message, part):
        return validator({**part, "$defs": schema["$defs"]}).is_valid(message)
    unseen, lines = [], spoken() + spoken(BEYOND) + spoken(ALONE)
    for who, kind, forms in (">", "request", "oneOf"), ("<", "answer", "anyOf"):
        said = [message for side, message in lines if side == who]
        assert all(fits(message, {"$ref": f"#/$defs/{kind}"}) for message in said)
        unseen += [form["required"] for form in schema["$defs"][kind][forms]
                   if not any(fits(message, form) for message in said)]
    assert unseen == []
    asked = {message["op"] for _, message in lines if "op" in message}
    assert asked == {*messages.OPS, *messages.LINEAR} - {"shapes"}


def test_the_page_of_the_protocol_says_what_trace_belongs_to_an_operation_and_how_long_lines_get():
    page = PAGES["npadasoft/conformance/README.md"]
    said = re.search(r"To `forward` belong(.*?); to `backward`(.*?); to the others none", page,
                     re.S)
    found, longest = {"forward": set(), "backward": set()}, 0
    info = messages.PortInfo("all", trace=("*", "*.*", "*.*.*", "*.*.*.*"))
    for case in vectors_io.load():
        for request in plan.requests_of(case, "float64", info)[0]:
            longest = max(longest, len(json.dumps(encoding.encode_request(request, 1))))
            for name in request.want:
                if not plan.is_public(name):
                    found[request.op].add(re.sub(r"\.\d+\.", ".*.", name))
    for group, op in zip(said.groups(), found):
        explained = re.sub(r"\(.*?\)", "", group, flags=re.S)
        assert set(re.findall(r"`([\w.*]+)`", explained)) == found[op]
    assert f"The longest request has {longest / 1000:.0f} kB" in page


def test_the_page_of_the_protocol_names_every_kind_of_error_and_is_what_the_command_prints():
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert cli.main(["port-template", "--protocol"]) == 0
    printed = out.getvalue()
    assert printed in PAGES["npadasoft/conformance/README.md"]
    assert printed.startswith("## The protocol on one page\n") and printed.count("\n## ") == 0
    for word in (*messages.ERROR_KINDS, *messages.OPS, "port-template --protocol"):
        assert word in printed


def test_the_report_in_readme_is_one_that_notebook_7_printed():
    report, = (block[2] for block in blocks(README) if block[:2] == ["## Judge a port", "text"])
    cells = json.loads((HOUSE / "notebooks" / "07_porting.ipynb").read_text())["cells"]
    assert any(report in "".join(output.get("text", "")) for cell in cells
               for output in cell.get("outputs", ()))


def test_the_mistakes_that_pages_quote_have_these_sentences():
    quoted = [match for page in PAGES.values() for match in re.findall(
        r"your answer is what this mistake gives: `([\w-]+)`, (.*)", page)]
    assert len(quoted) >= 3
    for name, sentence in quoted:
        assert sentence == MISTAKES[name].sentence


def test_nothing_is_said_on_two_pages():
    where = {}
    for name, page in PAGES.items():
        words = re.findall(r"[\w']+", re.sub(r"^```.*?^```$|`[^`]*`|\]\([^)]*\)", "", page,
                                             flags=re.M | re.S))
        for at in range(len(words) - 9):
            first = where.setdefault(tuple(words[at:at + 10]), name)
            assert first == name, f"{first} and {name} both say: {' '.join(words[at:at + 10])}"


def test_the_page_of_the_protocol_names_what_index_base_shifts():
    page = PAGES["npadasoft/conformance/README.md"]
    shifts = re.search(r"It shifts(.*?), and nothing else", page, re.S)[1]
    assert set(re.findall(r"`([\w.*]+)`", shifts)) == {
        *messages.SHIFTED_TENSORS, "ignore_index", "padding_index"}


def test_readme_is_short():
    assert len(README.splitlines()) <= 220


def test_readme_leads_to_every_room_every_file_of_the_layer_and_every_command():
    for room in ROOMS:
        assert f"](npadasoft/{room}/README.md)" in README
    for name in ("reference", "cutoffs", "functional", "adaptive", "search", "parameters", "arrays",
                 "checks", "fused", "state", "passes"):
        assert f"[`{name}.py`](npadasoft/{name}.py)" in README
    for command in cli.COMMANDS:
        assert f"npadasoft {command}" in README


def test_one_legend_of_letters_stands_everywhere():
    legend = re.search(r"^    N rows .*?(?=\n\n)", adaptive.__doc__, re.M | re.S)[0]
    assert legend in README
    for name in "02_forward_by_hand", "03_backward_by_hand":
        cells = json.loads((HOUSE / "notebooks" / f"{name}.ipynb").read_text())["cells"]
        assert any(legend in "".join(cell["source"]) for cell in cells), name


def test_the_blocks_of_the_pages_are_found():
    kinds = {block[1] for page in PAGES.values() for block in blocks(page)}
    assert {"python", "text", "console", "javascript", "r", "cpp"} <= kinds
    assert len([pair for page in PAGES.values() for pair in commands(page)]) >= 3
