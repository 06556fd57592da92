"""Processes that are started, killed, paused and started again."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest

from ringcheck_chaos.processes import Process, ProcessError, Supervisor, SupervisorGoneError, kill_all

if TYPE_CHECKING:
    from tests.chaos.conftest import Until

SLEEP = [sys.executable, "-c", "import os, time; os.write(1, b'up\\n'); time.sleep(600)"]
DEAF = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.write(1, b"up\\n")
time.sleep(600)
"""
DEADLINE_S = 30.0

WithinRun: TypeAlias = Callable[[Callable[[Supervisor], Awaitable[None]]], None]


@pytest.fixture
def within_run(tmp_path: Path) -> WithinRun:
    """Runs a scenario with a supervisor; all must be over when the supervisor is closed."""

    def run(scenario: Callable[[Supervisor], Awaitable[None]]) -> None:
        folder = tmp_path / "run"
        folder.mkdir()

        async def main() -> None:
            async with await Supervisor.start(folder) as supervisor:
                await scenario(supervisor)
            assert not exists(supervisor.pid)

        asyncio.run(main())
        assert not folder.exists()

    return run


async def written(process: Process, text: str = "up") -> None:
    """Wait until the log of a process is this text."""
    deadline = time.monotonic() + DEADLINE_S
    while process.log_tail() != text:
        assert time.monotonic() < deadline, f"{process.name} wrote {process.log_tail()!r}, not {text!r}"
        await asyncio.sleep(0.005)


def exists(pid: int | str | None) -> bool:
    """Whether the kernel knows a process."""
    return Path(f"/proc/{pid}").exists()


def test_kill_and_restart(within_run: WithinRun, tmp_path: Path) -> None:
    """A killed process is gone when `kill` returns, says so, and can be started again with the same log."""

    async def scenario(supervisor: Supervisor) -> None:
        node = supervisor.process("n1", SLEEP, log_path=tmp_path / "n1.log")
        assert not node.running
        first = await node.start()
        await written(node)
        assert node.running
        proof = await node.kill()
        assert proof.bit
        assert proof.detail == f"n1 killed (pid {first})"
        assert proof.began < proof.ended
        assert (node.running, node.returncode) == (False, -signal.SIGKILL)
        assert not exists(first)
        second = await node.start()
        assert second != first
        await written(node, "up\nup")

    within_run(scenario)


def test_whole_group_is_killed(within_run: WithinRun, tmp_path: Path) -> None:
    """A node behind a wrapper dies with its wrapper."""

    async def scenario(supervisor: Supervisor) -> None:
        child = tmp_path / "child"
        argv = ["sh", "-c", f"sleep 600 & echo $! > {child}; echo up; wait"]
        node = supervisor.process("n1", argv, log_path=tmp_path / "n1.log")
        await node.start()
        await written(node)
        assert (await node.kill()).bit
        assert not exists(child.read_text().strip())

    within_run(scenario)


def test_several_are_killed_together(within_run: WithinRun, tmp_path: Path) -> None:
    """All are gone when `kill_all` returns; one that had ended by itself is not claimed as killed."""

    async def scenario(supervisor: Supervisor) -> None:
        nodes = [supervisor.process(f"n{i}", SLEEP, log_path=tmp_path / f"n{i}.log") for i in range(3)]
        for node in nodes:
            await node.start()
        assert (await kill_all(nodes)).bit
        assert [node.returncode for node in nodes] == [-signal.SIGKILL] * 3
        ended = supervisor.process("n3", ["true"], log_path=tmp_path / "n3.log")
        await ended.start()
        assert await ended.wait() == 0
        proof = await kill_all([ended])
        assert not proof.bit
        assert proof.detail == f"n3 (pid {ended.pid}) had already ended with 0"

    within_run(scenario)


def test_terminate_is_gentle_first(within_run: WithinRun, tmp_path: Path) -> None:
    """SIGTERM ends a process that listens to it; one that does not is killed after its grace."""

    async def scenario(supervisor: Supervisor) -> None:
        node = supervisor.process("n1", SLEEP, log_path=tmp_path / "n1.log")
        await node.start()
        await written(node)
        assert await node.terminate(DEADLINE_S) == -signal.SIGTERM
        deaf = supervisor.process("n2", [sys.executable, "-c", DEAF], log_path=tmp_path / "n2.log")
        await deaf.start()
        await written(deaf)
        assert await deaf.terminate(0.05) == -signal.SIGKILL

    within_run(scenario)


