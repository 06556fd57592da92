"""The supervisor leaves nothing behind, however its owner ends."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest

if TYPE_CHECKING:
    from tests.chaos.conftest import Until

OWNER = """
import asyncio, os, sys
from pathlib import Path
from ringcheck_chaos.processes import Supervisor

DAEMON = '''
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open(sys.argv[1] + "/daemon", "w").write(str(os.getpid()))
        time.sleep(600)
    os._exit(0)
os.wait()
time.sleep(600)
'''

async def main():
    folder = Path(sys.argv[1]) / "run"
    folder.mkdir()
    supervisor = await Supervisor.start(folder)
    node = supervisor.process("n1", [sys.executable, "-c", DAEMON, sys.argv[1]], log_path=folder / "n1.log")
    await node.start()
    print(os.getpid(), supervisor.pid, node.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""

Family: TypeAlias = tuple[subprocess.Popen[str], int, int, int]


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def family(tmp_path: Path, until: "Until") -> Iterator[Family]:
    """An owner, its supervisor, a node and the node's daemon, all running, by their pids."""
    with subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        pids = [int(pid) for pid in owner.stdout.readline().split()]
        daemon = tmp_path / "daemon"
        until(lambda: daemon.exists() and daemon.read_text())
        pids.append(int(daemon.read_text()))
        assert all(map(alive, pids))
        try:
            yield owner, pids[1], pids[2], pids[3]
        finally:
            owner.kill()
            for pid in pids[1:]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def test_nothing_outlives_an_owner_that_is_killed(family: Family, tmp_path: Path, until: "Until") -> None:
    """After SIGKILL of the owner no process is left within five seconds, the daemon included, and no folder."""
    owner, supervisor, node, daemon = family
    owner.kill()
    owner.wait()
    until(lambda: not any(map(alive, (supervisor, node, daemon))), deadline_s=5.0)
    assert not (tmp_path / "run").exists()


def test_supervisor_cleans_up_when_it_is_terminated(family: Family, tmp_path: Path, until: "Until") -> None:
    """On SIGTERM it does the same."""
    _, supervisor, node, daemon = family
    os.kill(supervisor, signal.SIGTERM)
    until(lambda: not any(map(alive, (supervisor, node, daemon))), deadline_s=5.0)
    assert not (tmp_path / "run").exists()


def test_interrupt_is_not_for_the_supervisor(family: Family) -> None:
    """Ctrl-C is the owner's to deal with: the supervisor goes on, and is in a session of its own anyway."""
    _, supervisor, node, _ = family
    os.kill(supervisor, signal.SIGINT)
    assert os.getsid(supervisor) == supervisor != os.getsid(0)
    assert alive(supervisor)
    assert alive(node)


def test_stopped_processes_are_killed_too(family: Family, until: "Until") -> None:
    """A paused process does not survive either."""
    owner, supervisor, node, _ = family
    os.kill(node, signal.SIGSTOP)
    owner.kill()
    until(lambda: not alive(supervisor) and not alive(node), deadline_s=5.0)


def test_children_start_with_default_signals(tmp_path: Path) -> None:
    """What the supervisor does about signals is not inherited: its children can be interrupted."""
    source = "from signal import *; print(getsignal(SIGINT) == default_int_handler, getsignal(SIGTERM) == SIG_DFL)"
    log = tmp_path / "n1.log"
    request = {
        "id": 1,
        "do": "start",
        "name": "n1",
        "argv": [sys.executable, "-c", source],
        "env": dict(os.environ),
        "cwd": None,
        "log": str(log),
    }
    argv = [sys.executable, "-m", "ringcheck_chaos.supervisor", str(tmp_path / "run")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdin
        assert supervisor.stdout
        supervisor.stdin.write(json.dumps(request) + "\n")
        supervisor.stdin.flush()
        messages = [json.loads(supervisor.stdout.readline()) for _ in range(3)]
        supervisor.stdin.close()
    pid = messages[0]["pid"]
    assert messages == [
        {"id": 1, "pid": pid},
        {"event": "exit", "name": "n1", "pid": pid, "code": 0},
        {"event": "gone", "name": "n1", "pid": pid},
    ]
    assert log.read_text() == "True True\n"
