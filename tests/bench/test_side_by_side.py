"""The comparison of two checkouts takes turns, drops what others disturbed, and prints ratios."""
import os
import subprocess
import sys
import time

import pytest

import side_by_side


@pytest.fixture
def calls(monkeypatch):
    monkeypatch.setattr(side_by_side, "PAUSE", 0)
    monkeypatch.setattr(side_by_side, "LEAST", 0)
    seen: list[str] = []
    return seen, {name: lambda name=name: seen.append(name) for name in "ab"}


def test_each_round_takes_the_turn_opposite_to_the_last_with_one_call_that_does_not_count(
        calls, monkeypatch):
    monkeypatch.setattr(side_by_side, "busy", lambda: 0.0)
    found = side_by_side.rounds(calls[1], 3, 60)
    assert [sorted(seconds) for seconds in found] == [["a", "b"]] * 3
    assert "".join(calls[0]) == "aabb" + "bbaa" + "aabb"


def test_rounds_that_others_disturbed_are_dropped_but_for_processor_time(calls, monkeypatch):
    monkeypatch.setattr(side_by_side, "busy", lambda: 2 * time.perf_counter())
    assert side_by_side.rounds(calls[1], 1, 0.05) == [] and calls[0]
    assert len(side_by_side.rounds(calls[1], 2, 60, cpu=True)) == 2


def test_a_short_call_is_repeated_until_it_can_be_timed(calls, monkeypatch):
    monkeypatch.setattr(side_by_side, "busy", lambda: 0.0)
    monkeypatch.setattr(side_by_side, "LEAST", 0.1)
    start = time.perf_counter()
    found, = side_by_side.rounds({"nap": lambda: time.sleep(0.01)}, 1, 60)
    assert 0.01 <= found["nap"] and time.perf_counter() - start >= 0.1


@pytest.mark.skipif(not os.path.exists("/proc/stat"), reason="no /proc/stat here")
def test_a_checkout_is_compared_with_this_one():
    found = subprocess.run(
        [sys.executable, side_by_side.__file__, str(side_by_side.ROOT), "tiny", "--cpu",
         "--what", "step,topk", "--rounds", "1", "--callers", "2"], capture_output=True, text=True,
        timeout=120, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert found.returncode == 0, found.stderr
    for what in ("step", "topk"):
        assert f"tiny {what} float32, 1 rounds: other / this " in found.stdout
