"""The offline way: what is said of files that are cut or out of order, and how to repeat it."""
import pytest
from test_conform import PLAIN, answer_file, call

from npadasoft.conformance import command


@pytest.fixture
def answers(tmp_path):
    call(command.vectors, "export", str(tmp_path), "--only", "T0*", "--dtype", "float64")
    return answer_file(tmp_path, PLAIN)


def test_a_file_that_ends_early_is_told_at_which_line(answers):
    lines = answers.read_text().splitlines(keepends=True)
    assert "ends at line" not in call(command.verify, str(answers))[1]
    answers.write_text("".join(lines[:5]))
    _, out, _ = call(command.verify, str(answers))
    assert out.splitlines()[2] == f"{answers} ends at line 5 of {len(lines)}"
    assert "ends at line" not in call(command.verify, str(answers), "--quiet")[1]
    answers.write_text("".join(lines[:5] + lines[6:]))          # one is left out, none cut
    assert "ends at line" not in call(command.verify, str(answers))[1]


def test_answers_out_of_order_are_told_so(answers):
    first, *rest = answers.read_text().splitlines(keepends=True)
    answers.write_text("".join([*rest, first]))
    status, _, err = call(command.verify, str(answers))
    assert status == 2 and "answers stand in the order of the requests" in " ".join(err.split())


def test_the_line_that_reproduces_writes_no_report(answers, tmp_path):
    answers.write_text(answers.read_text().replace('"data": [0, 0', '"data": [1, 0'))
    requests = str(answers.parent / "requests.jsonl")
    options = ["--report", str(tmp_path / "r.json"), "--all", "--only", "T*"]
    for more in ([], ["--requests", requests]):
        status, out, _ = call(command.verify, str(answers), *options, *more)
        again = " ".join(["npadasoft verify", str(answers), *more])
        assert status == 1 and f"reproduce: {again} --only T01 " in out


@pytest.mark.parametrize("name", ["r.pdf", "r", "r.jsonl"])
def test_a_report_of_another_ending_is_refused_with_those_that_there_are(tmp_path, name):
    status, _, err = call(command.conform, "--port", "ours", "--only", "T03", "--report",
                          str(tmp_path / name))
    assert status == 2 and "a report ends in .json, .xml, .html, .htm" in " ".join(err.split())
    assert not (tmp_path / name).exists()