def test_pause_and_resume_are_proved(within_run: WithinRun, tmp_path: Path) -> None:
    """A paused process is stopped in the kernel's eyes, a resumed one is not; one that has ended proves nothing."""

    async def scenario(supervisor: Supervisor) -> None:
        node = supervisor.process("n1", SLEEP, log_path=tmp_path / "n1.log")
        await node.start()
        await written(node)
        proof = await node.pause()
        assert proof.bit
        assert proof.detail == f"n1 is stopped: state 'T' in /proc/{node.pid}/stat"
        assert node.paused
        assert (await node.resume()).bit
        assert not node.paused
        await node.pause()
        await node.kill()
        proof = await node.pause()
        assert (proof.bit, proof.detail) == (False, "n1 is not stopped: it no longer runs")

    within_run(scenario)


def test_environment_folder_and_log(within_run: WithinRun, tmp_path: Path) -> None:
    """A process has the environment and the folder that it was given, and the tail of its log is its last lines."""

    async def scenario(supervisor: Supervisor) -> None:
        source = "import os; print(os.getcwd(), os.environ.get('WORD'), *range(3), sep='\\n')"
        node = supervisor.process(
            "n1",
            [sys.executable, "-c", source],
            log_path=tmp_path / "n1.log",
            env={"PATH": os.environ["PATH"], "WORD": "yes"},
            cwd=tmp_path,
        )
        assert node.log_tail() == ""
        await node.start()
        assert await node.wait() == 0
        assert node.log_tail() == f"{tmp_path}\nyes\n0\n1\n2"
        assert node.log_tail(2) == "1\n2"

    within_run(scenario)


def test_program_that_does_not_exist(within_run: WithinRun, tmp_path: Path) -> None:
    """A command that cannot be run is one clear sentence, and nothing runs."""

    async def scenario(supervisor: Supervisor) -> None:
        node = supervisor.process("n1", ["/no/such/program", "x"], log_path=tmp_path / "n1.log")
        expected = "n1 cannot be started by '/no/such/program x': No such file or directory: /no/such/program"
        with pytest.raises(ProcessError, match=expected):
            await node.start()
        assert not node.running

    within_run(scenario)


def test_running_process_is_not_started_twice(within_run: WithinRun, tmp_path: Path) -> None:
    """A second start without an end is refused."""

    async def scenario(supervisor: Supervisor) -> None:
        node = supervisor.process("n1", SLEEP, log_path=tmp_path / "n1.log")
        await node.start()
        with pytest.raises(ProcessError, match=r"n1 still runs \(pid \d+\)"):
            await node.start()

    within_run(scenario)


def test_supervisor_that_ended_is_told(tmp_path: Path) -> None:
    """Once the supervisor is gone its processes count as ended, and requests raise instead of waiting."""

    async def main() -> None:
        folder = tmp_path / "run"
        folder.mkdir()
        async with await Supervisor.start(folder) as supervisor:
            node = supervisor.process("n1", SLEEP, log_path=tmp_path / "n1.log")
            await node.start()
            os.kill(supervisor.pid, signal.SIGTERM)
            async with asyncio.timeout(DEADLINE_S):
                assert await node.wait() == -signal.SIGKILL
                await node.gone()
            with pytest.raises(SupervisorGoneError):
                await node.start()

    asyncio.run(main())


WORKER = """
import os, sys, time
from ringcheck_chaos.processes import die_with_parent
die_with_parent(int(sys.argv[1]))
print(os.getpid(), flush=True)
time.sleep(600)
"""
CONTROLLER = """
import os, subprocess, sys
subprocess.run([sys.executable, "-c", sys.argv[1], str(os.getpid())])
"""


def test_worker_dies_with_its_controller(until: "Until") -> None:
    """A process that has asked for it is killed by the kernel when its parent is."""
    argv = [sys.executable, "-c", CONTROLLER, WORKER]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as controller:
        assert controller.stdout
        worker = int(controller.stdout.readline())
        controller.kill()
    # Nobody may reap it here; a zombie has ended all the same.
    until(lambda: _state(worker) in {"", "Z"})


def test_worker_whose_controller_is_gone_already_exits() -> None:
    """Too late for the kernel's help, the process ends by itself and says why."""
    ended = subprocess.run([sys.executable, "-c", WORKER, "1"], capture_output=True, text=True, timeout=20)
    assert ended.returncode == 1
    assert ended.stderr == "The process 1 that started this one has ended.\n"


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""
