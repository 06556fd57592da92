"""However a run ends, nothing of it stays: no process, no temporary folder."""

import signal
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Program


STARTS_WITHIN_S = 60.0
GONE_WITHIN_S = 5.0


@pytest.fixture
def interrupted(program: "Program", request: pytest.FixtureRequest) -> "Iterator[tuple[Program, int, str]]":
    """A run whose two clusters were up when it got a signal; with its exit code and what it printed."""
    runner = program.start("run", "--nodes", "3", "-n", "2", "--out", "ringcheck-results")
    try:
        deadline = time.monotonic() + STARTS_WITHIN_S
        while sum("ringcheck_reference" in line for line in program.processes()) < 6:
            assert runner.poll() is None
            assert time.monotonic() < deadline, program.processes()
            time.sleep(0.1)
        runner.send_signal(request.param)
        printed, _ = runner.communicate(timeout=30)
        yield program, runner.returncode, printed
    finally:
        runner.kill()
        runner.wait()


@pytest.mark.parametrize("interrupted", [signal.SIGINT, signal.SIGTERM], indirect=True)
def test_an_interrupted_run_cleans_up_before_it_ends(interrupted: "tuple[Program, int, str]") -> None:
    """Ctrl-C and SIGTERM: exit 130, what was found, and everything gone when the program ends."""
    program, code, printed = interrupted
    assert program.processes() == []
    assert list(program.temporary.iterdir()) == []
    assert code == 130, printed
    assert "interrupted; this is what was found until then" in printed


@pytest.mark.parametrize("interrupted", [signal.SIGKILL], indirect=True)
def test_a_killed_run_leaves_nothing_for_longer_than_five_seconds(interrupted: "tuple[Program, int, str]") -> None:
    """SIGKILL of the runner: workers die with it, supervisors kill their clusters and remove their folders."""
    program, code, _ = interrupted
    assert code == -signal.SIGKILL
    deadline = time.monotonic() + GONE_WITHIN_S
    while program.processes() or any(program.temporary.iterdir()):
        assert time.monotonic() < deadline, program.processes()
        time.sleep(0.05)
