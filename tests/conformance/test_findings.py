"""The scripts in findings/: each can be sent to the maintainers of a library as it stands."""
import os
import re
import subprocess
from pathlib import Path

import pytest

FINDINGS = Path(__file__).parents[2] / "findings"
SCRIPTS = sorted(FINDINGS.glob("*.sh"))
UNPINNED = {"setuptools", "manylinux1_x86_64"}        # a tool of the environment, and no package
PINNED = re.compile(r"==|.@\d")         # by pip, by npm
FOREIGN = re.compile(r"npadasoft|https?:|/root|/work|/home|/tmp/")


def faults(text):
    """What keeps a script from being sent: a list, empty if nothing does."""
    lines = text.splitlines()
    head = lines[1:next(i for i, line in enumerate(lines + [""]) if not line.startswith("#"))]
    lists = re.findall(r'\b(?:pip"?|npm) install ([^|>\n]*)', text.replace("\\\n", " "))
    packages = [word for line in lists for word in line.split() if re.match(r"@?[a-z]", word, re.I)]
    rules = {
        "bash": lines[0] == "#!/usr/bin/env bash",
        "says when it was seen": re.search(r"Seen 20\d\d-\d\d-\d\d", " ".join(head)),
        "stops at an error": re.search(r"^set -e", text, re.M),
        "makes a folder": "mktemp -d" in text,
        "installs": packages,
        "pins": all(PINNED.search(word) or word in UNPINNED for word in packages),
        "names nothing of ours": not FOREIGN.search(text),
    }
    return [rule for rule, kept in rules.items() if not kept]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_finding_can_be_sent_as_it_stands(script):
    text = script.read_text()
    assert not faults(text)
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", script]).returncode == 0


@pytest.mark.parametrize("right, wrong, fault", [
    ("Seen 2026", "Met 2026", "says when it was seen"),
    ("optax==0.2.8", "optax", "pins"),
    ("mktemp -d", "echo .", "makes a folder"),
    ("import optax", "import optax, npadasoft", "names nothing of ours"),
])
def test_what_keeps_a_script_from_being_sent_is_found(right, wrong, fault):
    text = (FINDINGS / "optax_labels_that_are_none.sh").read_text()
    assert right in text and faults(text.replace(right, wrong)) == [fault]


def test_a_package_of_npm_without_a_version_is_found_as_well():
    text = (FINDINGS / "tfjs_mirrored_and_resized.sh").read_text()
    assert not faults(text) and faults(text.replace("tfjs@4.22.0 ", "tfjs ")) == ["pins"]


def test_the_list_says_of_each_finding_what_its_first_line_says():
    listed = (FINDINGS / "README.md").read_text()
    for script in SCRIPTS:
        title = script.read_text().splitlines()[1].removeprefix("# ")
        assert f"- [`{script.stem}`]({script.name}): {title}" in listed, script.name
