"""The example of the training README: the gradient of a batch as a sum over processes."""
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from witnesses import witness

PAGE = Path(__file__).parents[2] / "npadasoft" / "training" / "README.md"


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """A folder that holds the example as shards.py."""
    witness("distributed")
    folder = tmp_path_factory.mktemp("shards")
    code = re.search(r"```python\n(# pip install distributed\n.*?)```", PAGE.read_text(), re.S)[1]
    assert len(code.splitlines()) <= 60
    (folder / "shards.py").write_text(code)
    return folder


def run(folder, *words):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path]),
                   "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "3s"}   # of one that is gone
    found = subprocess.run([sys.executable, *words], cwd=folder, env=environment, timeout=300,
                           capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_the_example_prints_what_the_page_says(example):
    printed = run(example, "shards.py")
    assert "one worker: True" in printed
    assert f"$ python shards.py\n{printed}" in PAGE.read_text()


KILLED = """
import os, pathlib, signal
import numpy as np
from dask.distributed import Client, LocalCluster
from npadasoft import AdaptiveLogSoftmaxWithLoss
import shards

flag = pathlib.Path("killed")

def dying(layer, x, y):
    if x[0, 0] == 7 and not flag.exists():              # the fifth shard, the first time
        flag.write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGKILL)
    return shards.share(layer, x, y)

if __name__ == "__main__":
    layer = AdaptiveLogSoftmaxWithLoss(8, 60, [10, 30], 2.0, reduction="sum", rng=0)
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((64, 8)), rng.integers(0, 60, 64)
    x[32, 0] = 7
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        with Client(cluster) as client:
            found = shards.step(client, layer, x, y, dying)
    sums = [shards.share(layer, *rows) for rows in zip(np.split(x, 8), np.split(y, 8))]
    while len(sums) > 1:
        sums = [shards.added(*sums[i:i + 2]) for i in range(0, len(sums), 2)]
    due, whole = sums[0], shards.share(layer, x, y)
    same = (found[0] == due[0] and np.array_equal(found[1], due[1])
            and all(np.array_equal(a, b) for (_, a), (_, b) in zip(found[2].items(),
                                                                   due[2].items())))
    close = all(abs(a - b).max() <= 64 * 2.0**-50 * max(1, abs(b).max())
                for (_, a), (_, b) in zip(found[2].items(), whole[2].items()))
    print(flag.exists(), same, close)
"""


def test_a_worker_that_is_killed_in_mid_step_changes_no_bit(example):
    (example / "killed.py").write_text(KILLED)
    assert run(example, "killed.py").split() == ["True", "True", "True"]
