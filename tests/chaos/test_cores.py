"""What the kernel counts: who ran, and who waited for a core."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ringcheck_chaos.cores import Turns, available, since, turns

BUSY = "while True: pass"
linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux counts")


@linux
def test_a_child_that_runs_is_seen() -> None:
    """What a descendant spends, and what it waits, is counted with ours."""
    before = turns(os.getpid())
    with subprocess.Popen([sys.executable, "-c", BUSY]) as child:
        deadline = time.monotonic() + 60
        try:
            while since(before, turns(os.getpid())).ran_s < 0.3 and time.monotonic() < deadline:
                child.poll()
                time.sleep(0.02)
            assert child.pid in turns(os.getpid())
            assert since(before, turns(os.getpid())).ran_s >= 0.3
        finally:
            child.kill()


@linux
def test_who_shares_a_core_waits() -> None:
    """Two that want one core at a time wait, for about as long as the other runs."""
    core = min(os.sched_getaffinity(0))
    pin = f"import os; os.sched_setaffinity(0, {{{core}}})\n{BUSY}"
    children = [subprocess.Popen([sys.executable, "-c", pin]) for _ in range(2)]
    deadline = time.monotonic() + 60
    try:
        while time.monotonic() < deadline:
            spent = [since({}, turns(child.pid)) for child in children]
            if all(each.waited_s > 0.1 for each in spent):
                break
            time.sleep(0.02)
        assert all(each.waited_s > 0.1 for each in spent)
    finally:
        for child in children:
            child.kill()
            child.wait()


def test_what_is_gone_or_not_told_is_nothing(tmp_path: Path) -> None:
    """A process that has ended, a kernel that does not count: no turns."""
    assert turns(os.getpid(), tmp_path) == {}
    task = tmp_path / "7" / "task" / "7"
    task.mkdir(parents=True)
    assert turns(7, tmp_path) == {}
    (task / "children").write_text("")
    (task / "schedstat").write_text("2000000000 500000000 3\n")
    assert turns(7, tmp_path) == {7: Turns(2.0, 0.5)}


def test_since() -> None:
    """All run together, and one of them waits longest. New ones count from their beginning, ended ones no more."""
    before = {1: Turns(1.0, 2.0), 2: Turns(5.0, 5.0)}
    after = {1: Turns(1.5, 4.0), 3: Turns(0.25, 0.5)}
    assert since(before, after) == Turns(0.75, 2.0)
    assert since(before, {}) == Turns(0.0, 0.0)


def test_available() -> None:
    """At least the core that this runs on."""
    assert available() >= 1
